//! `packhorse channel recv`: messages become lines or records on standard output.

use std::io::Write;

use anyhow::{Context as _, bail};
use packhorse::channel::coalesce::Splitter;
use packhorse::channel::compress::Decompressor;
use packhorse::channel::{Address, ReceiveError, ReceiveRecords, ReceivedRecord as _};

use super::args::ChannelRecvArgs;
use super::open::{Opening, WithReceiver, options};
use crate::exit::{self, Exit};
use crate::screen;
use crate::stdio::{CHUNK, Output};

/// The longest message that is decompressed.
const DECOMPRESSED_MAX: usize = 64 << 20;

pub(super) fn run(args: &ChannelRecvArgs) -> anyhow::Result<Exit> {
    let end = &args.end;
    if matches!(end.address, Address::Memory(_)) {
        bail!("memory:// channels are inside one process: between processes use ipc://");
    }
    let capacity = end.capacity.map(|bytes| bytes as usize);
    let mut options = options(end.back_pressure, capacity);
    options.message_max = end.message_max.map(|bytes| bytes as usize);
    options.reconnect = end.reconnect;
    options.keep_open = args.keep_open;
    let opening = Opening { address: end.address.clone(), mode: end.mode, options, capacity };
    let mut damaged = false;
    let result = opening.receiver(Receiving { args, damaged: &mut damaged });
    match exit::filter(result)? {
        Exit::Done if damaged => Ok(Exit::Damaged),
        exit => Ok(exit),
    }
}

struct Receiving<'a> {
    args: &'a ChannelRecvArgs,
    damaged: &'a mut bool,
}

impl WithReceiver for Receiving<'_> {
    type Out = ();

    fn with<R: ReceiveRecords + Send + 'static>(self, mut receiver: R) -> anyhow::Result<()> {
        let args = self.args;
        let mut taker = Taker {
            // Held back only while more messages are there already.
            output: std::io::BufWriter::with_capacity(CHUNK, Output::stdout()?),
            decompressor: args.decompress.then(|| Decompressor::new(DECOMPRESSED_MAX)),
            args,
            left: args.count.unwrap_or(u64::MAX),
            others: 0,
        };
        while taker.left > 0 {
            let waiting = match receiver.try_receive() {
                Ok(message) => {
                    taker.take(message.kind(), &message)?;
                    continue;
                }
                Err(ReceiveError::Empty) => Ok(()),
                Err(error) => Err(error),
            };
            taker.flush()?;
            let received = waiting.and_then(|()| match args.timeout {
                Some(timeout) => receiver.receive_timeout(timeout),
                None => receiver.receive(),
            });
            match received {
                Ok(message) => taker.take(message.kind(), &message)?,
                Err(ReceiveError::Stopped) => break,
                // On rings it is told when no sender is left.
                Err(error @ ReceiveError::PeerLost) if matches!(args.end.address, Address::Ipc(_)) => {
                    screen::warning(&error.to_string());
                    *self.damaged = true;
                    break;
                }
                // About one sender: the others go on.
                Err(error @ (ReceiveError::PeerLost | ReceiveError::Garbage | ReceiveError::Lagged(_))) => {
                    screen::warning(&error.to_string());
                    *self.damaged = true;
                }
                Err(ReceiveError::Timeout) => bail!("nothing came for the time given"),
                Err(error) => return Err(error).context("cannot receive"),
            }
        }
        taker.flush()?;
        if taker.others > 0 {
            screen::warning(&format!("{} messages of other types were passed over", taker.others));
        }
        let metrics = receiver.metrics();
        if metrics.lost > 0 {
            screen::warning(&format!("{} messages were lost on the way or dropped", metrics.lost));
            *self.damaged = true;
        }
        Ok(())
    }
}

/// What is done with each message.
struct Taker<'a, W: Write> {
    args: &'a ChannelRecvArgs,
    output: W,
    decompressor: Option<Decompressor>,
    /// Messages that may still be written.
    left: u64,
    /// Messages of types that are not wanted.
    others: u64,
}

impl<W: Write> Taker<'_, W> {
    fn take(&mut self, kind: u32, bytes: &[u8]) -> anyhow::Result<()> {
        if self.args.kind.is_some_and(|wanted| wanted != kind) {
            self.others += 1;
            return Ok(());
        }
        let Self { args, output, decompressor, left, .. } = self;
        let bytes = match decompressor {
            Some(decompressor) => decompressor.decompress(bytes)?,
            None => bytes,
        };
        if !args.end.coalesce {
            return write(output, left, args.end.records, bytes);
        }
        for message in Splitter::new(bytes) {
            let message = message.context("a message is not a coalesced one: is --coalesce right?")?;
            write(output, left, args.end.records, message)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.output.flush().context("cannot write to standard output")
    }
}

fn write(output: &mut impl Write, left: &mut u64, records: bool, message: &[u8]) -> anyhow::Result<()> {
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    let length = u32::try_from(message.len()).context("a message is too long for a record")?.to_be_bytes();
    let (front, behind): (&[u8], &[u8]) = if records { (&length, b"") } else { (b"", b"\n") };
    let written = [front, message, behind].iter().try_for_each(|piece| output.write_all(piece));
    written.context("cannot write to standard output")
}
