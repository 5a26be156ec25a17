//! [`Items`]: what a heap's pointers point at.
//!
//! ```text
//!   pointers   A@0  B@10  NULL@25  C=7          payload |A 10 bytes|B 15 bytes|padding|
//! ```
//! An addressed item reaches to the next higher address of any addressed pointer, or to the end of the heap. Of
//! several with one address only the last is not empty, and empty ones are no items. A pointer that comes twice
//! counts once. An immediate item is as many bytes as the flavour's addresses have; the consumer takes the last ones.
//!
//! How an end is found depends on the pointers: of a few, each is compared with each; many that ascend, as senders
//! write them, need a look at the next one; many in any other order are sorted, in memory that the thread keeps.

use core::cell::RefCell;

use zerocopy::IntoBytes as _;
use zerocopy::byteorder::{BE, U64};

use crate::Flavour;
use crate::wire::{Pointer, id};

/// Up to so many pointers, each is compared with each.
const FEW: usize = 24;
/// Memory for sorting that a thread keeps: so many pieces, each for so many pointers.
const KEPT: usize = 4;
const KEPT_POINTERS: usize = 1 << 16;

std::thread_local! {
    static SPARE: RefCell<[Option<Box<Sorted>>; KEPT]> = const { RefCell::new([const { None }; KEPT]) };
}

/// One item of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapItem<'a> {
    /// Which item.
    pub id: u64,
    /// Its value as on the wire. Of an immediate item, as many bytes as an address of the flavour has, big-endian.
    pub bytes: &'a [u8],
    /// The value, when it is immediate.
    pub immediate: Option<u64>,
}

impl<'a> HeapItem<'a> {
    /// The value as `len` bytes: of an immediate item the last ones, since shorter values are padded in front.
    ///
    /// `None` when an addressed item has another length, or an immediate one fewer bytes.
    #[must_use]
    pub fn sized(&self, len: usize) -> Option<&'a [u8]> {
        match self.immediate {
            None => (self.bytes.len() == len).then_some(self.bytes),
            Some(_) => self.bytes.len().checked_sub(len).and_then(|from| self.bytes.get(from..)),
        }
    }
}

/// Iterator over the items of a heap.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    words: &'a [U64<BE>],
    payload: &'a [u8],
    flavour: Flavour,
    /// Whether addressed items are given, too.
    addressed: bool,
    next: usize,
    ends: Ends,
}

/// How the ends of items are found.
#[derive(Clone, Debug)]
enum Ends {
    Compare,
    Next,
    Sorted(Kept),
}

/// Memory that goes back to the thread's.
#[derive(Clone, Debug)]
struct Kept(Option<Box<Sorted>>);

/// Where each of many pointers ends; at its own address when it is no item.
#[derive(Clone, Debug, Default)]
struct Sorted {
    ends: Vec<u64>,
    order: Vec<usize>,
}

impl<'a> Items<'a> {
    pub(super) fn new(words: &'a [U64<BE>], payload: &'a [u8], flavour: Flavour, addressed: bool) -> Self {
        let ends = if words.len() <= FEW {
            Ends::Compare
        } else if ascend(words, flavour) {
            Ends::Next
        } else {
            Ends::Sorted(Kept::new(words, payload.len() as u64, flavour))
        };
        Self { words, payload, flavour, addressed, next: 0, ends }
    }

    /// Where the item of pointer `own` ends; its own address when it is none.
    fn end(&self, own: usize, pointer: Pointer) -> u64 {
        let address = |word: &U64<BE>| {
            let pointer = Pointer::from_word(word.get(), self.flavour);
            (!pointer.immediate).then_some(pointer.value)
        };
        match &self.ends {
            Ends::Sorted(Kept(sorted)) => {
                let end = sorted.as_ref().and_then(|sorted| sorted.ends.get(own));
                return end.copied().unwrap_or(pointer.value);
            }
            Ends::Next if pointer.immediate => return u64::MAX,
            Ends::Next => {
                let later = self.words.get(own + 1..).unwrap_or_default();
                return later.iter().find_map(address).unwrap_or(self.payload.len() as u64);
            }
            Ends::Compare => {}
        }
        let (earlier, rest) = self.words.split_at(own.min(self.words.len()));
        let Some((word, later)) = rest.split_first() else { return pointer.value };
        // The same pointer earlier is this one; another one at the same place later has the bytes.
        let repeated = earlier.contains(word);
        let overtaken = !pointer.immediate
            && later.iter().any(|other| {
                address(other) == Some(pointer.value) && other != word && !earlier.contains(other)
            });
        if repeated || overtaken {
            return pointer.value;
        }
        if pointer.immediate {
            return u64::MAX;
        }
        let higher = self.words.iter().filter_map(address).filter(|other| *other > pointer.value);
        higher.min().unwrap_or(self.payload.len() as u64)
    }
}

/// Whether addresses ascend, and so do immediate pointers: then none comes twice.
fn ascend(words: &[U64<BE>], flavour: Flavour) -> bool {
    let (mut address, mut word) = (None, None);
    words.iter().map(|word| word.get()).all(|next| {
        let Pointer { immediate, id, value } = Pointer::from_word(next, flavour);
        let (last, next) = match immediate {
            // Padding, of which there may be much.
            true if id == id::NULL => return true,
            true => (&mut word, next),
            false => (&mut address, value),
        };
        last.replace(next).is_none_or(|last| last < next)
    })
}

impl Kept {
    /// As [`Items::end`], for all pointers at once. In the order of n log n.
    fn new(words: &[U64<BE>], length: u64, flavour: Flavour) -> Self {
        let spare =
            SPARE.try_with(|spare| spare.borrow_mut().iter_mut().find_map(Option::take)).ok().flatten();
        let mut sorted = spare.unwrap_or_default();
        let Sorted { ends, order } = &mut *sorted;
        let pointer = |at: usize| {
            let word = words.get(at).map_or(0, |word| word.get());
            (word, Pointer::from_word(word, flavour))
        };
        ends.clear();
        ends.extend((0..words.len()).map(|at| pointer(at).1.value));
        order.clear();
        order.extend(0..words.len());
        // The position makes all keys different, so that sorting in place, without memory, gives the same.
        order.sort_unstable_by_key(|at| (pointer(*at).0, *at));
        order.dedup_by_key(|at| pointer(*at).0);
        order.sort_unstable_by_key(|at| (pointer(*at).1.value, *at));
        let mut next = length;
        let mut seen = None;
        for at in order.iter().rev() {
            let (_, Pointer { immediate, value, .. }) = pointer(*at);
            let end = ends.get_mut(*at);
            if immediate {
                end.into_iter().for_each(|end| *end = u64::MAX);
                continue;
            }
            if let Some(address) = seen.filter(|address| *address > value) {
                next = address;
            }
            if seen != Some(value) {
                end.into_iter().for_each(|end| *end = next);
            }
            seen = Some(value);
        }
        Self(Some(sorted))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let sorted = self.0.take().filter(|sorted| sorted.ends.capacity() <= KEPT_POINTERS);
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| {
            if let Some(free) = spare.borrow_mut().iter_mut().find(|spare| spare.is_none()) {
                *free = sorted;
            }
        });
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = HeapItem<'a>;

    fn next(&mut self) -> Option<HeapItem<'a>> {
        loop {
            let own = self.next;
            let word = self.words.get(own)?;
            self.next += 1;
            let pointer = Pointer::from_word(word.get(), self.flavour);
            let protocol = matches!(pointer.id, id::HEAP_CNT..=id::PAYLOAD_LENGTH) && pointer.immediate;
            if pointer.id == id::NULL || protocol || !(pointer.immediate || self.addressed) {
                continue;
            }
            let end = self.end(own, pointer);
            if end <= pointer.value {
                continue;
            }
            if pointer.immediate {
                let from = Pointer::LEN - self.flavour.address_bytes();
                let bytes = word.as_bytes().get(from..).unwrap_or_default();
                return Some(HeapItem { id: pointer.id, bytes, immediate: Some(pointer.value) });
            }
            let range = usize::try_from(pointer.value).ok()?..usize::try_from(end).ok()?;
            if let Some(bytes) = self.payload.get(range) {
                return Some(HeapItem { id: pointer.id, bytes, immediate: None });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLAVOUR: Flavour = Flavour::SPEAD_64_40;

    fn words(pointers: &[Pointer]) -> Vec<U64<BE>> {
        pointers.iter().map(|pointer| U64::new(pointer.to_word(FLAVOUR))).collect()
    }

    fn items(pointers: &[Pointer], payload: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let words = words(pointers);
        Items::new(&words, payload, FLAVOUR, true).map(|item| (item.id, item.bytes.to_vec())).collect()
    }

    #[test]
    fn an_item_ends_where_the_next_higher_address_is() {
        let pointers = [
            Pointer::immediate(id::HEAP_CNT, 1),
            Pointer::address(0x1002, 4),
            Pointer::address(0x1001, 0),
            Pointer::immediate(0x1600, 258),
            Pointer::address(id::NULL, 7),
        ];
        let found = items(&pointers, b"abcdefgh\0\0");
        let wanted = [(0x1002, b"efg".to_vec()), (0x1001, b"abcd".to_vec()), (0x1600, vec![0, 0, 0, 1, 2])];
        assert_eq!(found, wanted);
    }

    #[test]
    fn repeated_pointers_count_once_and_of_equal_addresses_the_last_has_the_bytes() {
        let pointers = [
            Pointer::address(0x1001, 0),
            Pointer::address(0x1002, 0),
            Pointer::immediate(0x1600, 5),
            Pointer::address(0x1001, 0),
            Pointer::immediate(0x1600, 5),
            Pointer::address(0x1003, 3),
            Pointer::address(0x1004, 8),
        ];
        let found = items(&pointers, b"abcdefgh");
        let wanted = [(0x1002, b"abc".to_vec()), (0x1600, vec![0, 0, 0, 0, 5]), (0x1003, b"defgh".to_vec())];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_value_shorter_than_an_address_is_the_last_bytes_of_an_immediate() {
        let words = words(&[Pointer::immediate(0x1600, 0x0102), Pointer::address(0x1601, 0)]);
        let items: Vec<_> = Items::new(&words, b"abc", FLAVOUR, true).collect();
        assert_eq!(items[0].sized(2), Some(&[1, 2][..]));
        assert_eq!(
            (items[0].sized(6), items[1].sized(2), items[1].sized(3)),
            (None, None, Some(&b"abc"[..]))
        );
    }

    proptest! {
        /// Comparing each with each, and sorting first, are two ways to the same items.
        #[test]
        fn many_pointers_give_what_few_give(
            raw in proptest::collection::vec((any::<bool>(), 0_u64..12, 0_u64..12), 0..FEW),
            ascending in any::<bool>(),
        ) {
            let mut pointers: Vec<Pointer> =
                raw.iter().map(|(immediate, id, value)| Pointer { immediate: *immediate, id: *id, value: *value }).collect();
            if ascending {
                pointers.sort_by_key(|pointer| (pointer.immediate, pointer.value));
                pointers.dedup_by_key(|pointer| pointer.value);
            }
            let few = words(&pointers);
            let payload = [7; 10];
            let one: Vec<_> = Items::new(&few, &payload, FLAVOUR, true).collect();
            let mut sorted = Items::new(&few, &payload, FLAVOUR, true);
            sorted.ends = Ends::Sorted(Kept::new(&few, 10, FLAVOUR));
            prop_assert_eq!(&one, &sorted.collect::<Vec<_>>());
            if ascend(&few, FLAVOUR) {
                let mut next = Items::new(&few, &payload, FLAVOUR, true);
                next.ends = Ends::Next;
                prop_assert_eq!(&one, &next.collect::<Vec<_>>());
            }
        }
    }
}
