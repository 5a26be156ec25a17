//! [`Descriptions`]: what the descriptors of a stream said, to make sense of the items that follow; and how an
//! [`ItemGroup`] takes in a heap.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;

use super::{Heap, HeapItem};
use crate::descriptor::{DecodeDescriptorError, SamplesError};
use crate::item_group::ItemValue;
use crate::wire::id;
use crate::{Descriptor, ItemGroup, Sample};

/// Descriptors by the item that they describe; of several for one item the latest.
#[derive(Clone, Debug, Default)]
pub struct Descriptions(BTreeMap<u64, Descriptor>);

/// An item and what is known of it.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    /// Its descriptor, if one came.
    pub descriptor: Option<&'a Descriptor>,
    /// Its value as on the wire. Of an immediate item as many bytes as its descriptor says, otherwise all it has.
    pub bytes: &'a [u8],
    /// Dimensions of the value. `None` without a descriptor, and when the length fits no such array.
    pub shape: Option<Vec<u64>>,
}

impl Descriptions {
    /// Descriptors that are kept. More are no stream but an attack on memory.
    pub const MOST: usize = 65_536;

    /// Takes in the descriptors of a heap; tells how many could not be read.
    pub fn learn(&mut self, heap: &Heap) -> usize {
        let mut unreadable = 0;
        for descriptor in heap.descriptors() {
            match descriptor {
                Ok(descriptor) if self.0.len() < Self::MOST || self.0.contains_key(&descriptor.id) => {
                    self.0.insert(descriptor.id, descriptor);
                }
                Ok(_) => {}
                Err(_) => unreadable += 1,
            }
        }
        unreadable
    }

    /// The descriptor of item `id`.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Descriptor> {
        self.0.get(&id)
    }

    /// Descriptors of all items, by identifier.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Descriptor> {
        self.0.values()
    }

    /// An item with what is known of it.
    #[must_use]
    pub fn describe<'a>(&'a self, item: &HeapItem<'a>) -> Described<'a> {
        let descriptor = self.get(item.id);
        let sized = descriptor.filter(|descriptor| item.immediate.is_some() && !descriptor.is_variable());
        let len = sized.and_then(Descriptor::fixed_len).and_then(|len| usize::try_from(len).ok());
        let bytes = len.and_then(|len| item.sized(len)).unwrap_or(item.bytes);
        let shape = descriptor.and_then(|descriptor| descriptor.dimensions(bytes.len() as u64));
        Described { descriptor, bytes, shape }
    }
}

impl<'a> Described<'a> {
    /// The value as samples: borrowed when they lie as this machine has them, otherwise copied.
    ///
    /// # Errors
    /// [`SamplesError`]: no descriptor came, elements are of another type, or the value is no such array.
    pub fn samples<T: Sample>(&self) -> Result<Cow<'a, [T]>, SamplesError> {
        self.descriptor.ok_or(SamplesError::Undescribed)?.samples(self.bytes)
    }

    /// The value as an array of its dimensions; samples are copied.
    ///
    /// # Errors
    /// As [`samples`](Self::samples).
    #[cfg(feature = "ndarray")]
    pub fn to_array<T: Sample>(&self) -> Result<ndarray::ArrayD<T>, SamplesError> {
        self.descriptor.ok_or(SamplesError::Undescribed)?.to_array(self.bytes)
    }
}

impl Heap {
    /// The descriptors that it carries, decoded with the mistakes that the stream was told of.
    pub fn descriptors(&self) -> impl Iterator<Item = Result<Descriptor, DecodeDescriptorError>> + '_ {
        let bug_compat = self.flavour().bug_compat();
        let packets = self.items().filter(|item| item.id == id::DESCRIPTOR && item.immediate.is_none());
        packets.map(move |item| Descriptor::decode(item.bytes, bug_compat))
    }
}

impl ItemGroup {
    /// Takes in what was received: descriptors first, then values, copied. Gives the identifiers of the items that got
    /// a value; items without a descriptor are passed over, and so are descriptors that cannot be read.
    pub fn update(&mut self, heap: &Heap) -> Vec<u64> {
        for descriptor in heap.descriptors().flatten() {
            if self.iter().len() < Descriptions::MOST || self.get(descriptor.id).is_some() {
                self.add(descriptor);
            }
        }
        let mut updated = Vec::new();
        for item in heap.items().filter(|item| item.id > id::STREAM_CTRL) {
            let value = match item.immediate {
                Some(value) => ItemValue::Immediate(value),
                None => ItemValue::Memory(item.bytes.to_vec().into()),
            };
            if self.put(item.id, value).is_ok() {
                updated.push(item.id);
            }
        }
        updated
    }
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;
    use crate::Flavour;
    use crate::receive::readers::StreamReader;
    use crate::receive::{DirectStream, RingOptions, StreamConfig};

    fn captured(name: &str) -> Heap {
        let reader = StreamReader::memory(golden::spead::named(name));
        let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
        stream.next_heap().unwrap().unwrap()
    }

    #[test]
    fn the_descriptors_of_a_captured_heap_describe_its_items() {
        let heap = captured("heap1");
        let mut known = Descriptions::default();
        assert_eq!((known.learn(&heap), known.iter().len()), (0, 2));
        let items: Vec<_> = heap
            .items()
            .filter(|item| item.id > id::STREAM_CTRL)
            .map(|item| {
                let described = known.describe(&item);
                (described.descriptor.unwrap().name.clone(), described.bytes.len(), described.shape.unwrap())
            })
            .collect();
        assert_eq!(items, [("timestamp".to_owned(), 5, vec![]), ("adc".to_owned(), 16, vec![16])]);
        let adc = known.describe(&heap.items().find(|item| item.id == 0x3300).unwrap());
        assert_eq!(adc.samples::<i8>().unwrap().len(), 16);
        assert!(matches!(adc.samples::<u8>(), Err(SamplesError::Type { .. })));
        let nobodys = Described { descriptor: None, ..adc };
        assert_eq!(nobodys.samples::<i8>(), Err(SamplesError::Undescribed));
    }

    #[test]
    fn a_group_takes_in_descriptors_and_then_values() {
        let mut group = ItemGroup::new(Flavour::default());
        assert!(group.update(&captured("heap2")).is_empty());
        assert_eq!(group.update(&captured("heap1")), [0x1600, 0x3300]);
        assert_eq!(group.update(&captured("heap2")), [0x1600, 0x3300]);
        assert_eq!(group.by_name("timestamp").unwrap().as_u64(), Some(5));
    }
}
