//! Flash that is erased with interrupts off, behind a UART that holds sixteen bytes: what arrives meanwhile is lost, and comes again.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::{Instant, PacketBuf};
use packhorse_embedded::inbound::Event;
use packhorse_embedded::simulated::SimulatedFlash;
use packhorse_embedded::storage::Flash;
use packhorse_embedded::wire::Native;
use packhorse_embedded::{Inbound, Object, Outbound, Polled, Wire, hash_of};
use packhorse_testkit::patterns;
use packhorse_transfer::SenderConfig;

/// Of a byte at 115,200 baud, and of a PL011.
const BYTE_NS: u128 = 86_806;
const HELD: usize = 16;

/// The line of a whole transfer.
fn line(mut bytes: &[u8], config: SenderConfig) -> Vec<u8> {
    let size = bytes.len() as u64;
    let hash = hash_of::<<Native as Wire>::Hash, _>(&mut bytes, size).unwrap();
    let mut outbound = Outbound::<Native, 64, 128>::new(config, 1);
    outbound.begin(Object { name: "picture.raw", size, hash }).unwrap();
    let (mut frame, mut line) = (PacketBuf::new([0; 72]), Vec::new());
    while outbound.poll(Instant::ZERO, &mut bytes, &mut frame).unwrap() == Polled::Frame {
        line.extend_from_slice(frame.as_slice());
    }
    line
}

/// Whether the object was verified, and bytes that got lost.
fn receive(line: &[u8]) -> (bool, usize) {
    let mut flash = Flash::<_, 1>::new(SimulatedFlash::<_, 1024, 4>::new([0; 4096]), 0, 4096);
    let mut inbound = Inbound::<Native, 192, 160, 96>::new(flash.capacity());
    let (mut verified, mut lost, mut at) = (false, 0, 0);
    while at < line.len() || inbound.is_verifying() {
        let before = flash.driver().busy();
        let len = line.len().saturating_sub(at).min(1);
        inbound.spare()[..len].copy_from_slice(&line[at..at + len]);
        let see = &mut |event: Event<'_>| verified |= matches!(event, Event::Verified { .. });
        inbound.take(Instant::ZERO, len, &mut flash, see);
        at += len;
        let off = flash.driver().busy().checked_sub(before).unwrap();
        let missed = usize::try_from(off.as_nanos() / BYTE_NS).unwrap().saturating_sub(HELD);
        // The first sixteen are in the UART; those behind them have nowhere to go.
        let from = (at + HELD).min(line.len());
        let to = (from + missed).min(line.len());
        if from < to {
            lost += to - from;
            inbound.spare()[..HELD].copy_from_slice(&line[at..from]);
            inbound.take(Instant::ZERO, HELD, &mut flash, see);
            at = to;
        }
    }
    (verified, lost)
}

#[test]
fn what_is_lost_while_flash_is_erased_comes_with_the_repeats() {
    let bytes = patterns::random(1, 3500);
    let (verified, lost) = receive(&line(&bytes, SenderConfig::once()));
    assert!(!verified && lost > 500, "{lost} bytes lost");
    let (verified, lost) = receive(&line(&bytes, SenderConfig::repeat(2)));
    assert!(verified && lost > 500, "{lost} bytes lost");
}
