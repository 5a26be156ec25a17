//! [`Item`]: one item of a group, and how its value is read: as a number, as samples.

use alloc::borrow::Cow;

use crate::descriptor::numpy::{Dtype, Order};
use crate::descriptor::{Element, FormatKind, SamplesError};
use crate::{Descriptor, Sample, Value};

/// An item of a group.
#[derive(Clone, Debug)]
pub struct Item {
    pub(super) descriptor: Descriptor,
    pub(super) value: Option<ItemValue>,
    /// How often the value was set.
    pub(super) version: u64,
    /// Which version was in a heap last.
    pub(super) sent: u64,
    /// The heap, counted from 1, that described it last; 0: none.
    pub(super) described: u64,
}

/// A value of an item.
#[derive(Clone, Debug)]
pub enum ItemValue {
    /// A small number, right-justified in the flavour's address bytes.
    Immediate(u64),
    /// Memory.
    Memory(Value),
}

impl Item {
    pub(super) const fn new(descriptor: Descriptor) -> Self {
        Self { descriptor, value: None, version: 0, sent: 0, described: 0 }
    }

    pub(super) fn put(&mut self, value: ItemValue) {
        self.value = Some(value);
        self.version += 1;
    }

    /// What it is called and what array it holds.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its latest value.
    #[must_use]
    pub const fn value(&self) -> Option<&ItemValue> {
        self.value.as_ref()
    }

    /// How often it got a value.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether no element shares a byte with another.
    pub(super) fn has_whole_bytes(&self) -> bool {
        self.descriptor.element_bits().is_some_and(|bits| bits.is_multiple_of(8))
    }

    /// A single whole number that is not negative: of an immediate, or of up to 8 bytes. `None` for all else.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        let number = Number::of(&self.descriptor)?;
        let word = match self.value.as_ref()? {
            ItemValue::Immediate(value) => *value,
            ItemValue::Memory(value) => {
                let bytes = value.as_bytes();
                let len = number.bits.div_ceil(8);
                if bytes.len() as u64 != u64::from(len) {
                    return None;
                }
                let word = bytes.iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
                // Filling bits are at the end.
                word >> (len * 8 - number.bits)
            }
        };
        let word = number.swapped(word);
        let is_negative = number.signed && word >> (number.bits - 1) & 1 == 1;
        (!is_negative).then_some(word)
    }

    /// The latest value as samples of its descriptor's type; a number in the headers is one sample.
    ///
    /// # Errors
    /// [`SamplesError`]: there is no value, its elements are of another type, or it is no such array.
    pub fn samples<T: Sample>(&self) -> Result<Cow<'_, [T]>, SamplesError> {
        match self.value.as_ref() {
            Some(ItemValue::Memory(value)) => self.descriptor.samples(value.as_bytes()),
            Some(ItemValue::Immediate(value)) => {
                let word = value.to_be_bytes();
                let len = self.descriptor.fixed_len().and_then(|len| usize::try_from(len).ok());
                let from = len.and_then(|len| word.len().checked_sub(len)).unwrap_or(0);
                let samples = self.descriptor.samples(word.get(from..).unwrap_or_default())?;
                Ok(Cow::Owned(samples.into_owned()))
            }
            None => Err(SamplesError::NoValue { name: self.descriptor.name.clone() }),
        }
    }
}

/// How a single whole number lies in its bits.
#[derive(Clone, Copy)]
pub(super) struct Number {
    /// From 1 to 64.
    pub(super) bits: u32,
    signed: bool,
    little: bool,
}

impl Number {
    /// `None` for fractions, complex numbers, strings, dates, and several fields.
    pub(super) fn of(descriptor: &Descriptor) -> Option<Self> {
        let bits = u32::try_from(descriptor.element_bits()?).ok().filter(|bits| (1..=64).contains(bits))?;
        let (signed, little) = match &descriptor.element {
            Element::Format(fields) => match &fields[..] {
                [field] => match field.kind {
                    FormatKind::Unsigned | FormatKind::Boolean | FormatKind::Character => (false, false),
                    FormatKind::Signed => (true, false),
                    _ => return None,
                },
                _ => return None,
            },
            Element::Numpy { dtype: Dtype::Scalar(scalar), .. } => {
                let little = scalar.order == Order::Little;
                match scalar.kind {
                    'u' | 'b' => (false, little),
                    'i' => (true, little),
                    _ => return None,
                }
            }
            Element::Numpy { .. } => return None,
        };
        Some(Self { bits, signed, little })
    }

    /// From the order of its bytes to that of a word, or back; what is above its bits is cut off.
    pub(super) fn swapped(self, word: u64) -> u64 {
        let word = if self.little { (word << (64 - self.bits)).swap_bytes() } else { word };
        if self.bits == 64 { word } else { word & ((1 << self.bits) - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ItemError, ItemGroup};
    use super::*;
    use crate::{BugCompat, Flavour, Format};

    fn group() -> ItemGroup {
        let mut group = ItemGroup::new(Flavour::SPEAD_64_40);
        group.add(Descriptor::with_format(0x1600, "timestamp", "", [Format::unsigned(40)]));
        group
    }

    #[test]
    fn numbers_are_read_from_immediates_and_memory() {
        let mut group = group();
        group.put(0x1600, ItemValue::Immediate(u64::MAX)).unwrap();
        assert_eq!(group.get(0x1600).unwrap().as_u64(), Some((1 << 40) - 1));
        let id = group.add(Descriptor::with_format(0, "u12", "", [Format::unsigned(12)]));
        group.put(id, ItemValue::Memory([0xab_u8, 0xc0].into())).unwrap();
        assert_eq!(group.get(id).unwrap().as_u64(), Some(0xabc));
        assert_eq!(BugCompat::NONE, group.flavour().bug_compat());
    }

    #[test]
    fn numbers_are_in_the_order_and_of_the_kind_that_numpy_says() {
        let of = |descr: &str| {
            let mut group = group();
            let dtype: Dtype = descr.parse().unwrap();
            let id = group.add(Descriptor::with_dtype(0, "number", "", dtype, &[]));
            (group, id)
        };
        for (descr, wire) in [("<u2", 0x0201_u64), (">u2", 0x0102), ("<i4", 0x0201_0000)] {
            let (mut group, id) = of(descr);
            group.set_immediate(id, 0x0102).unwrap();
            assert!(
                matches!(group.get(id).unwrap().value(), Some(ItemValue::Immediate(word)) if *word == wire)
            );
            assert_eq!(group.get(id).unwrap().as_u64(), Some(0x0102), "{descr}");
        }
        let (mut little, id) = of("<u4");
        little.put(id, ItemValue::Memory(vec![1_u8, 2, 0, 0].into())).unwrap();
        assert_eq!(little.get(id).unwrap().as_u64(), Some(0x0201));
        let (mut negative, id) = of("<i2");
        negative.set_immediate(id, 0xffff).unwrap();
        assert_eq!(negative.get(id).unwrap().as_u64(), None);
        for descr in ["<f4", "S4"] {
            let (mut group, id) = of(descr);
            assert!(matches!(group.set_immediate(id, 1), Err(ItemError::NotImmediate { .. })), "{descr}");
            group.put(id, ItemValue::Memory(vec![0_u8; 4].into())).unwrap();
            assert_eq!(group.get(id).unwrap().as_u64(), None, "{descr}");
        }
    }

    #[test]
    fn values_from_memory_and_from_the_headers_are_samples() {
        let mut group = group();
        let adc = group.add(Descriptor::array::<i16>(0, "adc", "", &[2]));
        assert!(matches!(group.get(adc).unwrap().samples::<i16>(), Err(SamplesError::NoValue { .. })));
        group.set(adc, [1_i16, -2]).unwrap();
        assert_eq!(group.get(adc).unwrap().samples::<i16>().unwrap(), &[1, -2][..]);
        let gain = group.add(Descriptor::with_format(0, "gain", "", [Format::signed(16)]));
        group.set_immediate(gain, 0xffff).unwrap();
        assert_eq!(group.get(gain).unwrap().samples::<i16>().unwrap(), &[-1][..]);
        group.set_immediate(0x1600, 7).unwrap();
        assert!(matches!(group.get(0x1600).unwrap().samples::<u64>(), Err(SamplesError::Type { .. })));
    }
}
