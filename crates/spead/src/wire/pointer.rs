//! [`Pointer`]: 64 bits that carry a small value, or say where in the heap a large one lies.
//!
//! ```text
//!   bit 63       62 ........ A   A-1 ......... 0       A = flavour.address_bits()
//!   | 1        | identifier    | value            |    immediate
//!   | 0        | identifier    | offset in heap   |    addressed
//! ```

use crate::Flavour;

/// An item pointer, apart from its flavour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// Whether `value` is the item's value; otherwise it is an address.
    pub immediate: bool,
    /// Which item.
    pub id: u64,
    /// The value, or the offset in bytes of the item in the heap's payload.
    pub value: u64,
}

impl Pointer {
    /// Bytes of a pointer on the wire.
    pub const LEN: usize = 8;

    /// A pointer that is the value.
    #[must_use]
    pub const fn immediate(id: u64, value: u64) -> Self {
        Self { immediate: true, id, value }
    }

    /// A pointer to `offset` bytes into the heap's payload.
    #[must_use]
    pub const fn address(id: u64, offset: u64) -> Self {
        Self { immediate: false, id, value: offset }
    }

    /// The 64 bits. What of `id` and `value` does not fit in the flavour is cut off.
    #[must_use]
    pub const fn to_word(self, flavour: Flavour) -> u64 {
        let mode = if self.immediate { 1 << 63 } else { 0 };
        mode | (self.id & flavour.max_id()) << flavour.address_bits() | (self.value & flavour.max_address())
    }

    /// Takes 64 bits apart. Every word is some pointer.
    #[must_use]
    pub const fn from_word(word: u64, flavour: Flavour) -> Self {
        Self {
            immediate: word >> 63 == 1,
            id: (word >> flavour.address_bits()) & flavour.max_id(),
            value: word & flavour.max_address(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::id;

    #[test]
    fn the_heap_count_looks_as_on_the_wire() {
        let one = Pointer::immediate(id::HEAP_CNT, 1);
        assert_eq!(one.to_word(Flavour::SPEAD_64_40), 0x8000_0100_0000_0001);
        assert_eq!(one.to_word(Flavour::SPEAD_64_48), 0x8001_0000_0000_0001);
        assert_eq!(Pointer::address(0x3301, 100).to_word(Flavour::SPEAD_64_40), 0x0033_0100_0000_0064);
    }

    proptest! {
        #[test]
        fn every_word_is_a_pointer_and_the_same_word_again(word: u64, bytes in 1_u32..=7) {
            let flavour = Flavour::new(bytes * 8).unwrap();
            prop_assert_eq!(Pointer::from_word(word, flavour).to_word(flavour), word);
        }

        #[test]
        fn what_does_not_fit_is_cut_off_and_harms_no_neighbour(id: u64, value: u64, immediate: bool, bytes in 1_u32..=7) {
            let flavour = Flavour::new(bytes * 8).unwrap();
            let again = Pointer::from_word(Pointer { immediate, id, value }.to_word(flavour), flavour);
            let cut = Pointer { immediate, id: id & flavour.max_id(), value: value & flavour.max_address() };
            prop_assert_eq!(again, cut);
        }
    }
}
