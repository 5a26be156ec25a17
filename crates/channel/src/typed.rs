//! Channels of one type: every message is one value in a slot of its own, written and read where it lies.
//!
//! A type that can be sent has a fixed layout and no pointers, and any bytes are a value of it: the traits of
//! `zerocopy`, which it derives. So whatever another process puts into the memory is read without danger.

mod claim;
mod message;
mod receiver;
mod sender;

use core::any::type_name;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use claim::{Batch, Claim};
pub use message::{Message, Messages};
pub use receiver::Receiver;
pub use sender::Sender;

/// What can be sent in a typed channel.
pub trait Value: FromBytes + IntoBytes + Immutable + KnownLayout + Send + 'static {}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout + Send + 'static> Value for T {}

/// A number for a type: its name without the modules it stands in, its size, its alignment. Two programs agree on
/// it when they call the type the same and lay it out the same.
pub(crate) fn hash_of<T>() -> u64 {
    let mut hash = Fnv::new();
    let name = type_name::<T>();
    for token in name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let last = token.rsplit("::").next().unwrap_or(token);
        hash.add(last.as_bytes());
    }
    hash.add(&(size_of::<T>() as u64).to_le_bytes());
    hash.add(&(align_of::<T>() as u64).to_le_bytes());
    hash.0 | 1
}

/// FNV-1a, 64 bits (IETF draft-eastlake-fnv, section 2).
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hash_of;

    mod elsewhere {
        pub(super) struct Quote(#[allow(dead_code)] pub(super) u64);
    }
    struct Quote(#[allow(dead_code)] u64);
    struct Other(#[allow(dead_code)] u64);

    #[test]
    fn a_type_is_known_by_its_own_name_and_layout_wherever_it_stands() {
        assert_eq!(hash_of::<Quote>(), hash_of::<elsewhere::Quote>());
        assert_ne!(hash_of::<Quote>(), hash_of::<Other>());
        assert_ne!(hash_of::<[u8; 8]>(), hash_of::<[u8; 16]>());
        assert_ne!(hash_of::<[u8; 8]>(), hash_of::<u64>());
    }
}
