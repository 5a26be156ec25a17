//! Nothing allocates for a packet once it runs.
#![cfg(feature = "std")]

use packhorse_link::{Transport, TransportError};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure};
use packhorse_testkit::patterns;
use packhorse_transport::{Faults, Faulty, Loopback, Memory, Noise};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Sends and receives packets of all sizes, a few at a time, in pieces and in one.
fn work<T: Transport>(sender: &mut T, receiver: impl Fn(&mut T, &mut [u8])) {
    let payload = [patterns::FRESH; 60];
    let mut into = [0; 100];
    for len in (0..60).cycle().take(1000) {
        assert!(sender.send(&payload[..len]).is_ok());
        assert!(sender.send_gather(&[&payload[..len / 2], b"", &payload[..3]]).is_ok());
        receiver(sender, &mut into);
    }
}

fn drain<T: Transport>(link: &mut T, into: &mut [u8]) {
    while !matches!(link.receive(into), Err(TransportError::WouldBlock)) {}
}

const ALL: Faults = Faults {
    byte_error: 0.01,
    bit_error: 0.001,
    drop: 0.1,
    dup: 0.1,
    truncate: 0.1,
    extend: 0.1,
    reorder: 0.1,
    burst: 3,
    piece: 32,
};

#[test]
fn a_loopback_allocates_nothing() {
    assert_eq!(measure(|| work(&mut Loopback::<100, 8>::new(), drain)), Counts::NONE);
}

#[test]
fn a_memory_link_allocates_nothing_once_made() {
    let (mut here, mut there) = Memory::pair(100, 8);
    here.set_blocking(false);
    there.set_blocking(false);
    let there = core::cell::RefCell::new(there);
    let counts = measure(|| work(&mut here, |_, into| drain(&mut *there.borrow_mut(), into)));
    assert_eq!(counts, Counts::NONE);
}

#[test]
fn damage_allocates_nothing() {
    let mut link = Faulty::with_memory(Loopback::<100, 16>::new(), 1, &ALL, [0; 200]).unwrap();
    assert_eq!(measure(|| work(&mut link, drain)), Counts::NONE);
    assert!(link.damage().reordered > 10 && link.damage().duplicated > 10);

    let mut noise = Noise::new(1, &ALL).unwrap();
    let mut bytes = patterns::zeros(100_000);
    let mut sum = 0;
    assert_eq!(measure(|| noise.apply(&mut bytes, |run| sum += run.len())), Counts::NONE);
    assert!(sum > 50_000);
}

#[cfg(unix)]
#[test]
fn a_pipe_allocates_nothing() {
    let (mut reader, mut writer) = packhorse_transport::PipeWriter::pair().unwrap();
    let counts = measure(|| {
        let payload = [patterns::FRESH; 1000];
        let pieces = [&payload[..]; 200];
        let mut into = [0; 4096];
        for _ in 0..100 {
            assert!(writer.send(&payload).is_ok());
            assert!(writer.send_gather(&pieces[..50]).is_ok());
            let mut left = 51_000;
            while left > 0 {
                left -= reader.receive(&mut into).unwrap_or(0);
            }
        }
    });
    assert_eq!(counts, Counts::NONE);
}
