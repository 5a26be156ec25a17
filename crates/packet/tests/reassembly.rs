//! Messages come together again from pieces in any order, and nothing hostile harms the reassembler.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_packet::{Fragment, Fragments, Reassembler};
use proptest::prelude::*;

fn pieces(id: u8, message: &[u8], max: usize) -> Vec<(Fragment, Vec<u8>)> {
    Fragments::new(id, message, max).unwrap().map(|(fragment, piece)| (fragment, piece.to_vec())).collect()
}

#[test]
fn a_repeat_fills_in_what_is_missing_and_the_message_is_delivered_once() {
    let message: Vec<u8> = (0..100).collect();
    let pieces = pieces(3, &message, 30);
    assert_eq!(pieces.len(), 4);
    let mut reassembler = Reassembler::new([0xA5; 128]);
    for lost in [[1, 2], [0, 3]] {
        let mut delivered = None;
        for (fragment, piece) in &pieces {
            if !lost.contains(&usize::from(fragment.index)) {
                delivered = reassembler.handle(*fragment, piece).unwrap().map(<[u8]>::to_vec);
            }
        }
        assert_eq!(delivered, (lost == [0, 3]).then(|| message.clone()));
    }
    for (fragment, piece) in &pieces {
        assert_eq!(reassembler.handle(*fragment, piece), Ok(None));
    }
    assert_eq!((reassembler.stats().messages, reassembler.stats().repeats), (1, 4));
}

#[test]
fn a_single_piece_is_delivered_as_often_as_it_comes_and_does_not_disturb_the_one_in_the_making() {
    let message = [7; 50];
    let long = pieces(0, &message, 20);
    let mut reassembler = Reassembler::new([0xA5; 64]);
    assert_eq!(reassembler.handle(long[0].0, &long[0].1), Ok(None));
    assert_eq!(reassembler.handle(Fragment::whole(1), b"end"), Ok(Some(&b"end"[..])));
    assert_eq!(reassembler.handle(Fragment::whole(1), b"end"), Ok(Some(&b"end"[..])));
    assert_eq!(reassembler.handle(long[1].0, &long[1].1), Ok(None));
    assert_eq!(reassembler.handle(long[2].0, &long[2].1), Ok(Some(&message[..])));
}

#[test]
fn another_message_replaces_an_unfinished_one_even_with_the_same_number() {
    let (old, new) = ([1; 40], [2; 40]);
    for id in [9, 10] {
        let mut reassembler = Reassembler::new([0xA5; 64]);
        let first = pieces(9, &old, 20);
        assert_eq!(reassembler.handle(first[0].0, &first[0].1), Ok(None));
        let second = pieces(id, &new, 20);
        assert_eq!(reassembler.handle(second[0].0, &second[0].1), Ok(None));
        assert_eq!(reassembler.handle(second[1].0, &second[1].1), Ok(Some(&new[..])));
        assert_eq!(reassembler.stats().replaced, 1);
    }
}

#[test]
fn a_last_piece_that_contradicts_gives_way() {
    let message = [5; 40];
    let good = pieces(1, &message, 20);
    let mut reassembler = Reassembler::new([0xA5; 64]);
    // A last piece longer than the others cannot be; it came first.
    assert_eq!(reassembler.handle(good[1].0, &[0; 33]), Ok(None));
    assert_eq!(reassembler.handle(good[0].0, &good[0].1), Ok(None));
    assert_eq!(reassembler.handle(good[1].0, &good[1].1), Ok(Some(&message[..])));
}

#[test]
fn a_message_longer_than_the_storage_is_refused_and_the_one_in_the_making_stays() {
    let message = [7; 50];
    let good = pieces(0, &message, 25);
    let mut reassembler = Reassembler::new([0xA5; 50]);
    assert_eq!(reassembler.handle(good[1].0, &good[1].1), Ok(None));
    reassembler.handle(Fragment { message: 1, index: 0, last: 255 }, &[0; 1]).unwrap_err();
    reassembler.handle(Fragment { message: 1, index: 1, last: 1 }, &[0; 51]).unwrap_err();
    reassembler.handle(Fragment { message: 1, index: 0, last: 1 }, &[]).unwrap_err();
    reassembler.handle(Fragment { message: 1, index: 2, last: 1 }, &[1]).unwrap_err();
    assert_eq!(reassembler.stats().refused, 4);
    assert_eq!(reassembler.handle(good[0].0, &good[0].1), Ok(Some(&message[..])));
}

proptest! {
    #[test]
    fn pieces_in_any_order_with_repeats_give_the_message(
        message in prop::collection::vec(any::<u8>(), 0..600),
        max in 3_usize..700,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
        id: u8,
    ) {
        let pieces = pieces(id, &message, max);
        let piece = pieces[0].1.len();
        prop_assert!(pieces.iter().all(|(_, bytes)| bytes.len() <= max && bytes.len() <= piece));
        let all = (0..pieces.len()).collect::<Vec<_>>();
        let order = order.iter().map(|index| index.index(pieces.len())).chain(all);
        // Exactly as much memory as the message needs.
        let mut reassembler = Reassembler::new(vec![0xA5; message.len()]);
        let mut delivered = Vec::new();
        for index in order {
            let (fragment, bytes) = &pieces[index];
            if let Some(whole) = reassembler.handle(*fragment, bytes).unwrap() {
                delivered.push(whole.to_vec());
            }
        }
        let times = if pieces.len() == 1 { delivered.len().max(1) } else { 1 };
        prop_assert_eq!(delivered, vec![message; times]);
    }

    #[test]
    fn hostile_pieces_never_panic_and_never_leave_the_storage(
        hostile in prop::collection::vec((0_u8..3, any::<u8>(), any::<u8>(), 0_usize..40), 0..60),
        capacity in 0_usize..64,
    ) {
        let mut reassembler = Reassembler::new(vec![0xA5; capacity]);
        for (message, index, last, len) in hostile {
            let fragment = Fragment { message, index: index % 4, last: last % 4 };
            let single = last % 4 == 0;
            if let Ok(Some(whole)) = reassembler.handle(fragment, &vec![index; len]) {
                let most = if single { len } else { capacity };
                prop_assert!(whole.len() <= most);
            }
        }
    }
}
