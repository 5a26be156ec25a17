//! [`ItemGroup`]: the items of a stream, their descriptions and their latest values, on either side of it.
//!
//! ```text
//!   add(descriptor), set(id, value)  ->  | item | item | item |  ->  get_heap(stale, stale)   what the other side lacks
//!   descriptor, value received       ->  | item | item | item |  ->  get(id), by_name("adc")
//! ```
//! Not a stream: it makes heaps and keeps what heaps said. Heaps that are sent again and again are built once from
//! `get_heap(Select::None, Select::All)` and then changed in place.

use alloc::collections::BTreeMap;

mod item;

use thiserror::Error;

use item::Number;
pub use item::{Item, ItemValue};

use crate::descriptor::EncodeDescriptorError;
use crate::wire::id;
use crate::{Descriptor, Flavour, Heap, Value};

/// Items with descriptions and values.
#[derive(Clone, Debug)]
pub struct ItemGroup {
    flavour: Flavour,
    items: Vec<Item>,
    by_id: BTreeMap<u64, usize>,
    /// Heaps made so far.
    heaps: u64,
    descriptor_every: Option<u64>,
}

/// Which items [`ItemGroup::get_heap`] takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Select {
    /// Those that are new or have changed since the last heap.
    #[default]
    Stale,
    /// All.
    All,
    /// None.
    None,
}

impl ItemGroup {
    /// Without items.
    #[must_use]
    pub const fn new(flavour: Flavour) -> Self {
        Self { flavour, items: Vec::new(), by_id: BTreeMap::new(), heaps: 0, descriptor_every: None }
    }

    /// Sends all descriptors again every `heaps` heaps, for receivers that come later; `None`: never.
    pub const fn repeat_descriptors(&mut self, heaps: Option<u64>) {
        self.descriptor_every = heaps;
    }

    /// Adds an item, or describes one anew: its value is then forgotten, unless nothing changes. An identifier of 0
    /// takes the first that is free from 0x1000 on. Returns the identifier.
    pub fn add(&mut self, mut descriptor: Descriptor) -> u64 {
        if descriptor.id == 0 {
            let taken = |id: &u64| self.by_id.contains_key(id);
            descriptor.id = (id::FIRST_USER..).find(|id| !taken(id)).unwrap_or(id::FIRST_USER);
        }
        let id = descriptor.id;
        let known = self.by_id.get(&id).and_then(|index| self.items.get_mut(*index));
        match known {
            Some(item) if item.descriptor == descriptor => {}
            Some(item) => *item = Item::new(descriptor),
            None => {
                self.by_id.insert(id, self.items.len());
                self.items.push(Item::new(descriptor));
            }
        }
        id
    }

    /// Gives an item a value in memory, which is shared, not copied.
    ///
    /// # Errors
    /// [`ItemError`]: it is not in the group, or the value has not the length that its descriptor says.
    pub fn set(&mut self, id: u64, value: impl Into<Value>) -> Result<(), ItemError> {
        let value = value.into();
        let item = self.item(id)?;
        let len = value.as_bytes().len() as u64;
        if let Some(expected) = item.descriptor.fixed_len()
            && expected != len
        {
            return Err(ItemError::Length { name: item.descriptor.name.clone(), len, expected });
        }
        if item.descriptor.dimensions(len).is_none() {
            return Err(ItemError::Shape { name: item.descriptor.name.clone(), len });
        }
        item.put(ItemValue::Memory(value));
        Ok(())
    }

    /// Gives a single number that travels in the headers.
    ///
    /// # Errors
    /// [`ItemError`]: it is not in the group, it is an array, or its bits are no whole bytes or more than an immediate
    /// of this flavour has.
    pub fn set_immediate(&mut self, id: u64, value: u64) -> Result<(), ItemError> {
        let most = self.flavour.address_bits();
        let item = self.item(id)?;
        let whole = |number: &Number| number.bits <= most && number.bits.is_multiple_of(8);
        let number = Number::of(&item.descriptor).filter(whole);
        let number = number.filter(|_| item.descriptor.shape.is_empty());
        let Some(number) = number else {
            return Err(ItemError::NotImmediate { name: item.descriptor.name.clone(), most });
        };
        item.put(ItemValue::Immediate(number.swapped(value)));
        Ok(())
    }

    /// Gives an item what was received for it, whatever its length.
    ///
    /// # Errors
    /// [`ItemError::Unknown`]: it is not in the group.
    pub fn put(&mut self, id: u64, value: ItemValue) -> Result<(), ItemError> {
        self.item(id)?.put(value);
        Ok(())
    }

    fn item(&mut self, id: u64) -> Result<&mut Item, ItemError> {
        let found = self.by_id.get(&id).and_then(|index| self.items.get_mut(*index));
        found.ok_or(ItemError::Unknown { id })
    }

    /// A heap of these descriptors and values, in the order in which items were added. Items without a value are
    /// described, and otherwise passed over.
    ///
    /// # Errors
    /// A descriptor does not fit in the flavour.
    pub fn get_heap(&mut self, descriptors: Select, data: Select) -> Result<Heap, EncodeDescriptorError> {
        let (now, every) = (self.heaps + 1, self.descriptor_every);
        let described = |item: &Item| {
            let stale = item.described == 0 || every.is_some_and(|every| now - item.described >= every);
            select(descriptors, stale)
        };
        let sent = |item: &Item| item.value.is_some() && select(data, item.version > item.sent);
        let mut heap = Heap::new(self.flavour);
        for item in &self.items {
            if described(item) {
                heap.descriptor(&item.descriptor)?;
            }
            let Some(value) = item.value.as_ref().filter(|_| sent(item)) else {
                continue;
            };
            match value {
                ItemValue::Immediate(value) => heap.immediate(item.descriptor.id, *value),
                // The receiver could not tell how long an immediate of variable length was, nor on which side of it
                // the filling bits are.
                ItemValue::Memory(value) if item.descriptor.is_variable() || !item.has_whole_bytes() => {
                    heap.addressed(item.descriptor.id, value.clone())
                }
                ItemValue::Memory(value) => heap.item(item.descriptor.id, value.clone()),
            };
        }
        // Only now: what is in no heap has not been sent.
        self.heaps = now;
        for item in &mut self.items {
            if described(item) {
                item.described = now;
            }
            if sent(item) {
                item.sent = item.version;
            }
        }
        Ok(heap)
    }

    /// The item with this identifier.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Item> {
        self.by_id.get(&id).and_then(|index| self.items.get(*index))
    }

    /// The item with this name, of several the one that was added last.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Item> {
        self.items.iter().rev().find(|item| item.descriptor.name == name)
    }

    /// All items, in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.items.iter()
    }

    /// The flavour of the heaps that it makes.
    #[must_use]
    pub const fn flavour(&self) -> Flavour {
        self.flavour
    }
}

fn select(which: Select, stale: bool) -> bool {
    match which {
        Select::Stale => stale,
        Select::All => true,
        Select::None => false,
    }
}

/// Why an item did not take a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ItemError {
    /// There is no such item.
    #[error("item {id:#x} is not in the group; add its descriptor first")]
    Unknown {
        /// The identifier.
        id: u64,
    },
    /// A value of another length than its descriptor says.
    #[error("the value of item {name:?} has {len} bytes, its descriptor says {expected}")]
    Length {
        /// The item.
        name: String,
        /// Bytes of the value.
        len: u64,
        /// Bytes that the descriptor says.
        expected: u64,
    },
    /// No array of the described kind has so many bytes.
    #[error("{len} bytes are no whole number of rows of item {name:?}")]
    Shape {
        /// The item.
        name: String,
        /// Bytes of the value.
        len: u64,
    },
    /// Not a single number of few enough bits.
    #[error(
        "item {name:?} is no single number of whole bytes and at most {most} bits; give it a value in memory"
    )]
    NotImmediate {
        /// The item.
        name: String,
        /// Bits of an immediate.
        most: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dimension, Format, PrebuiltHeap};

    fn group() -> ItemGroup {
        let mut group = ItemGroup::new(Flavour::SPEAD_64_40);
        group.add(Descriptor::with_format(0x1600, "timestamp", "", [Format::unsigned(40)]));
        group.add(Descriptor::array::<i16>(0x3300, "adc", "", &[4]));
        group
    }

    /// Items of the heap: identifiers in the order in which they are in the first packet.
    fn ids(heap: &Heap) -> Vec<u64> {
        let built: PrebuiltHeap = heap.prebuild(9000).unwrap();
        let packet: Vec<u8> = built.parts(0).flatten().copied().collect();
        let (flavour, pointers, _) = crate::wire::Prefix::split(&packet).unwrap();
        pointers[4..].iter().map(|word| crate::wire::Pointer::from_word(word.get(), flavour).id).collect()
    }

    #[test]
    fn what_has_not_changed_is_not_sent_again() {
        let mut group = group();
        group.set_immediate(0x1600, 7).unwrap();
        assert_eq!(ids(&group.get_heap(Select::Stale, Select::Stale).unwrap()), [5, 0x1600, 5]);
        group.set(0x3300, [1_i16, 2, 3, 4]).unwrap();
        assert_eq!(ids(&group.get_heap(Select::Stale, Select::Stale).unwrap()), [0x3300]);
        assert!(group.get_heap(Select::Stale, Select::Stale).unwrap().is_empty());
        assert_eq!(ids(&group.get_heap(Select::None, Select::All).unwrap()), [0x1600, 0x3300]);
        assert_eq!(ids(&group.get_heap(Select::All, Select::None).unwrap()), [5, 5]);
    }

    #[test]
    fn descriptors_are_repeated_as_often_as_asked() {
        let mut group = group();
        group.repeat_descriptors(Some(3));
        let described =
            |group: &mut ItemGroup| !group.get_heap(Select::Stale, Select::Stale).unwrap().is_empty();
        let pattern: Vec<bool> = (0..7).map(|_| described(&mut group)).collect();
        assert_eq!(pattern, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn values_that_are_no_such_array_are_refused() {
        let mut group = group();
        assert!(matches!(group.set(0x3300, [1_i16]), Err(ItemError::Length { len: 2, expected: 8, .. })));
        assert!(matches!(group.set_immediate(0x3300, 1), Err(ItemError::NotImmediate { .. })));
        assert_eq!(group.set_immediate(1, 1), Err(ItemError::Unknown { id: 1 }));
        let rows = Descriptor::with_format(0, "rows", "", [Format::signed(16)]);
        let id = group.add(rows.shaped([Dimension::Variable, Dimension::Fixed(2)]));
        assert_eq!(id, 0x1000);
        assert!(matches!(group.set(id, [1_i16, 2, 3]), Err(ItemError::Shape { len: 6, .. })));
        group.set(id, [1_i16, 2, 3, 4]).unwrap();
    }

    #[test]
    fn a_variable_item_is_never_an_immediate() {
        let mut group = ItemGroup::new(Flavour::SPEAD_64_40);
        let text =
            Descriptor::with_format(0x1000, "text", "", "c8".parse().map(|field| vec![field]).unwrap());
        group.add(text.shaped([Dimension::Variable]));
        group.set(0x1000, *b"ok").unwrap();
        let built = group.get_heap(Select::None, Select::All).unwrap().prebuild(1472).unwrap();
        assert_eq!(built.value(0x1000).map(Value::as_bytes), Some(&b"ok"[..]));
    }

    #[test]
    fn an_item_described_anew_loses_its_value_and_only_then() {
        let mut group = group();
        group.set(0x3300, [1_i16, 2, 3, 4]).unwrap();
        let same = group.get(0x3300).unwrap().descriptor().clone();
        group.add(same);
        assert!(group.get(0x3300).unwrap().value().is_some());
        group.add(Descriptor::array::<i16>(0x3300, "adc", "", &[5]));
        assert!(group.by_name("adc").unwrap().value().is_none());
    }

    #[test]
    fn a_heap_that_could_not_be_made_leaves_everything_to_be_sent() {
        let mut group = group();
        group.set_immediate(0x1600, 7).unwrap();
        let wide =
            group.add(Descriptor::with_format(1 << 30, "no such identifier", "", [Format::unsigned(8)]));
        group.set(wide, [1_u8]).unwrap();
        group.get_heap(Select::Stale, Select::Stale).unwrap_err();
        let index = group.by_id.remove(&wide).unwrap();
        group.items.remove(index);
        assert_eq!(ids(&group.get_heap(Select::Stale, Select::Stale).unwrap()), [5, 0x1600, 5]);
    }
}
