//! Reading a descriptor. Hostile bytes are normal: every length is checked, and nothing larger than the packet is made.

use core::str;

use nom::bytes::complete::take;
use nom::combinator::{all_consuming, map, map_opt};
use nom::multi::many0;
use nom::number::complete::u8;
use nom::{IResult, Parser};

use super::encode::{bits_width, side_width, variable_tag};
use super::{
    BadDtype, DecodeDescriptorError, Descriptor, Dimension, DtypeHeader, Element, Format, FormatKind,
};
use crate::wire::{Pointer, Prefix, id};
use crate::{BugCompat, Flavour};

impl Descriptor {
    /// Reads the value of an item 0x05. Which mistakes its sender makes is not written in it.
    ///
    /// Unknown fields are passed over, missing ones are empty, and a numpy header overrides format and shape.
    ///
    /// # Errors
    /// [`DecodeDescriptorError`] for bytes that are no descriptor.
    pub fn decode(packet: &[u8], bug_compat: BugCompat) -> Result<Self, DecodeDescriptorError> {
        let (flavour, pointers, payload) = Prefix::split(packet)?;
        let flavour = flavour.with_bug_compat(bug_compat);
        let pointers = pointers.iter().map(|word| Pointer::from_word(word.get(), flavour));
        let mut fields = Vec::new();
        let (mut item, mut end) = (None, payload.len() as u64);
        for pointer in pointers {
            match (pointer.immediate, pointer.id) {
                (true, id::HEAP_LENGTH) if pointer.value > payload.len() as u64 => {
                    return Err(DecodeDescriptorError::Split);
                }
                (true, id::HEAP_LENGTH) => end = pointer.value,
                (true, id::PAYLOAD_OFFSET) if pointer.value != 0 => return Err(DecodeDescriptorError::Split),
                (true, id::DESCRIPTOR_ID) => item = Some(pointer.value),
                (false, _) => fields.push((pointer.value, pointer.id)),
                _ => {}
            }
        }
        let item = item.filter(|id| *id != 0).ok_or(DecodeDescriptorError::NoId)?;
        // Stable: of two fields at one address the first is empty, as the order on the wire says.
        fields.sort_by_key(|(offset, _)| *offset);
        let ends = fields.iter().skip(1).map(|(offset, _)| *offset).chain([end]).collect::<Vec<_>>();
        let mut raw = Fields::default();
        for ((offset, id), next) in fields.into_iter().zip(ends) {
            let outside = DecodeDescriptorError::Outside { id, offset, len: end };
            let range = usize::try_from(offset).ok().zip(usize::try_from(next.min(end)).ok());
            let bytes = range.and_then(|(start, end)| payload.get(start..end)).ok_or(outside)?;
            match id {
                id::DESCRIPTOR_NAME => raw.name = bytes,
                id::DESCRIPTOR_DESCRIPTION => raw.description = bytes,
                id::DESCRIPTOR_FORMAT => raw.format = bytes,
                id::DESCRIPTOR_SHAPE => raw.shape = bytes,
                id::DESCRIPTOR_DTYPE => raw.dtype = bytes,
                _ => {}
            }
        }
        raw.read(item, flavour)
    }
}

/// The fields that have bytes.
#[derive(Default)]
struct Fields<'a> {
    name: &'a [u8],
    description: &'a [u8],
    format: &'a [u8],
    shape: &'a [u8],
    dtype: &'a [u8],
}

impl Fields<'_> {
    fn read(&self, id: u64, flavour: Flavour) -> Result<Descriptor, DecodeDescriptorError> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (name, description) = (text(self.name), text(self.description));
        if !self.dtype.is_empty() {
            let wrong = |source| DecodeDescriptorError::Dtype { id, source };
            let header =
                str::from_utf8(self.dtype).map_err(|error| BadDtype::Syntax { offset: error.valid_up_to() });
            let header: DtypeHeader = header.and_then(str::parse).map_err(wrong)?;
            let shape = header.shape.into_iter().map(Dimension::Fixed).collect();
            let swap = flavour.bug_compat().contains(BugCompat::SWAP_ENDIAN);
            let dtype = if swap { header.dtype.swapped() } else { header.dtype };
            let element = Element::Numpy { dtype, fortran_order: header.fortran_order };
            return Ok(Descriptor { id, name, description, shape, element });
        }
        let format = formats(self.format, flavour).map_err(|_| DecodeDescriptorError::Format { id })?.1;
        let shape = dimensions(self.shape, flavour).map_err(|_| DecodeDescriptorError::Shape { id })?.1;
        Ok(Descriptor { id, name, description, shape, element: Element::Format(format) })
    }
}

fn formats(bytes: &[u8], flavour: Flavour) -> IResult<&[u8], Vec<Format>> {
    let field = map_opt((u8, |rest| number(rest, bits_width(flavour))), |(letter, bits)| {
        Some(Format { kind: FormatKind::from_letter(letter)?, bits: u32::try_from(bits).ok()? })
    });
    all_consuming(many0(field)).parse(bytes)
}

fn dimensions(bytes: &[u8], flavour: Flavour) -> IResult<&[u8], Vec<Dimension>> {
    let side = map((u8, |rest| number(rest, side_width(flavour))), |(tag, size)| {
        if tag & variable_tag(flavour) == 0 { Dimension::Fixed(size) } else { Dimension::Variable }
    });
    all_consuming(many0(side)).parse(bytes)
}

/// A big-endian number of `width` bytes, at most 7.
fn number(bytes: &[u8], width: usize) -> IResult<&[u8], u64> {
    let sum = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    map(take(width), sum).parse(bytes)
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;
    use proptest::prelude::*;

    use super::*;

    /// The descriptors of the captured heap: timestamp, samples.
    fn captured() -> (Descriptor, Descriptor) {
        (
            Descriptor::with_format(0x1600, "timestamp", "Index of the first sample", [Format::unsigned(40)]),
            Descriptor::array::<i8>(0x3300, "adc", "ADC output", &[16]),
        )
    }

    #[test]
    fn captured_descriptors_are_read_and_written_byte_for_byte() {
        let payload = &golden::spead::named("heap1")[72..];
        let (timestamp, samples) = captured();
        for (bytes, descriptor) in [(&payload[..0x76], timestamp), (&payload[0x76..0x119], samples)] {
            assert_eq!(Descriptor::decode(bytes, BugCompat::NONE).unwrap(), descriptor);
            assert_eq!(descriptor.encode(Flavour::SPEAD_64_40).unwrap(), bytes);
        }
    }

    #[test]
    fn the_mistakes_of_pyspead_are_made_as_captured() {
        let flavour = Flavour::SPEAD_64_48.with_bug_compat(BugCompat::PYSPEAD_0_5_2);
        let item =
            Descriptor::with_format(0x1600, "", "", [Format::unsigned(48)]).shaped([Dimension::Variable]);
        let packet = item.encode(flavour).unwrap();
        assert_eq!(packet[packet.len() - 12..], [0x75, 0, 0, 0x30, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Descriptor::decode(&packet, BugCompat::PYSPEAD_0_5_2).unwrap(), item);
    }

    #[test]
    fn pyspead_says_the_opposite_byte_order() {
        let item = Descriptor::with_dtype(
            1,
            "a",
            "",
            "[('a', '<i4'), ('b', '>u8'), ('c', '|i1')]".parse().unwrap(),
            &[],
        );
        let packet = item.encode(Flavour::SPEAD_64_48.with_bug_compat(BugCompat::PYSPEAD_0_5_2)).unwrap();
        assert!(String::from_utf8_lossy(&packet).contains("[('a', '>i4'), ('b', '<u8'), ('c', '|i1')]"));
        assert_eq!(Descriptor::decode(&packet, BugCompat::PYSPEAD_0_5_2).unwrap(), item);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let narrow = Flavour::new(8).unwrap();
        let wide = Descriptor::with_format(0x1600, "a", "", [Format::unsigned(8)]);
        assert!(wide.clone().shaped([Dimension::Fixed(256)]).encode(narrow).is_err());
        assert!(Descriptor { id: 0, ..wide.clone() }.encode(narrow).is_err());
        assert!(Descriptor { id: 128, ..wide.clone() }.encode(Flavour::new(56).unwrap()).is_err());
        assert!(Descriptor { name: "\u{e4}".into(), ..wide.clone() }.encode(narrow).is_err());
        let numpy = Descriptor::array::<f32>(1, "a", "", &[1]).shaped([Dimension::Variable]);
        assert!(matches!(
            numpy.encode(narrow),
            Err(super::super::EncodeDescriptorError::VariableNumpy { .. })
        ));
    }

    #[test]
    fn a_variable_dimension_follows_from_the_length() {
        let item = Descriptor::with_format(1, "a", "", [Format::unsigned(12)]);
        let item = item.shaped([Dimension::Variable, Dimension::Fixed(2)]);
        assert_eq!(item.dimensions(9), Some(vec![3, 2]));
        assert_eq!(item.dimensions(8), None);
        let item = Descriptor::array::<f32>(1, "a", "", &[2, 3]);
        assert_eq!((item.dimensions(24), item.dimensions(23)), (Some(vec![2, 3]), None));
        let empty = item.shaped([Dimension::Fixed(0), Dimension::Variable]);
        assert_eq!(empty.dimensions(0), None);
    }

    #[test]
    fn every_prefix_and_every_flipped_byte_is_read_or_refused() {
        let packet = captured().1.encode(Flavour::SPEAD_64_40).unwrap();
        for len in 0..packet.len() {
            let _ = Descriptor::decode(&packet[..len], BugCompat::NONE);
        }
        for at in 0..packet.len() {
            for bit in 0..8 {
                let mut packet = packet.clone();
                packet[at] ^= 1 << bit;
                let _ = Descriptor::decode(&packet, BugCompat::NONE);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            id in 1_u64..100,
            name in "[ -~]{0,12}",
            description in "[ -~]{0,20}",
            bits in proptest::collection::vec(1_u32..200, 0..4),
            shape in proptest::collection::vec(proptest::option::of(0_u64..250), 0..4),
            bytes in 2_u32..=7,
            mask in 0_u8..8,
        ) {
            let bug_compat = BugCompat::from_bits(mask).unwrap();
            let flavour = Flavour::new(bytes * 8).unwrap().with_bug_compat(bug_compat);
            let bits: Vec<_> = bits.into_iter().map(Format::unsigned).collect();
            let shape: Vec<_> = shape.into_iter().map(|side| side.map_or(Dimension::Variable, Dimension::Fixed)).collect();
            let descriptor = Descriptor::with_format(id, name, description, bits).shaped(shape);
            let packet = descriptor.encode(flavour).unwrap();
            prop_assert_eq!(Descriptor::decode(&packet, bug_compat).unwrap(), descriptor);
        }
    }
}
