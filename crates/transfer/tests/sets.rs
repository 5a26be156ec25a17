//! Both block sets behave as a set of numbers does, and the paged one keeps to its memory.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

extern crate alloc;

use alloc::collections::BTreeSet;

use packhorse_transfer::{Bitmap, BlockSet, Full, PagedBitmap};
use proptest::prelude::*;

const PAGE: u32 = 4096;

fn agrees(set: &impl BlockSet, model: &BTreeSet<u32>, probes: &[u32], end: u32) {
    let first_missing = (0..).find(|number| !model.contains(number)).unwrap();
    assert_eq!(set.first_missing(), first_missing);
    assert_eq!(set.count(), u32::try_from(model.len()).unwrap());
    for &probe in probes {
        assert_eq!(set.contains(probe), model.contains(&probe), "{probe}");
        assert_eq!(set.next_present(probe), model.range(probe..).next().copied(), "present from {probe}");
        let missing = (probe..).find(|number| !model.contains(number)).unwrap();
        assert_eq!(set.next_missing(probe), missing, "missing from {probe}");
    }
    let missing: Vec<u32> = set.missing(end).flatten().collect();
    let expected: Vec<u32> = (0..end).filter(|number| !model.contains(number)).collect();
    assert_eq!(missing, expected);
    let ranges: Vec<_> = set.missing(end).collect();
    assert!(ranges.iter().all(|range| !range.is_empty()));
    assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "ranges are as long as can be");
}

fn runs(end: u32) -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((0..end, 1..end / 2), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_bitmap_is_a_set(runs in runs(200), bytes in 0_usize..30) {
        let mut set = Bitmap::new(vec![0xA5_u8; bytes]);
        let mut model = BTreeSet::new();
        for (start, len) in runs {
            for number in start..start + len {
                let expected = if number < set.capacity() { Ok(model.insert(number)) } else { Err(Full) };
                prop_assert_eq!(set.insert(number), expected);
            }
        }
        let probes: Vec<u32> = (0..250).collect();
        agrees(&set, &model, &probes, 250);
        agrees(&Bitmap::resume(set.as_bits().to_vec()), &model, &probes, 250);
    }

    #[test]
    fn a_paged_bitmap_is_a_set(runs in runs(4 * PAGE)) {
        let mut set = PagedBitmap::with_cap(1 << 20);
        let mut model = BTreeSet::new();
        for (start, len) in runs {
            for number in start..start + len {
                prop_assert_eq!(set.insert(number), Ok(model.insert(number)));
            }
        }
        let probes: Vec<u32> = (0..8 * PAGE).step_by(509).chain([PAGE - 1, PAGE, 2 * PAGE - 1]).collect();
        agrees(&set, &model, &probes, 7 * PAGE);
    }

    #[test]
    fn no_numbers_make_a_paged_bitmap_exceed_its_cap(
        numbers in prop::collection::vec(any::<u32>(), 0..300),
        cap in 0_usize..100_000,
    ) {
        let mut set = PagedBitmap::with_cap(cap);
        for number in numbers {
            let inserted = set.insert(number);
            prop_assert!(set.memory() <= cap);
            prop_assert_eq!(set.contains(number), inserted.is_ok());
        }
    }
}

#[test]
fn in_order_a_paged_bitmap_needs_one_page_however_large_the_file() {
    let mut set = PagedBitmap::with_cap(2048);
    for number in 0..1_000_000 {
        assert_eq!(set.insert(number), Ok(true));
        assert!(set.memory() <= 1024, "{} bytes at block {number}", set.memory());
    }
    assert_eq!((set.first_missing(), set.count()), (1_000_000, 1_000_000));
    assert_eq!(set.insert(5), Ok(false));
}

#[test]
fn one_lost_block_costs_sixteen_bytes_a_page_behind_it() {
    let mut set = PagedBitmap::with_cap(1 << 20);
    for number in (0..1_000_000).filter(|number| *number != 7) {
        assert_eq!(set.insert(number), Ok(true));
    }
    assert!(set.memory() < 16 * 512 + 3 * 1024, "{} bytes", set.memory());
    assert_eq!(set.missing(1_000_000).map(|range| (range.start, range.end)).collect::<Vec<_>>(), [(7, 8)]);
    assert_eq!(set.insert(7), Ok(true));
    assert_eq!(set.first_missing(), 1_000_000);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let mut set = PagedBitmap::with_cap(64 << 20);
    assert_eq!(set.insert(u32::MAX), Err(Full));
    assert_eq!(set.insert(u32::MAX - 1), Ok(true));
    assert_eq!(set.next_missing(u32::MAX - 1), u32::MAX);
    assert_eq!(set.next_present(0), Some(u32::MAX - 1));
    let missing: Vec<_> = set.missing(u32::MAX).map(|range| (range.start, range.end)).collect();
    assert_eq!(missing, [(0, u32::MAX - 1)]);
    let mut small = Bitmap::new([0; 1]);
    assert_eq!(small.insert(u32::MAX), Err(Full));
    assert_eq!(small.next_missing(u32::MAX), u32::MAX);
    assert_eq!(small.next_present(u32::MAX), None);
}
