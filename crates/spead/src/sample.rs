//! [`Sample`]: Rust numbers that have a numpy type.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::descriptor::numpy::{Order, Scalar};

/// An element of an array as it lies in memory, with the numpy type that says so.
pub trait Sample: FromBytes + IntoBytes + Immutable + Copy + Send + Sync + 'static {
    /// Its type, in this machine's byte order.
    fn dtype() -> Scalar;
}

const NATIVE: Order = if cfg!(target_endian = "little") { Order::Little } else { Order::Big };

macro_rules! samples {
    ($($rust:ty: $kind:literal),*) => {$(
        impl Sample for $rust {
            fn dtype() -> Scalar {
                let size = size_of::<$rust>();
                let order = if size == 1 { Order::None } else { NATIVE };
                Scalar { order, kind: $kind, size, unit: String::new() }
            }
        }
    )*};
}

samples!(u8: 'u', u16: 'u', u32: 'u', u64: 'u', i8: 'i', i16: 'i', i32: 'i', i64: 'i', f32: 'f', f64: 'f');

/// A complex number: real part, imaginary part.
impl Sample for [f32; 2] {
    fn dtype() -> Scalar {
        Scalar { order: NATIVE, kind: 'c', size: 8, unit: String::new() }
    }
}

/// A complex number: real part, imaginary part.
impl Sample for [f64; 2] {
    fn dtype() -> Scalar {
        Scalar { order: NATIVE, kind: 'c', size: 16, unit: String::new() }
    }
}
