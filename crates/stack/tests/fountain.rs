//! Fountain mode over links that lose packets: what the table of the book promises, with the bytes counted on the wire.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

extern crate alloc;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;
use std::thread;

use packhorse::application::{Catalog, Event, Inbox, Target, Until};
use packhorse::link::{Boundaries, Transport, TransportError};
use packhorse::prelude::*;
use packhorse::transport::Memory;
use packhorse::{receive_from, send_to};

/// Loses packets by chance, and counts the bytes of all of them.
struct Lossy {
    inner: Memory,
    state: u64,
    percent: u64,
    bytes: Arc<AtomicU64>,
}

impl Lossy {
    fn loses(&mut self, len: usize) -> bool {
        self.bytes.fetch_add(len as u64, Ordering::Relaxed);
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % 100 < self.percent
    }
}

impl Transport for Lossy {
    type Error = <Memory as Transport>::Error;

    fn mtu(&self) -> usize {
        self.inner.mtu()
    }

    fn boundaries(&self) -> Boundaries {
        self.inner.boundaries()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Self::Error>> {
        if self.loses(bytes.len()) { Ok(()) } else { self.inner.send(bytes) }
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Self::Error>> {
        if self.loses(pieces.iter().map(|piece| piece.len()).sum()) {
            return Ok(());
        }
        self.inner.send_gather(pieces)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Self::Error>> {
        self.inner.receive(into)
    }
}

/// Sends `size` bytes; the wire bytes per file byte if they arrived.
fn cost(size: usize, block: u32, mode: Mode, percent: u64, seed: u64) -> Option<f64> {
    let root = tempfile::tempdir().unwrap();
    let (path, inbox) = (root.path().join("file"), root.path().join("in"));
    let mut file = vec![0; size];
    let mut state = seed | 1;
    file.fill_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    });
    fs::write(&path, &file).unwrap();
    let (a, b) = Memory::pair(2048, 64);
    let bytes = Arc::default();
    let link = Lossy { inner: a, state: seed << 32, percent, bytes: Arc::clone(&bytes) };
    let options = SendOptions { mode, block: Some(block), ..SendOptions::default() };
    let received = thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let target = Target::Folder(Inbox::open(&inbox, Existing::Replace).unwrap());
            let options = ReceiveOptions::default();
            receive_from(target, b, Until::LinkEnds, &options, &mut |_: Event<'_>| ()).unwrap()
        });
        let catalog = Catalog::new(&[path], None).unwrap();
        let sent = send_to(catalog, link, &options, |_| (), &mut |_: Event<'_>| ()).unwrap();
        // Whoever goes on without end is stopped by a receiver that has enough.
        assert!(sent.error.is_none() || mode == Mode::Fountain { repair_percent: None }, "{:?}", sent.error);
        receiving.join().unwrap()
    });
    let whole = received.report.objects == 1 && fs::read(inbox.join("file")).unwrap() == file;
    let wire = bytes.load(Ordering::Relaxed);
    whole.then(|| f64::from(u32::try_from(wire).unwrap()) / f64::from(u32::try_from(size).unwrap()))
}

fn table(size: usize, block: u32, rows: [(u64, u32, f64); 4], seeds: u64) {
    for (loss, repair, most) in rows {
        let mode = Mode::Fountain { repair_percent: Some(repair) };
        let costs: Vec<Option<f64>> = (1..=seeds).map(|seed| cost(size, block, mode, loss, seed)).collect();
        let arrived = costs.iter().flatten().count();
        let worst = costs.iter().flatten().fold(0.0_f64, |worst, cost| worst.max(*cost));
        println!("{size} in {block}, {loss} % lost: {arrived} of {seeds}, {worst:.3} (at most {most})");
        assert!(arrived == costs.len() && worst <= most, "{loss} % lost: {arrived} of {seeds}, {worst}");
    }
}

#[test]
fn a_megabyte_in_blocks_of_a_kilobyte_costs_little_more_than_what_is_lost() {
    table(1_000_000, 1024, [(1, 2, 1.05), (10, 16, 1.20), (30, 51, 1.56), (50, 116, 2.25)], 20);
}

#[test]
fn a_small_file_in_packets_of_66_bytes_costs_little_more_than_what_is_lost() {
    table(35_000, 50, [(1, 3, 1.40), (10, 15, 1.56), (30, 50, 2.02), (50, 114, 2.90)], 20);
}

#[test]
fn a_carousel_ends_when_its_receiver_has_enough() {
    for percent in [0, 20] {
        assert!(cost(300_000, 500, Mode::Fountain { repair_percent: None }, percent, 7).is_some());
    }
    assert!(cost(0, 500, Mode::Fountain { repair_percent: None }, 20, 7).is_some());
}
