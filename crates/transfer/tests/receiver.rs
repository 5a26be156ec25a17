//! A receiver knows when an object is whole, whatever comes in whatever order.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

extern crate alloc;

use alloc::collections::BTreeSet;

use packhorse_buffer::Instant;
use packhorse_transfer::{
    Bitmap, BlockSet, End, EndVerdict, HashKind, Layout, Meta, MetaVerdict, ObjectKind, PagedBitmap, Place,
    Receiver, ReceiverEvent, Refused,
};
use proptest::prelude::*;

const NOW: Instant = Instant::ZERO;
const HASH: Option<[u8; 32]> = Some([9; 32]);

fn meta(size: Option<u64>, hash: Option<[u8; 32]>) -> Meta<'static> {
    Meta { object_id: 77, block_size: 10, size, hash, name: b"n", ..Meta::default() }
}

fn receiver(meta: &Meta<'_>) -> Receiver<Bitmap<[u8; 16]>> {
    Receiver::new(meta, Bitmap::new([0; 16]), NOW).unwrap()
}

fn events<B: BlockSet>(receiver: &mut Receiver<B>) -> Vec<ReceiverEvent> {
    core::iter::from_fn(|| receiver.poll_event()).collect()
}

#[test]
fn blocks_in_any_order_complete_the_object_once() {
    let mut receiver = receiver(&meta(Some(25), HASH));
    assert_eq!(receiver.handle_block(NOW, 2, 5), Ok(Place { offset: 20, len: 5 }));
    assert_eq!(events(&mut receiver), [ReceiverEvent::Started]);
    assert_eq!(receiver.handle_block(NOW, 2, 5), Err(Refused::Repeat));
    assert_eq!(receiver.handle_block(NOW, 0, 10), Ok(Place { offset: 0, len: 10 }));
    assert_eq!((receiver.missing(), receiver.missing_ranges().next()), (1, Some(1..2)));
    assert_eq!(receiver.handle_block(NOW, 3, 10), Err(Refused::OutOfRange));
    assert_eq!(receiver.handle_block(NOW, 1, 5), Err(Refused::WrongLength { expected: 10 }));
    assert_eq!(receiver.handle_block(NOW, 2, 10), Err(Refused::WrongLength { expected: 5 }));
    assert_eq!(events(&mut receiver), []);
    assert_eq!(receiver.handle_block(NOW, 1, 10), Ok(Place { offset: 10, len: 10 }));
    assert_eq!(events(&mut receiver), [ReceiverEvent::Complete]);
    let end = End { object_id: 77, size: Some(25), hash: HASH };
    assert_eq!(receiver.handle_end(NOW, &end), EndVerdict::Accepted);
    assert_eq!(events(&mut receiver), []);
    let (stats, refused) = (receiver.stats(), receiver.refused());
    assert_eq!((stats.blocks, stats.bytes, stats.repeats, stats.packets), (3, 25, 1, 9));
    assert_eq!((refused.out_of_range, refused.wrong_length), (1, 2));
}

#[test]
fn an_empty_object_and_a_folder_are_complete_from_the_start() {
    let mut empty = receiver(&meta(Some(0), HASH));
    assert_eq!(events(&mut empty), [ReceiverEvent::Started, ReceiverEvent::Complete]);
    assert_eq!(empty.handle_block(NOW, 0, 0), Err(Refused::OutOfRange));
    let mut folder = receiver(&Meta { kind: ObjectKind::Folder, ..meta(Some(0), None) });
    assert_eq!(events(&mut folder), [ReceiverEvent::Started, ReceiverEvent::Complete]);
}

#[test]
fn without_a_hash_it_is_complete_when_end_brings_it() {
    let mut receiver = receiver(&meta(Some(10), None));
    receiver.handle_block(NOW, 0, 10).unwrap();
    assert_eq!(events(&mut receiver), [ReceiverEvent::Started]);
    assert!(receiver.has_all_blocks() && !receiver.is_complete());
    receiver.handle_end(NOW, &End { object_id: 77, size: Some(10), hash: HASH });
    assert_eq!(events(&mut receiver), [ReceiverEvent::Complete]);
    assert_eq!((receiver.hash(), receiver.hash_kind()), (HASH, HashKind::Blake3));
}

#[test]
fn an_end_before_all_blocks_is_told_once_and_late_blocks_still_count() {
    let mut receiver = receiver(&meta(Some(25), HASH));
    receiver.handle_block(NOW, 1, 10).unwrap();
    let end = End { object_id: 77, ..End::default() };
    for expected in [vec![ReceiverEvent::Started, ReceiverEvent::EndedIncomplete { missing: 2 }], vec![]] {
        assert_eq!(receiver.handle_end(NOW, &end), EndVerdict::Accepted);
        assert_eq!(events(&mut receiver), expected);
    }
    receiver.handle_block(NOW, 0, 10).unwrap();
    receiver.handle_block(NOW, 2, 5).unwrap();
    assert_eq!(events(&mut receiver), [ReceiverEvent::Complete]);
}

#[test]
fn a_meta_that_differs_is_a_warning_and_the_first_one_counts() {
    let first = meta(Some(25), HASH);
    let mut receiver = receiver(&first);
    assert_eq!(receiver.handle_meta(NOW, &first), MetaVerdict::Same);
    assert_eq!(receiver.handle_meta(NOW, &meta(None, None)), MetaVerdict::Same, "it says less");
    assert_eq!(events(&mut receiver), []);
    let others = [
        meta(Some(26), HASH),
        meta(Some(25), Some([8; 32])),
        Meta { block_size: 11, ..first },
        Meta { name: b"m", ..first },
        Meta { mode: Some(0o777), ..first },
        Meta { kind: ObjectKind::Stream, ..first },
        Meta { hash_kind: HashKind::Sha256, ..first },
    ];
    for (count, other) in (1..).zip(&others) {
        assert_eq!(receiver.handle_meta(NOW, other), MetaVerdict::Conflicting);
        assert_eq!(events(&mut receiver), [ReceiverEvent::ConflictingMeta]);
        assert_eq!(receiver.refused().conflicting_metas, count);
    }
    assert_eq!((receiver.layout(), receiver.hash()), (Layout::new(25, 10).ok(), HASH));
    assert_eq!(receiver.handle_meta(NOW, &Meta { object_id: 78, ..first }), MetaVerdict::OtherObject);
    assert_eq!(
        receiver.handle_end(NOW, &End { object_id: 78, size: Some(1), hash: None }),
        EndVerdict::OtherObject
    );
    let end = End { object_id: 77, size: Some(24), hash: None };
    assert_eq!(receiver.handle_end(NOW, &end), EndVerdict::Conflicting);
    assert_eq!(events(&mut receiver), [ReceiverEvent::ConflictingEnd]);
    assert!(!receiver.has_ended());
}

#[test]
fn a_conflicting_meta_teaches_nothing() {
    let mut receiver = receiver(&meta(None, None));
    let other = Meta { name: b"m", ..meta(Some(25), HASH) };
    assert_eq!(receiver.handle_meta(NOW, &other), MetaVerdict::Conflicting);
    assert_eq!((receiver.layout(), receiver.hash()), (None, None));
    // A size that no layout has, with a hash: neither is believed.
    assert_eq!(receiver.handle_meta(NOW, &meta(Some(u64::MAX), HASH)), MetaVerdict::Conflicting);
    assert_eq!((receiver.layout(), receiver.hash()), (None, None));
    assert_eq!(receiver.handle_meta(NOW, &meta(Some(25), None)), MetaVerdict::Completed);
    assert_eq!(receiver.handle_meta(NOW, &meta(Some(25), HASH)), MetaVerdict::Completed);
}

#[test]
fn the_end_of_a_stream_is_learnt_and_checked_against_what_came() {
    let stream = || receiver(&meta(None, None));
    let end = |size| End { object_id: 77, size: Some(size), hash: HASH };
    let mut whole = stream();
    whole.handle_block(NOW, 2, 5).unwrap();
    assert_eq!(whole.handle_block(NOW, 2, 5), Err(Refused::Repeat));
    assert_eq!(whole.handle_block(NOW, 2, 10), Err(Refused::WrongLength { expected: 10 }));
    assert_eq!(whole.handle_block(NOW, 1, 4), Err(Refused::WrongLength { expected: 10 }));
    assert_eq!(whole.handle_block(NOW, 3, 10), Err(Refused::OutOfRange));
    assert_eq!(whole.handle_block(NOW, u32::MAX, 10), Err(Refused::OutOfRange));
    whole.handle_block(NOW, 0, 10).unwrap();
    assert_eq!(whole.missing_ranges().next(), Some(1..2));
    for wrong in [24, 26, 30, 31, 35, 20, 0, u64::MAX] {
        assert_eq!(whole.clone().handle_end(NOW, &end(wrong)), EndVerdict::Conflicting, "{wrong}");
    }
    assert_eq!(whole.handle_end(NOW, &end(25)), EndVerdict::Accepted);
    whole.handle_block(NOW, 1, 10).unwrap();
    let expected = [ReceiverEvent::Started, ReceiverEvent::Complete];
    assert_eq!(events(&mut whole), expected);

    let mut full = stream();
    full.handle_block(NOW, 1, 10).unwrap();
    assert_eq!(full.handle_block(NOW, 0, 5), Err(Refused::WrongLength { expected: 10 }), "not the last");
    assert_eq!(full.handle_block(NOW, 1, 5), Err(Refused::WrongLength { expected: 10 }), "there in full");
    assert_eq!(full.handle_block(NOW, 2, 0), Err(Refused::WrongLength { expected: 10 }));
    assert_eq!(full.handle_block(NOW, 2, 11), Err(Refused::WrongLength { expected: 10 }));
    assert_eq!(full.clone().handle_end(NOW, &end(19)), EndVerdict::Conflicting);
    for right in [20, 21, 35] {
        assert_eq!(full.clone().handle_end(NOW, &end(right)), EndVerdict::Accepted, "{right}");
    }
}

#[test]
fn a_set_without_memory_refuses_and_the_block_may_come_again() {
    let mut receiver = Receiver::new(&meta(Some(1000), HASH), Bitmap::new([0; 1]), NOW).unwrap();
    assert_eq!(receiver.handle_block(NOW, 8, 10), Err(Refused::SetFull));
    assert_eq!(receiver.refused().set_full, 1);
    assert!(receiver.handle_block(NOW, 7, 10).is_ok());
}

#[test]
fn hostile_sizes_are_refused_or_harmless() {
    for (size, block_size) in [(Some(1), 0), (None, 0), (Some(u64::MAX), 1), (Some(1 << 40), 1)] {
        let meta = Meta { block_size, ..meta(size, None) };
        assert!(Receiver::new(&meta, PagedBitmap::with_cap(0), NOW).is_err());
    }
    let largest = Meta { block_size: u32::MAX, ..meta(None, None) };
    let mut receiver = Receiver::new(&largest, PagedBitmap::with_cap(1 << 25), NOW).unwrap();
    let len = usize::try_from(u32::MAX).unwrap();
    let place = receiver.handle_block(NOW, u32::MAX - 1, len).unwrap();
    assert_eq!(place.offset, u64::from(u32::MAX) * u64::from(u32::MAX - 1));
    assert_eq!(receiver.missing(), u32::MAX - 1);
}

proptest! {
    #[test]
    fn random_blocks_agree_with_a_model(
        size in 0_u64..300,
        block_size in 1_u32..20,
        known: bool,
        arrivals in prop::collection::vec((0_u32..40, 0_usize..25, any::<bool>()), 0..150),
    ) {
        let layout = Layout::new(size, block_size).unwrap();
        let says = Meta { block_size, ..meta(known.then_some(size), HASH) };
        let mut receiver = Receiver::new(&says, PagedBitmap::with_cap(4096), NOW).unwrap();
        let mut file = vec![None; usize::try_from(size).unwrap()];
        let mut taken = BTreeSet::new();
        for (number, len, honest) in arrivals {
            let right = layout.place(number);
            // Lies about an unknown size would be believed; those are for the tests above.
            let len = match right {
                Some(right) if honest || !known => usize::try_from(right.len).unwrap(),
                None if !known => continue,
                _ => len,
            };
            match receiver.handle_block(NOW, number, len) {
                Ok(place) => {
                    prop_assert_eq!(Some(place), right);
                    prop_assert!(taken.insert(number));
                    let start = usize::try_from(place.offset).unwrap();
                    file[start..start + len].fill(Some(number));
                }
                Err(Refused::Repeat) => prop_assert!(taken.contains(&number)),
                Err(Refused::OutOfRange) => prop_assert!(right.is_none()),
                Err(Refused::WrongLength { expected }) => {
                    prop_assert_eq!(Some(expected), right.map(|right| right.len));
                    prop_assert!(u32::try_from(len) != Ok(expected));
                }
                Err(Refused::SetFull) => prop_assert!(false, "there was memory"),
            }
            prop_assert_eq!(receiver.is_complete(), known && file.iter().all(Option::is_some));
        }
        receiver.handle_end(NOW, &End { object_id: 77, size: Some(size), hash: HASH });
        prop_assert!(receiver.has_ended());
        let missing: u32 = receiver.missing_ranges().map(|range| range.end - range.start).sum();
        prop_assert_eq!(missing, receiver.missing());
        prop_assert_eq!(missing, layout.blocks() - u32::try_from(taken.len()).unwrap());
        let mut told = events(&mut receiver);
        told.retain(|event| *event != ReceiverEvent::Started);
        let expected = match missing {
            0 => ReceiverEvent::Complete,
            missing => ReceiverEvent::EndedIncomplete { missing },
        };
        prop_assert_eq!(told, vec![expected]);
    }

    #[test]
    fn nothing_that_arrives_panics(
        first in (any::<Option<u64>>(), any::<Option<[u8; 32]>>(), any::<u32>()),
        arrivals in prop::collection::vec((0_u8..4, any::<u32>(), any::<Option<u64>>(), 0_usize..300), 0..60),
    ) {
        let says = Meta { block_size: first.2, ..meta(first.0, first.1) };
        let Ok(mut receiver) = Receiver::new(&says, PagedBitmap::with_cap(20_000), NOW) else { return Ok(()) };
        for (kind, number, size, len) in arrivals {
            match kind {
                0 => { let _ = receiver.handle_block(NOW, number, len); }
                1 => { let _ = receiver.handle_block(NOW, number % 64, receiver.block_size() as usize); }
                2 => { receiver.handle_meta(NOW, &Meta { size, ..says }); }
                _ => { receiver.handle_end(NOW, &End { object_id: 77, size, hash: HASH }); }
            }
            let _ = (receiver.missing(), receiver.missing_ranges().take(100).count(), events(&mut receiver));
        }
    }
}
