//! A receiver of one object, fed with any messages in any order, beside a model that is too simple to be wrong.
//!
//! Promises: no panic and no overflow whatever a META claims; a block is accepted once; memory stays within its
//! cap; `Complete` comes exactly when every block is there.

use alloc::collections::BTreeSet;
use core::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use packhorse_buffer::Instant;
use packhorse_transfer::{
    BlockSet as _, End, Meta, ObjectKind, PagedBitmap, Place, Receiver, ReceiverEvent, Refused,
};

/// Bytes that the bitmap may take.
const CAP: usize = 64 << 10;

/// What arrives.
#[derive(Arbitrary, Debug)]
enum Message {
    /// A block near the start, where all the interesting things are.
    Near {
        number: u8,
        len: u8,
    },
    /// A block with the length that it must have.
    Right {
        number: u16,
    },
    /// Anything.
    Far {
        number: u32,
        len: u32,
    },
    Meta(Claim),
    End {
        same_object: bool,
        size: Option<u64>,
        hash: Option<u8>,
    },
    Wait {
        millis: u16,
    },
}

/// What a META says.
#[derive(Arbitrary, Debug)]
struct Claim {
    object_id: u8,
    size: Option<Size>,
    block_size: BlockSize,
    hash: Option<u8>,
    kind: u8,
    name: u8,
}

#[derive(Arbitrary, Debug)]
enum Size {
    Small(u16),
    Any(u64),
}

#[derive(Arbitrary, Debug)]
enum BlockSize {
    Small(u8),
    Any(u32),
}

/// Any input as a first META and the messages after it.
pub fn receiver(data: &[u8]) {
    // Inputs that are too short are padded with zeroes; an error means there is nothing to do.
    let mut input = Unstructured::new(data);
    if let Ok(claim) = Claim::arbitrary(&mut input) {
        // A refusal ends the run, and is no finding.
        let _ = run(&claim, &mut input);
    }
}

fn run(claim: &Claim, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut now = Instant::from_millis(0);
    let first = claim.meta();
    let Ok(mut receiver) = Receiver::new(&first, PagedBitmap::with_cap(CAP), now) else {
        assert!(first.block_size == 0 || first.layout().is_err(), "only impossible geometry is refused");
        return Ok(());
    };
    let mut accepted = BTreeSet::new();
    let mut told_complete = false;
    while !input.is_empty() {
        match Message::arbitrary(input)? {
            Message::Near { number, len } => {
                block(&mut receiver, &mut accepted, now, number.into(), u32::from(len));
            }
            Message::Right { number } => {
                let number = u32::from(number);
                let place = receiver.layout().and_then(|layout| layout.place(number));
                let len = place.map_or(first.block_size, |place| place.len);
                block(&mut receiver, &mut accepted, now, number, len);
            }
            Message::Far { number, len } => block(&mut receiver, &mut accepted, now, number, len),
            Message::Meta(claim) => _ = receiver.handle_meta(now, &claim.meta()),
            Message::End { same_object, size, hash } => {
                let object_id = if same_object { first.object_id } else { !first.object_id };
                let end = End { object_id, size, hash: hash.map(|byte| [byte; 32]) };
                receiver.handle_end(now, &end);
            }
            Message::Wait { millis } => now = now + Duration::from_millis(millis.into()),
        }
        while let Some(event) = receiver.poll_event() {
            if event == ReceiverEvent::Complete {
                assert!(!told_complete, "complete is told once");
                told_complete = true;
            }
        }
        check(&receiver, &accepted);
        assert_eq!(told_complete, receiver.is_complete(), "complete is told as soon as it is");
    }
    Ok(())
}

fn block(
    receiver: &mut Receiver<PagedBitmap>,
    accepted: &mut BTreeSet<u32>,
    now: Instant,
    number: u32,
    len: u32,
) {
    let Ok(length) = usize::try_from(len) else { return };
    match receiver.handle_block(now, number, length) {
        Ok(Place { offset, len: placed }) => {
            assert_eq!(placed, len, "all of the block is written");
            assert_eq!(offset, u64::from(number) * u64::from(receiver.block_size()), "where it belongs");
            assert!(accepted.insert(number), "block {number} was taken twice");
            if let Some(layout) = receiver.layout() {
                assert!(offset + u64::from(len) <= layout.size(), "inside the object");
            }
        }
        Err(Refused::Repeat) => assert!(accepted.contains(&number), "block {number} never came"),
        Err(_) => {}
    }
}

fn check(receiver: &Receiver<PagedBitmap>, accepted: &BTreeSet<u32>) {
    let blocks = receiver.blocks();
    assert_eq!(usize::try_from(blocks.count()), Ok(accepted.len()));
    assert!(blocks.memory() <= CAP, "{} bytes of memory", blocks.memory());
    let missing: u64 = receiver.missing_ranges().map(|range| u64::from(range.end - range.start)).sum();
    assert_eq!(missing, u64::from(receiver.missing()), "the ranges are what is missing");
    if let Some(layout) = receiver.layout() {
        let all = usize::try_from(layout.blocks()) == Ok(accepted.len());
        assert_eq!(receiver.has_all_blocks(), all);
    }
}

impl Claim {
    fn meta(&self) -> Meta<'static> {
        Meta {
            object_id: self.object_id.into(),
            objects: 1,
            kind: match self.kind % 4 {
                0 => ObjectKind::Folder,
                1 => ObjectKind::Stream,
                _ => ObjectKind::File,
            },
            block_size: match self.block_size {
                BlockSize::Small(size) => size.into(),
                BlockSize::Any(size) => size,
            },
            size: self.size.as_ref().map(|size| match *size {
                Size::Small(size) => size.into(),
                Size::Any(size) => size,
            }),
            hash: self.hash.map(|byte| [byte; 32]),
            name: if self.name.is_multiple_of(2) { b"one" } else { b"other" },
            ..Meta::default()
        }
    }
}
