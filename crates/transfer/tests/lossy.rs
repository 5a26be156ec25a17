//! Sender and receiver over a link that loses packets: what gets through, and what it costs.

use packhorse_buffer::Instant;
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure};
use packhorse_transfer::{
    BlockSet, End, Layout, Meta, PagedBitmap, Receiver, RepeatOrder, Sender, SenderConfig, Transmit,
};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const NOW: Instant = Instant::ZERO;
const BLOCK: u32 = 100;

/// Sends `blocks` blocks; packet number `n` is lost when `lost(n)`.
fn transfer(
    blocks: u32,
    config: SenderConfig,
    mut lost: impl FnMut(u32) -> bool,
) -> Option<Receiver<PagedBitmap>> {
    let size = u64::from(blocks) * u64::from(BLOCK);
    let meta = Meta { block_size: BLOCK, size: Some(size), hash: Some([1; 32]), ..Meta::default() };
    let mut sender = Sender::new(Layout::new(size, BLOCK).ok()?, config);
    let mut receiver: Option<Receiver<PagedBitmap>> = None;
    for packet in 0.. {
        let Some(transmit) = sender.poll_transmit(NOW) else {
            break;
        };
        if lost(packet) {
            continue;
        }
        match (transmit, &mut receiver) {
            (Transmit::Meta, None) => {
                receiver = Receiver::new(&meta, PagedBitmap::with_cap(1 << 20), NOW).ok();
            }
            (Transmit::Meta, Some(receiver)) => drop(receiver.handle_meta(NOW, &meta)),
            (Transmit::Block { number, len, .. }, Some(receiver)) => {
                let _ = receiver.handle_block(NOW, number, usize::try_from(len).ok()?);
            }
            (Transmit::End, Some(receiver)) => {
                receiver.handle_end(NOW, &End { size: meta.size, hash: meta.hash, ..End::default() });
            }
            (_, None) | (Transmit::Repair { .. }, _) => {}
        }
    }
    receiver
}

fn arrives(blocks: u32, config: SenderConfig, lost: impl FnMut(u32) -> bool) -> bool {
    transfer(blocks, config, lost).is_some_and(|receiver| receiver.is_complete())
}

#[test]
fn a_burst_kills_copies_that_are_together_and_spares_those_that_are_spread() {
    let burst = |packet| (100..160).contains(&packet);
    let together = SenderConfig { order: RepeatOrder::Together, ..SenderConfig::repeat(3) };
    assert!(!arrives(200, together, burst));
    assert!(arrives(200, SenderConfig::repeat(3), burst));
    assert!(arrives(200, SenderConfig::repeat(1), burst));
}

#[test]
fn whoever_misses_all_but_the_end_still_learns_what_it_was() {
    let late = transfer(50, SenderConfig::repeat(0), |packet| packet < 58).unwrap();
    assert!(late.has_ended());
    assert_eq!(late.missing(), 50);
}

#[test]
fn no_packet_allocates_once_the_transfer_runs() {
    let layout = Layout::new(10_000_000, BLOCK).unwrap();
    let meta = Meta { block_size: BLOCK, size: Some(layout.size()), ..Meta::default() };
    let mut sender = Sender::new(layout, SenderConfig::once());
    let mut receiver = Receiver::new(&meta, PagedBitmap::with_cap(2048), NOW).unwrap();
    let mut run = |packets: u32| {
        for _ in 0..packets {
            if let Some(Transmit::Block { number, len, .. }) = sender.poll_transmit(NOW) {
                sender.sent(NOW, len);
                receiver.handle_block(NOW, number, len.try_into().unwrap()).unwrap();
            }
        }
    };
    run(10);
    assert_eq!(measure(|| run(99_000)), Counts::NONE);
    assert_eq!(receiver.blocks().count(), 99_009);
    // A sender is small, whatever it sends: ten thousand of them are a few megabytes.
    assert!(size_of::<Sender>() <= 512, "{}", size_of::<Sender>());
    assert!(size_of::<Receiver<PagedBitmap>>() <= 512, "{}", size_of::<Receiver<PagedBitmap>>());
}

proptest! {
    #[test]
    fn an_object_arrives_exactly_when_every_block_has_a_copy_that_did(
        blocks in 1_u32..60,
        copies in 0_u32..4,
        lost in prop::collection::vec(prop::bool::weighted(0.4), 400),
    ) {
        let config = SenderConfig::repeat(copies);
        let mut sender = Sender::new(Layout::new(u64::from(blocks) * 100, BLOCK).unwrap(), config);
        let mut known = false;
        let mut there = vec![false; blocks as usize];
        let packets = core::iter::from_fn(|| sender.poll_transmit(NOW));
        for (transmit, lost) in packets.zip(&lost) {
            match transmit {
                _ if *lost => {}
                Transmit::Meta => known = true,
                Transmit::Block { number, .. } => there[number as usize] |= known,
                Transmit::End | Transmit::Repair { .. } => {}
            }
        }
        let expected = there.iter().all(|there| *there);
        prop_assert_eq!(arrives(blocks, config, |packet| lost[packet as usize]), expected);
    }
}
