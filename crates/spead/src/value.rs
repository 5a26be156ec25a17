//! [`Value`]: the memory of an item, shared until somebody writes into it.
//!
//! ```text
//!   group ---+
//!            +--> | samples ...... |        one memory, counted; sending reads it in place
//!   heap ----+
//!   heap.samples_mut()               copies it if the group still holds it; from then on the heap has its own
//! ```
//! Not a typed array: which type the bytes have is told by a descriptor, and by what the memory was made of.

use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::Sample;

/// Memory that can be an item's value: arrays and vectors of samples, [`Bytes`]. With feature `ndarray` its arrays can be
/// made a [`Value`], too.
///
/// Implement it for memory of your own, such as a mapped file. The length must never change: it is in the headers.
pub trait Payload: Send + Sync + 'static {
    /// The bytes as they are sent.
    fn as_bytes(&self) -> &[u8];
    /// The same bytes to be written; `None` for memory that is read only.
    fn as_mut_bytes(&mut self) -> Option<&mut [u8]>;
    /// A copy that can be written.
    fn duplicate(&self) -> Value;
}

/// The memory of an item.
#[derive(Clone)]
pub struct Value(Arc<dyn Payload>);

impl Value {
    /// Takes memory over.
    pub fn new(payload: impl Payload) -> Self {
        Self(Arc::new(payload))
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes to be written, which afterwards only this value has: shared or read-only memory is copied.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        if Arc::get_mut(&mut self.0).is_none_or(|payload| payload.as_mut_bytes().is_none()) {
            *self = self.0.duplicate();
        }
        Arc::get_mut(&mut self.0).and_then(Payload::as_mut_bytes).unwrap_or_default()
    }

    /// The samples; `None` when the bytes are no whole number of `T`, or lie where no `T` can.
    #[must_use]
    pub fn samples<T: Sample>(&self) -> Option<&[T]> {
        <[T]>::ref_from_bytes(self.as_bytes()).ok()
    }

    /// The samples to be written, as [`as_mut_bytes`](Self::as_mut_bytes).
    pub fn samples_mut<T: Sample>(&mut self) -> Option<&mut [T]> {
        <[T]>::mut_from_bytes(self.as_mut_bytes()).ok()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.as_bytes().len())
    }
}

impl<P: Payload> From<P> for Value {
    fn from(payload: P) -> Self {
        Self::new(payload)
    }
}

macro_rules! owned {
    ($([$($parameters:tt)*] $memory:ty),*) => {$(
        impl<$($parameters)*> Payload for $memory {
            fn as_bytes(&self) -> &[u8] {
                self[..].as_bytes()
            }

            fn as_mut_bytes(&mut self) -> Option<&mut [u8]> {
                Some(self[..].as_mut_bytes())
            }

            fn duplicate(&self) -> Value {
                self.clone().into()
            }
        }
    )*};
}

owned!([T: Sample] Vec<T>, [T: Sample] Box<[T]>, [T: Sample, const N: usize] [T; N]);

impl<T: Sample> Payload for &'static [T] {
    fn as_bytes(&self) -> &[u8] {
        (*self).as_bytes()
    }

    fn as_mut_bytes(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn duplicate(&self) -> Value {
        self.to_vec().into()
    }
}

impl Payload for Bytes {
    fn as_bytes(&self) -> &[u8] {
        self
    }

    fn as_mut_bytes(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn duplicate(&self) -> Value {
        self.to_vec().into()
    }
}

/// Takes an array over whose rows lie one behind the other; of any other makes such a copy.
#[cfg(feature = "ndarray")]
impl<T: Sample, D: ndarray::Dimension + 'static> From<ndarray::Array<T, D>> for Value {
    fn from(array: ndarray::Array<T, D>) -> Self {
        let standard =
            if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() };
        Self::new(Rows(standard))
    }
}

/// An array in standard layout.
#[cfg(feature = "ndarray")]
struct Rows<T, D: ndarray::Dimension>(ndarray::Array<T, D>);

#[cfg(feature = "ndarray")]
impl<T: Sample, D: ndarray::Dimension + 'static> Payload for Rows<T, D> {
    fn as_bytes(&self) -> &[u8] {
        self.0.as_slice().unwrap_or_default().as_bytes()
    }

    fn as_mut_bytes(&mut self) -> Option<&mut [u8]> {
        Some(self.0.as_slice_mut().unwrap_or_default().as_mut_bytes())
    }

    fn duplicate(&self) -> Value {
        self.0.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_copies_shared_memory_once_and_own_memory_never() {
        let mut own = Value::from(vec![1_i16, 2]);
        let before = own.as_bytes().as_ptr();
        own.samples_mut::<i16>().unwrap()[0] = 7;
        assert_eq!(own.as_bytes().as_ptr(), before);

        let shared = own.clone();
        own.samples_mut::<i16>().unwrap()[1] = 8;
        assert_eq!((own.samples::<i16>(), shared.samples::<i16>()), (Some(&[7, 8][..]), Some(&[7, 2][..])));
        let after = own.as_bytes().as_ptr();
        own.as_mut_bytes()[0] = 0;
        assert_eq!(own.as_bytes().as_ptr(), after);
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn an_array_is_sent_row_by_row_however_it_lies() {
        let rows = ndarray::array![[1_i16, 2, 3], [4, 5, 6]];
        let columns = rows.clone().reversed_axes();
        assert_eq!(Value::from(rows).samples::<i16>(), Some(&[1, 2, 3, 4, 5, 6][..]));
        let mut value = Value::from(columns);
        assert_eq!(value.samples::<i16>(), Some(&[1, 4, 2, 5, 3, 6][..]));
        value.samples_mut::<i16>().unwrap()[1] = 9;
        assert_eq!(value.samples::<i16>(), Some(&[1, 9, 2, 5, 3, 6][..]));
    }

    #[test]
    fn read_only_memory_is_copied_when_written() {
        let bytes = Bytes::from_static(b"abc");
        let mut value = Value::from(bytes.clone());
        value.as_mut_bytes()[0] = b'x';
        assert_eq!((value.as_bytes(), &bytes[..]), (&b"xbc"[..], &b"abc"[..]));
        let mut value = Value::from(&[1_u8, 2][..]);
        value.as_mut_bytes()[1] = 9;
        assert_eq!(value.as_bytes(), [1, 9]);
    }

    #[test]
    fn bytes_that_are_no_whole_number_of_samples_are_none() {
        assert_eq!(Value::from(vec![0_u8; 7]).samples::<u16>(), None);
        assert_eq!(Value::from([[1.0_f32, 2.0]]).samples::<f32>(), Some(&[1.0, 2.0][..]));
    }
}
