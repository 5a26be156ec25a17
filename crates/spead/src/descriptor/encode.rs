//! A descriptor's bytes.

use zerocopy::IntoBytes as _;

use super::{Descriptor, Dimension, DtypeHeader, Element, EncodeDescriptorError};
use crate::wire::{Pointer, Prefix, id};
use crate::{BugCompat, Flavour};

impl Descriptor {
    /// The packet that goes into a heap as the value of an item 0x05.
    ///
    /// # Errors
    /// [`EncodeDescriptorError`] when it does not fit in the flavour.
    pub fn encode(&self, flavour: Flavour) -> Result<Vec<u8>, EncodeDescriptorError> {
        if self.id == 0 || self.id > flavour.max_id() {
            return Err(EncodeDescriptorError::Id {
                name: self.name.clone(),
                id: self.id,
                most: flavour.max_id(),
            });
        }
        let dtype = self.dtype_text(flavour)?;
        for (what, text) in
            [("the name", &self.name), ("the description", &self.description), ("the type", &dtype)]
        {
            if !text.is_ascii() {
                return Err(EncodeDescriptorError::NotAscii { name: self.name.clone(), what });
            }
        }
        let (format, shape) = (self.format_bytes(flavour)?, self.shape_bytes(flavour)?);
        let fields = [
            (id::DESCRIPTOR_NAME, self.name.as_bytes()),
            (id::DESCRIPTOR_DESCRIPTION, self.description.as_bytes()),
            (id::DESCRIPTOR_FORMAT, &format),
            (id::DESCRIPTOR_SHAPE, &shape),
            (id::DESCRIPTOR_DTYPE, dtype.as_bytes()),
        ];
        // A type that is not there has no pointer either; the other fields always have one.
        let fields = if dtype.is_empty() { &fields[..4] } else { &fields[..] };
        let len: usize = fields.iter().map(|(_, bytes)| bytes.len()).sum();
        let len = self.fit("the length", len as u64, flavour.max_address())?;

        let specials = [
            Pointer::immediate(id::HEAP_CNT, 1),
            Pointer::immediate(id::HEAP_LENGTH, len),
            Pointer::immediate(id::PAYLOAD_OFFSET, 0),
            Pointer::immediate(id::PAYLOAD_LENGTH, len),
            Pointer::immediate(id::DESCRIPTOR_ID, self.id),
        ];
        // 5 and at most 5 more.
        #[expect(clippy::cast_possible_truncation)]
        let count = (specials.len() + fields.len()) as u16;
        let mut packet = Prefix::new(flavour, count).as_bytes().to_vec();
        packet.extend(specials.iter().flat_map(|pointer| pointer.to_word(flavour).to_be_bytes()));
        let mut offset = 0;
        for (id, bytes) in fields {
            packet.extend(Pointer::address(*id, offset).to_word(flavour).to_be_bytes());
            offset += bytes.len() as u64;
        }
        fields.iter().for_each(|(_, bytes)| packet.extend_from_slice(bytes));
        Ok(packet)
    }

    fn dtype_text(&self, flavour: Flavour) -> Result<String, EncodeDescriptorError> {
        let Element::Numpy { dtype, fortran_order } = &self.element else {
            return Ok(String::new());
        };
        let fixed = |side: &Dimension| match side {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Variable => None,
        };
        let shape = self.shape.iter().map(fixed).collect::<Option<Vec<_>>>();
        let shape = shape.ok_or_else(|| EncodeDescriptorError::VariableNumpy { name: self.name.clone() })?;
        let swap = flavour.bug_compat().contains(BugCompat::SWAP_ENDIAN);
        let dtype = if swap { dtype.swapped() } else { dtype.clone() };
        Ok(DtypeHeader { dtype, fortran_order: *fortran_order, shape }.to_string())
    }

    fn format_bytes(&self, flavour: Flavour) -> Result<Vec<u8>, EncodeDescriptorError> {
        let Element::Format(fields) = &self.element else {
            return Ok(Vec::new());
        };
        let width = bits_width(flavour);
        let mut bytes = Vec::with_capacity(fields.len() * (1 + width));
        for field in fields {
            let bits = self.fit("the number of bits", field.bits.into(), most(width))?;
            bytes.push(field.kind.letter());
            bytes.extend_from_slice(&bits.to_be_bytes()[8 - width..]);
        }
        Ok(bytes)
    }

    fn shape_bytes(&self, flavour: Flavour) -> Result<Vec<u8>, EncodeDescriptorError> {
        let width = side_width(flavour);
        let mut bytes = Vec::with_capacity(self.shape.len() * (1 + width));
        for side in &self.shape {
            let (tag, size) = match side {
                Dimension::Fixed(size) => (0, self.fit("a dimension", *size, most(width))?),
                Dimension::Variable => (variable_tag(flavour), 0),
            };
            bytes.push(tag);
            bytes.extend_from_slice(&size.to_be_bytes()[8 - width..]);
        }
        Ok(bytes)
    }

    fn fit(&self, what: &'static str, value: u64, most: u64) -> Result<u64, EncodeDescriptorError> {
        if value <= most {
            return Ok(value);
        }
        Err(EncodeDescriptorError::TooLarge { name: self.name.clone(), what, value, most })
    }
}

/// Bytes of a field's number of bits.
pub(super) fn bits_width(flavour: Flavour) -> usize {
    if flavour.bug_compat().contains(BugCompat::DESCRIPTOR_WIDTHS) { 3 } else { flavour.id_bytes() }
}

/// Bytes of a dimension's size.
pub(super) fn side_width(flavour: Flavour) -> usize {
    if flavour.bug_compat().contains(BugCompat::DESCRIPTOR_WIDTHS) { 7 } else { flavour.address_bytes() }
}

/// The first byte of a variable dimension. Of a fixed one this bit is 0.
pub(super) fn variable_tag(flavour: Flavour) -> u8 {
    if flavour.bug_compat().contains(BugCompat::SHAPE_BIT_1) { 2 } else { 1 }
}

/// The largest number of `width` bytes, at most 7.
fn most(width: usize) -> u64 {
    (1 << (8 * width)) - 1
}
