//! Links inside this process: both ends in threads, packets in memory.

use core::fmt::Display;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use packhorse::application::{Catalog, Event, Existing, Inbox, Target, Until};
use packhorse::link::Transport;
use packhorse::transfer::Mode;
use packhorse::transport::{Faults, Faulty, Memory};
use packhorse::{ReceiveOptions, SendOptions, receive_from, send_to};

use super::Leg;
use crate::{human, recv};

/// Bytes that a packet of the radio holds.
const MTU: usize = 250;
/// Packets that the link holds.
const SLOTS: usize = 256;
/// The same damage every time.
const SEED: u64 = 7;

/// A link that loses nothing.
pub(super) fn loopback(file: &Path, inbox: &Path) -> anyhow::Result<Leg> {
    let (here, there) = Memory::pair(MTU, SLOTS);
    let options = SendOptions::default();
    let leg = Leg { link: "loopback", mode: "once", ..transfer(file, inbox, &options, here, there)? };
    Ok(leg)
}

/// A link that does everything that a bad one can do to packets.
pub(super) fn lossy(file: &Path, inbox: &Path) -> anyhow::Result<Leg> {
    let faults =
        Faults { drop: 0.03, byte_error: 1e-4, truncate: 0.005, dup: 0.01, reorder: 0.01, ..Faults::NONE };
    let (here, there) = Memory::pair(MTU, SLOTS);
    let here = Faulty::new(here, SEED, &faults)?;
    let options = SendOptions { mode: Mode::Repeat { copies: 4 }, ..SendOptions::default() };
    let leg = Leg { link: "lossy", mode: "repeat=4", ..transfer(file, inbox, &options, here, there)? };
    Ok(leg)
}

fn transfer<A, B>(file: &Path, inbox: &Path, options: &SendOptions, here: A, there: B) -> anyhow::Result<Leg>
where
    A: Transport<Error: Display> + Send,
    B: Transport<Error: Display>,
{
    let paths: [PathBuf; 1] = [file.to_owned()];
    let catalog = Catalog::new(&paths, None)?;
    let target = Target::Folder(Inbox::open(inbox, Existing::Replace)?);
    let began = Instant::now();
    let mut arrived = None;
    let mut watch = |event: Event<'_>| {
        if let Event::Done { hash: Some(hash), .. } = event {
            arrived = Some(human::hash(&hash));
        }
    };
    let (sent, received) = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = None;
            let mut watch = |event: Event<'_>| {
                if let Event::Done { hash: Some(hash), .. } = event {
                    sent = Some(human::hash(&hash));
                }
            };
            send_to(catalog, here, options, |_| {}, &mut watch).map(|outcome| (outcome, sent))
        });
        let options = ReceiveOptions { profile: Some(options.profile), ..ReceiveOptions::default() };
        let received = receive_from(target, there, Until::LinkEnds, &options, &mut watch);
        (sender.join(), received)
    });
    let took = began.elapsed();
    let (sent, hash) =
        sent.map_err(|_| anyhow!("the sending thread ended early"))?.context("sending failed")?;
    if let Some(error) = sent.error {
        return Err(error).context("sending ended early");
    }
    let report = received.context("receiving failed")?.report;
    Ok(Leg {
        link: "",
        mode: "",
        bytes: report.transfer.bytes,
        packets: sent.report.transfer.packets,
        wire_bytes: sent.report.transfer.wire_bytes,
        took,
        losses: recv::losses(&report),
        messages: None,
        verified: arrived.filter(|arrived| Some(arrived) == hash.as_ref()),
    })
}
