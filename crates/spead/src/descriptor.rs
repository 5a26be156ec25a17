//! [`Descriptor`]: what an item is called and what array it holds.
//!
//! On the wire it is a whole packet of its own in the payload of a heap, under [`id::DESCRIPTOR`](crate::wire::id):
//!
//! ```text
//!   | prefix | HEAP_CNT=1 HEAP_LENGTH PAYLOAD_OFFSET=0 PAYLOAD_LENGTH | ID | NAME DESCRIPTION FORMAT SHAPE [DTYPE] |
//!   | name | description | format | shape | dtype |
//!
//!   dimension   | 1: variable, 0: fixed | size: address_bytes, big-endian |
//! ```
//! Not the item's value; [`Descriptor::samples`] reads one.

mod decode;
mod encode;
mod format;
mod literal;
pub mod numpy;
mod samples;

use core::fmt;

use thiserror::Error;

pub use format::{BadFormat, Format, FormatKind};
use numpy::Dtype;
pub use samples::SamplesError;

use crate::sample::Sample;
use crate::wire::HeaderError;

/// Describes one item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// Identifier of the item; never 0, and at most [`Flavour::max_id`](crate::Flavour::max_id).
    pub id: u64,
    /// Short name, ASCII.
    pub name: String,
    /// What it is, for people, ASCII.
    pub description: String,
    /// Dimensions, the slowest first (the fastest with `fortran_order`); none: a single element.
    pub shape: Vec<Dimension>,
    /// What an element is.
    pub element: Element,
}

/// A dimension of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// So many elements.
    Fixed(u64),
    /// As many as the value's length says.
    Variable,
}

/// The type of an element, in one of the two ways in which SPEAD tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Fields of any number of bits.
    Format(Vec<Format>),
    /// A numpy type. All dimensions have to be fixed.
    Numpy {
        /// The type.
        dtype: Dtype,
        /// Whether the first dimension is the fastest.
        fortran_order: bool,
    },
}

impl fmt::Display for Element {
    /// As numpy prints a type; fields as `u40`, with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numpy { dtype: Dtype::Scalar(scalar), .. } => write!(f, "{scalar}"),
            Self::Numpy { dtype, .. } => write!(f, "{dtype}"),
            Self::Format(fields) => fields.iter().enumerate().try_for_each(|(number, field)| {
                let comma = if number == 0 { "" } else { "," };
                write!(f, "{comma}{field}")
            }),
        }
    }
}

/// What a numpy header says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DtypeHeader {
    /// The type.
    pub dtype: Dtype,
    /// Whether the first dimension is the fastest.
    pub fortran_order: bool,
    /// Dimensions, in elements.
    pub shape: Vec<u64>,
}

impl Descriptor {
    /// Describes a single element of these fields, such as `[Format::unsigned(40)]`.
    pub fn with_format(
        id: u64,
        name: impl Into<String>,
        description: impl Into<String>,
        format: impl Into<Vec<Format>>,
    ) -> Self {
        let element = Element::Format(format.into());
        Self { id, name: name.into(), description: description.into(), shape: Vec::new(), element }
    }

    /// Describes an array of `T` with these dimensions.
    pub fn array<T: Sample>(
        id: u64,
        name: impl Into<String>,
        description: impl Into<String>,
        shape: &[u64],
    ) -> Self {
        Self::with_dtype(id, name, description, Dtype::Scalar(T::dtype()), shape)
    }

    /// Describes an array of a numpy type with these dimensions.
    pub fn with_dtype(
        id: u64,
        name: impl Into<String>,
        description: impl Into<String>,
        dtype: Dtype,
        shape: &[u64],
    ) -> Self {
        let shape = shape.iter().copied().map(Dimension::Fixed).collect();
        let element = Element::Numpy { dtype, fortran_order: false };
        Self { id, name: name.into(), description: description.into(), shape, element }
    }

    /// The same item with these dimensions.
    #[must_use]
    pub fn shaped(mut self, shape: impl Into<Vec<Dimension>>) -> Self {
        self.shape = shape.into();
        self
    }

    /// Whether a dimension is variable. The value is then never an immediate.
    #[must_use]
    pub fn is_variable(&self) -> bool {
        self.shape.contains(&Dimension::Variable)
    }

    /// Bits of an element; `None` when that is more than this machine counts.
    #[must_use]
    pub fn element_bits(&self) -> Option<u64> {
        match &self.element {
            Element::Format(fields) => {
                fields.iter().try_fold(0_u64, |sum, field| sum.checked_add(field.bits.into()))
            }
            Element::Numpy { dtype, .. } => u64::try_from(dtype.item_size()?).ok()?.checked_mul(8),
        }
    }

    /// Bytes of a value, when no dimension is variable.
    #[must_use]
    pub fn fixed_len(&self) -> Option<u64> {
        let mut bits = self.element_bits()?;
        for side in &self.shape {
            match side {
                Dimension::Fixed(size) => bits = bits.checked_mul(*size)?,
                Dimension::Variable => return None,
            }
        }
        Some(bits.div_ceil(8))
    }

    /// The dimensions of a value of `len` bytes: a single variable dimension follows from the length.
    ///
    /// `None` when the length fits no such array: too short, or not a whole number of rows. A last byte may hold
    /// filling bits, and a value may be longer than an array of fixed dimensions, as an immediate is.
    #[must_use]
    pub fn dimensions(&self, len: u64) -> Option<Vec<u64>> {
        let fixed = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => *size,
            Dimension::Variable => 1,
        };
        let bits = self.element_bits()?;
        let row = self.shape.iter().try_fold(bits, |product, side| product.checked_mul(fixed(side)))?;
        let total = len.checked_mul(8)?;
        match self.shape.iter().filter(|side| **side == Dimension::Variable).count() {
            0 if row <= total => Some(self.shape.iter().map(fixed).collect()),
            1 => {
                let rows = total.checked_div(row)?;
                let exact = total - rows * row < 8;
                let side = |side: &Dimension| if *side == Dimension::Variable { rows } else { fixed(side) };
                exact.then(|| self.shape.iter().map(side).collect())
            }
            _ => None,
        }
    }
}

/// Why a descriptor cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeDescriptorError {
    /// The identifier is 0 or larger than the flavour allows.
    #[error(
        "identifier {id:#x} of item {name:?} is not between 1 and {most:#x}; choose another or a flavour with more room"
    )]
    Id {
        /// The item's name.
        name: String,
        /// Its identifier.
        id: u64,
        /// The largest of the flavour.
        most: u64,
    },
    /// A number of bits, a dimension or the descriptor's length does not fit in its field.
    #[error("{what} of item {name:?} is {value}, the most in this flavour is {most}")]
    TooLarge {
        /// The item's name.
        name: String,
        /// What is too large.
        what: &'static str,
        /// How large it is.
        value: u64,
        /// How large it may be.
        most: u64,
    },
    /// A numpy type with a variable dimension: no header can say that.
    #[error(
        "item {name:?} has a numpy type and a variable dimension; describe its elements by a format instead"
    )]
    VariableNumpy {
        /// The item's name.
        name: String,
    },
    /// Name, description or type have other than ASCII characters.
    #[error("{what} of item {name:?} is not ASCII")]
    NotAscii {
        /// The item's name.
        name: String,
        /// Which text.
        what: &'static str,
    },
}

/// Why the value of an item 0x05 is not a descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeDescriptorError {
    /// It does not begin as a packet does.
    #[error("the descriptor is no packet: {0}")]
    Header(#[from] HeaderError),
    /// A field lies outside the descriptor.
    #[error("field {id:#x} of the descriptor begins at {offset}, after its end at {len}")]
    Outside {
        /// Identifier of the field.
        id: u64,
        /// Where it begins.
        offset: u64,
        /// Bytes of the descriptor's payload.
        len: u64,
    },
    /// It comes in several packets, which nobody sends.
    #[error("the descriptor is split over several packets")]
    Split,
    /// It does not say which item it describes.
    #[error("the descriptor names no item")]
    NoId,
    /// The fields of an element are cut off, or of an unknown kind.
    #[error("the format of item {id:#x} is cut off or has a field of unknown kind")]
    Format {
        /// Identifier of the item.
        id: u64,
    },
    /// The dimensions are cut off.
    #[error("the shape of item {id:#x} is cut off")]
    Shape {
        /// Identifier of the item.
        id: u64,
    },
    /// The numpy header cannot be read.
    #[error("the numpy header of item {id:#x}: {source}")]
    Dtype {
        /// Identifier of the item.
        id: u64,
        /// Why.
        source: BadDtype,
    },
}

/// Why a text is no numpy type or header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadDtype {
    /// Not a type that can be sent.
    #[error("{text:?} is no numpy type that can be sent")]
    Unknown {
        /// The type string.
        text: String,
    },
    /// Something else was expected.
    #[error("something unexpected after {offset} bytes")]
    Syntax {
        /// Bytes in front of it.
        offset: usize,
    },
    /// Type, order or shape is missing.
    #[error("one of descr, fortran_order and shape is missing")]
    Incomplete,
}
