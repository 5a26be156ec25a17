//! `packhorse channel send`: lines or records of standard input become messages.

use core::time::Duration;
use std::io::BufReader;
use std::time::Instant;

use anyhow::{Context as _, bail};
use packhorse::channel::coalesce::{CoalesceError, Coalescer};
use packhorse::channel::compress::{Compression, Compressor};
use packhorse::channel::packed::RecordReader;
use packhorse::channel::{Address, BackPressure, ClaimedRecord as _, SendError, SendRecords};

use super::args::ChannelSendArgs;
use super::open::{Opening, WithSender, options};
use crate::exit::Exit;
use crate::stdio::{CHUNK, Input};

pub(super) fn run(args: &ChannelSendArgs) -> anyhow::Result<Exit> {
    let end = &args.end;
    if matches!(end.address, Address::Memory(_)) {
        bail!("memory:// channels are inside one process: between processes use ipc://");
    }
    let capacity = end.capacity.map(|bytes| bytes as usize);
    let mut options = options(end.back_pressure, capacity);
    options.message_max = end.message_max.map(|bytes| bytes as usize);
    options.reconnect = end.reconnect;
    options.patience = args.wait;
    let opening = Opening { address: end.address.clone(), mode: end.mode, options, capacity };
    opening.sender(Sending { args })?;
    Ok(Exit::Done)
}

struct Sending<'a> {
    args: &'a ChannelSendArgs,
}

impl WithSender for Sending<'_> {
    type Out = ();

    fn with<S: SendRecords + Send + 'static>(self, sender: S) -> anyhow::Result<()> {
        if matches!(self.args.end.address, Address::Ipc(_)) {
            await_receiver(&sender, self.args.wait)?;
        }
        let compression = self.args.compress.map(|method| {
            let compression = Compression::new(method).checksum(self.args.checksum);
            self.args.shuffle.map_or(compression, |shuffle| compression.shuffle(shuffle))
        });
        let compressor = compression.map(Compressor::new).transpose()?;
        let coalescer = self.args.end.coalesce.then(|| {
            let most = sender.largest().min(packhorse::channel::coalesce::COALESCED);
            Coalescer::with_capacity(most.saturating_sub(packhorse::channel::compress::TRAILER_MAX))
        });
        let drops =
            matches!(self.args.end.back_pressure, BackPressure::DropNewest | BackPressure::DropOldest);
        let mut outlet = Outlet { sender, kind: self.args.kind, compressor, drops };
        read(self.args.end.records, outlet.sender.largest(), coalescer, &mut outlet)?;
        match outlet.sender.flush() {
            // Told already, or it was stopped behind the last message.
            Ok(()) | Err(SendError::Stopped) => {}
            Err(error) => return Err(error).context("cannot send what waits"),
        }
        let metrics = outlet.sender.metrics();
        let dropped = metrics.dropped_newest + metrics.dropped_oldest + metrics.refused + metrics.lost;
        if dropped > 0 {
            crate::screen::warning(&format!("{dropped} messages were dropped because the channel was full"));
        }
        Ok(())
    }
}

/// A ring is gone with its last end, and with it what nobody has read.
fn await_receiver(sender: &impl SendRecords, within: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    while sender.metrics().receivers == 0 && !sender.is_stopped() {
        if begun.elapsed() >= within {
            bail!("no receiver came: start it first, or wait longer with --wait");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Gives every message of standard input to the outlet. A channel that somebody stops ends it quietly.
fn read<S: SendRecords>(
    records: bool,
    largest: usize,
    mut coalescer: Option<Coalescer>,
    outlet: &mut Outlet<S>,
) -> anyhow::Result<()> {
    let mut give = |message: Option<&[u8]>| -> Result<(), SendError> {
        match (&mut coalescer, message) {
            (Some(coalescer), Some(message)) => {
                coalescer.add(message, |pieces| outlet.send(pieces)).map_err(|error| match error {
                    CoalesceError::Send(error) => error,
                    CoalesceError::TooLong { len } => SendError::TooLarge { len, most: u32::MAX as usize },
                })
            }
            (Some(coalescer), None) => coalescer.flush(|pieces| outlet.send(pieces)),
            (None, Some(message)) => outlet.send(&[message]),
            (None, None) => Ok(()),
        }
    };
    let input = BufReader::with_capacity(CHUNK, Input::stdin()?);
    let given = if records {
        let mut records = RecordReader::new(input, largest);
        loop {
            match records.next_message().context("standard input is not a stream of records")? {
                Some(message) => match give(Some(message)) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                None => break Ok(()),
            }
        }
    } else {
        lines(input, &mut give)?
    };
    match given.and_then(|()| give(None)) {
        Ok(()) => Ok(()),
        Err(SendError::Stopped) => {
            crate::screen::warning("the receiver stopped the channel before the end of standard input");
            Ok(())
        }
        Err(error) => Err(error).context("cannot send a message"),
    }
}

/// A message a line, without its end.
fn lines(
    mut input: impl std::io::BufRead,
    give: &mut impl FnMut(Option<&[u8]>) -> Result<(), SendError>,
) -> anyhow::Result<Result<(), SendError>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 {
            return Ok(Ok(()));
        }
        if let Err(error) = give(Some(line.strip_suffix(b"\n").unwrap_or(&line))) {
            return Ok(Err(error));
        }
    }
}

/// The channel, and what happens to messages in front of it.
struct Outlet<S> {
    sender: S,
    kind: u32,
    compressor: Option<Compressor>,
    /// The policy drops messages that find no room.
    drops: bool,
}

impl<S: SendRecords> Outlet<S> {
    /// Sends one message, given in pieces.
    fn send(&mut self, pieces: &[&[u8]]) -> Result<(), SendError> {
        let Some(compressor) = &mut self.compressor else {
            let len = pieces.iter().map(|piece| piece.len()).sum();
            let mut claim = match self.sender.claim(self.kind, len) {
                // The metrics tell.
                Err(SendError::Full) if self.drops => return Ok(()),
                claim => claim?,
            };
            let mut rest = &mut *claim;
            for piece in pieces {
                let (front, behind) = rest.split_at_mut(piece.len());
                front.copy_from_slice(piece);
                rest = behind;
            }
            return claim.publish();
        };
        let joined;
        let message = match pieces {
            [message] => message,
            _ => {
                joined = pieces.concat();
                joined.as_slice()
            }
        };
        let compressed = compressor.compress(message);
        let mut claim = match self.sender.claim(self.kind, compressed.len()) {
            Err(SendError::Full) if self.drops => return Ok(()),
            claim => claim?,
        };
        compressed.write_to(&mut claim);
        claim.publish()
    }
}
