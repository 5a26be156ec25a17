//! [`Descriptor::samples`]: what arrived, as numbers of this machine.
//!
//! ```text
//!   described '<i2'   | bytes |  ->  Cow::Borrowed(&[i16])   as they lie, when type, order and alignment fit
//!   described '>i2'   | bytes |  ->  Cow::Owned(Vec<i16>)    copied, each number turned round
//! ```
//! Numbers of whole bytes, one an element; not records, strings, dates, or fields of other bits: their bytes are the user's.

use alloc::borrow::Cow;

use thiserror::Error;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::numpy::{Dtype, Order, Scalar};
use super::{Descriptor, Element, FormatKind};
use crate::Sample;

/// Why a value cannot be read as samples of a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SamplesError {
    /// No descriptor of the item has come.
    #[error("no descriptor of this item has come; senders describe their items in the first heap")]
    Undescribed,
    /// No value has come.
    #[error("item {name:?} has no value yet")]
    NoValue {
        /// The item's name.
        name: String,
    },
    /// Its descriptor tells of other elements.
    #[error("elements of item {name:?} are {described}, not {wanted}")]
    Type {
        /// The item's name.
        name: String,
        /// Its elements, as the descriptor writes them.
        described: String,
        /// Those that were asked for, as numpy writes them.
        wanted: String,
    },
    /// The value is no such array: too short, or no whole number of elements or rows.
    #[error("{len} bytes of item {name:?} are not the array that its descriptor says")]
    Length {
        /// The item's name.
        name: String,
        /// Bytes of the value.
        len: usize,
    },
}

impl Descriptor {
    /// The samples of a value of this item, in the order in which they lie: borrowed when they lie as this machine has
    /// them, otherwise copied.
    ///
    /// # Errors
    /// [`SamplesError`]: its elements are of another type, or the value is no such array.
    pub fn samples<'a, T: Sample>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [T]>, SamplesError> {
        let wanted = T::dtype();
        let turned = self.turned(&wanted).ok_or_else(|| SamplesError::Type {
            name: self.name.clone(),
            described: self.element.to_string(),
            wanted: wanted.to_string(),
        })?;
        let count = self.elements(bytes.len());
        let used = count.and_then(|count| bytes.get(..count.checked_mul(size_of::<T>())?));
        let bytes = used.ok_or_else(|| self.wrong_length(bytes.len()))?;
        if !turned && let Ok(samples) = <[T]>::ref_from_bytes(bytes) {
            return Ok(Cow::Borrowed(samples));
        }
        let mut samples = vec![T::new_zeroed(); bytes.len() / size_of::<T>()];
        samples.as_mut_bytes().copy_from_slice(bytes);
        if turned {
            // A complex number is two numbers.
            let width = if wanted.kind == 'c' { wanted.size / 2 } else { wanted.size };
            samples.as_mut_bytes().chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        Ok(Cow::Owned(samples))
    }

    /// Elements of a value of so many bytes.
    fn elements(&self, len: usize) -> Option<usize> {
        let shape = self.dimensions(len as u64)?;
        usize::try_from(shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side))?).ok()
    }

    fn wrong_length(&self, len: usize) -> SamplesError {
        SamplesError::Length { name: self.name.clone(), len }
    }

    /// Whether its elements have the bytes of `wanted` in the other order; `None` when they are something else.
    fn turned(&self, wanted: &Scalar) -> Option<bool> {
        let (kind, size, order) = match &self.element {
            Element::Numpy { dtype: Dtype::Scalar(scalar), .. } if scalar.unit.is_empty() => {
                (scalar.kind, scalar.size, scalar.order)
            }
            Element::Format(fields) => match fields[..] {
                [field] if field.bits.is_multiple_of(8) => {
                    let kind = match field.kind {
                        FormatKind::Unsigned | FormatKind::Signed | FormatKind::Float => field.kind.letter(),
                        _ => return None,
                    };
                    (char::from(kind), usize::try_from(field.bits / 8).ok()?, Order::Big)
                }
                _ => return None,
            },
            Element::Numpy { .. } => return None,
        };
        let orders = [order, wanted.order];
        (kind == wanted.kind && size == wanted.size)
            .then_some(order != wanted.order && !orders.contains(&Order::None))
    }
}

/// Arrays in and out, dimensions included.
#[cfg(feature = "ndarray")]
mod arrays {
    use ndarray::{ArrayBase, ArrayD, Data, IxDyn, ShapeBuilder as _};

    use super::{Descriptor, Element, Sample, SamplesError};

    impl Descriptor {
        /// Describes arrays of the type and the dimensions of `array`.
        pub fn of<T: Sample, S: Data<Elem = T>, D: ndarray::Dimension>(
            id: u64,
            name: impl Into<String>,
            description: impl Into<String>,
            array: &ArrayBase<S, D>,
        ) -> Self {
            let shape: Vec<u64> = array.shape().iter().map(|side| *side as u64).collect();
            Self::array::<T>(id, name, description, &shape)
        }

        /// A value of this item as an array of its dimensions; samples are copied.
        ///
        /// # Errors
        /// As [`samples`](Self::samples).
        pub fn to_array<T: Sample>(&self, bytes: &[u8]) -> Result<ArrayD<T>, SamplesError> {
            let samples = self.samples::<T>(bytes)?.into_owned();
            let sides = self.dimensions(bytes.len() as u64).unwrap_or_default();
            let sides: Result<Vec<usize>, _> = sides.into_iter().map(usize::try_from).collect();
            let sides = IxDyn(&sides.map_err(|_| self.wrong_length(bytes.len()))?);
            let columns = matches!(self.element, Element::Numpy { fortran_order: true, .. });
            ArrayD::from_shape_vec(sides.set_f(columns), samples).map_err(|_| self.wrong_length(bytes.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Dimension, Format};
    use super::*;

    const WIDTHS: [u32; 4] = [8, 16, 32, 64];

    fn described(dtype: &Scalar, shape: &[u64]) -> Descriptor {
        Descriptor::with_dtype(0x1000, "samples", "", Dtype::Scalar(dtype.clone()), shape)
    }

    fn both_orders<T: Sample + PartialEq + core::fmt::Debug>(samples: &[T]) {
        let shape = [samples.len() as u64];
        let own = described(&T::dtype(), &shape);
        assert_eq!(own.samples::<T>(samples.as_bytes()).unwrap(), samples);
        let other = Scalar { order: T::dtype().order.swapped(), ..T::dtype() };
        let turned = described(&other, &shape).samples::<T>(samples.as_bytes()).unwrap().into_owned();
        let back = described(&other, &shape).samples::<T>(turned.as_bytes()).unwrap().into_owned();
        assert_eq!(back.as_bytes(), samples.as_bytes());
    }

    proptest! {
        #[test]
        fn turned_twice_samples_are_what_they_were(
            shorts in proptest::collection::vec(any::<i16>(), 1..20),
            longs in proptest::collection::vec(any::<u64>(), 1..20),
            complex in proptest::collection::vec(any::<[f32; 2]>(), 1..20),
        ) {
            both_orders(&shorts);
            both_orders(&longs);
            both_orders(&complex);
        }
    }

    #[test]
    fn each_half_of_a_complex_number_is_turned_by_itself() {
        let bytes = [1.0_f32.to_be_bytes(), (-2.5_f32).to_be_bytes()].concat();
        let dtype = Scalar { order: Order::Big, ..<[f32; 2]>::dtype() };
        assert_eq!(*described(&dtype, &[1]).samples::<[f32; 2]>(&bytes).unwrap(), [[1.0, -2.5]]);
    }

    #[test]
    fn samples_that_lie_right_are_borrowed_and_others_copied() {
        let memory = [1_u16, 2, 3];
        let descriptor = described(&u16::dtype(), &[2]);
        let whole = memory.as_bytes();
        assert!(matches!(descriptor.samples::<u16>(&whole[..4]), Ok(Cow::Borrowed([1, 2]))));
        assert!(matches!(descriptor.samples::<u16>(&whole[1..5]), Ok(Cow::Owned(_))));
    }

    #[test]
    fn formats_of_whole_bytes_are_numbers_with_the_most_significant_byte_first() {
        for bits in WIDTHS {
            let descriptor = Descriptor::with_format(0x1000, "rows", "", [Format::unsigned(bits)])
                .shaped([Dimension::Variable]);
            let value = [&[0, 0, 0, 0, 0, 0, 0][..bits as usize / 8 - 1], &[7]].concat();
            let read = match bits {
                8 => descriptor.samples::<u8>(&value).map(|samples| u64::from(samples[0])),
                16 => descriptor.samples::<u16>(&value).map(|samples| u64::from(samples[0])),
                32 => descriptor.samples::<u32>(&value).map(|samples| u64::from(samples[0])),
                _ => descriptor.samples::<u64>(&value).map(|samples| samples[0]),
            };
            assert_eq!(read, Ok(7));
        }
    }

    #[test]
    fn other_types_and_lengths_are_errors_that_name_the_item() {
        let descriptor = described(&i16::dtype(), &[2]);
        let wrong = descriptor.samples::<u16>(&[0; 4]).unwrap_err().to_string();
        assert!(wrong.contains("\"samples\"") && wrong.contains("i2"), "{wrong}");
        assert!(matches!(descriptor.samples::<i16>(&[0; 3]), Err(SamplesError::Length { len: 3, .. })));
        let odd = Descriptor::with_format(1, "odd", "", [Format::unsigned(40)]);
        assert!(matches!(odd.samples::<u64>(&[0; 5]), Err(SamplesError::Type { .. })));
        let rows = Descriptor::with_format(1, "rows", "", [Format::signed(16)]).shaped([Dimension::Variable]);
        assert!(matches!(rows.samples::<i16>(&[0; 5]), Err(SamplesError::Length { .. })));
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn an_array_comes_out_as_it_went_in_by_rows_or_by_columns() {
        let array = ndarray::array![[1_i16, 2, 3], [4, 5, 6]];
        let descriptor = Descriptor::of(0x1000, "samples", "", &array);
        let value = crate::Value::from(array.clone());
        assert_eq!(descriptor.to_array::<i16>(value.as_bytes()).unwrap(), array.clone().into_dyn());
        let element = Element::Numpy { dtype: Dtype::Scalar(i16::dtype()), fortran_order: true };
        let columns = crate::Value::from(array.clone().reversed_axes());
        let read = Descriptor { element, ..descriptor }.to_array::<i16>(columns.as_bytes()).unwrap();
        assert_eq!(read, array.into_dyn());
    }
}
