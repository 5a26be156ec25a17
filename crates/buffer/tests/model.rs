//! A buffer behaves as a vector with two marks does, whatever is done to it, and says exactly why it refuses.

use core::ops::Range;

use packhorse_buffer::{NoRoom, PacketBuf, Side, TooShort};
use proptest::prelude::*;

const CAPACITY: usize = 32;

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Pull(usize),
    Put(usize),
    Trim(usize),
    PutSlice(Vec<u8>),
    Reset(usize),
    SetRange(Range<usize>),
    Array(u8),
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly sizes that fit, some that do not, a few that would overflow.
    let size = || prop_oneof![20 => 0..12_usize, 4 => 0..CAPACITY + 4, 1 => Just(usize::MAX), 1 => Just(usize::MAX - 7)];
    prop_oneof![
        size().prop_map(Step::Push),
        size().prop_map(Step::Pull),
        size().prop_map(Step::Put),
        size().prop_map(Step::Trim),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::PutSlice),
        size().prop_map(Step::Reset),
        (size(), size()).prop_map(|(start, end)| Step::SetRange(start..end)),
        (0..8_u8).prop_map(Step::Array),
    ]
}

/// What a buffer is: bytes and two marks.
struct Model {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Model {
    fn head(&mut self, n: usize) -> Result<Range<usize>, NoRoom> {
        let available = self.start;
        if n > available {
            return Err(NoRoom { side: Side::Head, needed: n, available });
        }
        self.start -= n;
        Ok(self.start..self.start + n)
    }

    fn tail(&mut self, n: usize) -> Result<Range<usize>, NoRoom> {
        let available = CAPACITY - self.end;
        if n > available {
            return Err(NoRoom { side: Side::Tail, needed: n, available });
        }
        self.end += n;
        Ok(self.end - n..self.end)
    }

    fn front(&mut self, n: usize) -> Result<Range<usize>, TooShort> {
        let available = self.end - self.start;
        if n > available {
            return Err(TooShort { needed: n, available });
        }
        self.start += n;
        Ok(self.start - n..self.start)
    }

    fn back(&mut self, n: usize) -> Result<Range<usize>, TooShort> {
        let available = self.end - self.start;
        if n > available {
            return Err(TooShort { needed: n, available });
        }
        self.end -= n;
        Ok(self.end..self.end + n)
    }

    /// The two results are the same error, or the same bytes, into which both write the same.
    fn agree<E: PartialEq + core::fmt::Debug>(
        &mut self,
        fill: u8,
        mine: Result<Range<usize>, E>,
        theirs: Result<&mut [u8], E>,
    ) -> Result<(), TestCaseError> {
        match (mine, theirs) {
            (Ok(range), Ok(bytes)) => {
                prop_assert_eq!(&self.bytes[range.clone()], &*bytes);
                self.bytes[range].fill(fill);
                bytes.fill(fill);
            }
            (mine, theirs) => prop_assert_eq!(mine.err(), theirs.err()),
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_buffer_is_a_vector_with_two_marks(steps in prop::collection::vec(step(), 0..60)) {
        let mut buf = PacketBuf::<[u8; CAPACITY]>::poisoned(8);
        let mut model = Model { bytes: vec![packhorse_buffer::POISON; CAPACITY], start: 8, end: 8 };
        for (fill, step) in (0_u8..).zip(steps) {
            match step {
                Step::Push(n) => { let mine = model.head(n); model.agree(fill, mine, buf.push(n))?; }
                Step::Pull(n) => { let mine = model.front(n); model.agree(fill, mine, buf.pull(n))?; }
                Step::Put(n) => { let mine = model.tail(n); model.agree(fill, mine, buf.put(n))?; }
                Step::Trim(n) => { let mine = model.back(n); model.agree(fill, mine, buf.trim(n))?; }
                Step::PutSlice(bytes) => {
                    let mine = model.tail(bytes.len());
                    prop_assert_eq!(mine.clone().map(drop), buf.put_slice(&bytes));
                    if let Ok(range) = mine {
                        model.bytes[range].copy_from_slice(&bytes);
                    }
                }
                Step::Reset(headroom) => {
                    let refused = NoRoom { side: Side::Head, needed: headroom, available: CAPACITY };
                    let expected = if headroom <= CAPACITY { Ok(()) } else { Err(refused) };
                    prop_assert_eq!(buf.reset(headroom), expected);
                    if expected.is_ok() {
                        (model.start, model.end) = (headroom, headroom);
                    }
                }
                Step::SetRange(range) => {
                    let fits = range.start <= range.end && range.end <= CAPACITY;
                    let needed = range.start.max(range.end);
                    let refused = NoRoom { side: Side::Tail, needed, available: CAPACITY };
                    prop_assert_eq!(buf.set_range(range.clone()), if fits { Ok(()) } else { Err(refused) });
                    if fits {
                        (model.start, model.end) = (range.start, range.end);
                    }
                }
                Step::Array(which) => match which {
                    0 => { let mine = model.head(6); model.agree(fill, mine, buf.push_array::<6>().map(<[u8; 6]>::as_mut_slice))?; }
                    1 => { let mine = model.front(6); model.agree(fill, mine, buf.pull_array::<6>().map(<[u8; 6]>::as_mut_slice))?; }
                    2 => { let mine = model.tail(4); model.agree(fill, mine, buf.put_array::<4>().map(<[u8; 4]>::as_mut_slice))?; }
                    3 => { let mine = model.back(4); model.agree(fill, mine, buf.trim_array::<4>().map(<[u8; 4]>::as_mut_slice))?; }
                    4 => { let mine = model.head(0); model.agree(fill, mine, buf.push_array::<0>().map(<[u8; 0]>::as_mut_slice))?; }
                    5 => { let mine = model.front(33); model.agree(fill, mine, buf.pull_array::<33>().map(<[u8; 33]>::as_mut_slice))?; }
                    6 => { let mine = model.tail(33); model.agree(fill, mine, buf.put_array::<33>().map(<[u8; 33]>::as_mut_slice))?; }
                    _ => { let mine = model.back(0); model.agree(fill, mine, buf.trim_array::<0>().map(<[u8; 0]>::as_mut_slice))?; }
                },
            }
            prop_assert_eq!(buf.range(), model.start..model.end);
            prop_assert_eq!(buf.as_slice(), &model.bytes[model.start..model.end]);
            prop_assert_eq!(&*buf.as_mut_slice(), &model.bytes[model.start..model.end]);
            prop_assert_eq!(&buf.storage()[..], &model.bytes[..]);
            prop_assert_eq!((buf.headroom(), buf.len(), buf.tailroom()), (model.start, model.end - model.start, CAPACITY - model.end));
            prop_assert_eq!(buf.is_empty(), buf.as_ref().is_empty());
        }
    }
}
