//! [`Geometry`]: the sizes of a channel, as they stand in the first words of its memory.
//!
//! Decoding trusts nothing: another process may have written anything. What decodes fits the memory that it was
//! read from, and adds up without overflow.

use super::layout::{Front, MAGIC, Place, RECORD_CELL};
use crate::{ModeName, OpenError};

/// Most cells in a ring: the number of cells in a run has 28 bits.
const MOST_CELLS: u64 = 1 << 27;

/// Most senders and receivers together.
const MOST_PEERS: u64 = 4096;

/// Most bytes in a cell.
const MOST_STRIDE: u64 = 1 << 30;

/// The sizes of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) mode: ModeName,
    /// Bytes from one cell to the next.
    pub(crate) stride: u64,
    /// Cells, a power of two.
    pub(crate) cells: u64,
    /// Places for senders and receivers, a power of two.
    pub(crate) peers: u64,
    /// Which type the messages have; 0: records.
    pub(crate) type_hash: u64,
    /// Bytes of a message; 0: records.
    pub(crate) type_size: u64,
    /// Bytes before and behind the payload of a record.
    pub(crate) headroom: u64,
    pub(crate) tailroom: u64,
    /// Bits of what else was chosen when the channel was made.
    pub(crate) flags: u64,
}

/// A full ring loses its oldest messages.
pub(crate) const OVERWRITES: u64 = 1;
/// A sender that finds no room takes the oldest message from the receivers.
pub(crate) const EVICTS: u64 = 2;

/// What whoever opens a channel asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// What a new channel gets.
    pub(crate) geometry: Geometry,
    /// Nobody said how large: a channel that is there may have any size.
    pub(crate) any_capacity: bool,
}

impl Geometry {
    /// As it stands in the memory.
    pub(crate) fn encode(&self) -> [u64; 16] {
        let mut words = [0; 16];
        let fields = [
            MAGIC,
            self.bytes(),
            self.mode as u64,
            self.stride,
            self.cells,
            self.peers,
            self.type_hash,
            self.type_size,
            self.headroom,
            self.tailroom,
            self.flags,
        ];
        words[..fields.len()].copy_from_slice(&fields);
        words
    }

    /// From the first words of a memory of `available` bytes.
    ///
    /// # Errors
    /// [`OpenError::Foreign`] says what does not hold.
    pub(crate) fn decode(words: [u64; 16], available: u64) -> Result<Self, OpenError> {
        let [
            magic,
            bytes,
            mode,
            stride,
            cells,
            peers,
            type_hash,
            type_size,
            headroom,
            tailroom,
            flags,
            rest @ ..,
        ] = words;
        let foreign = OpenError::Foreign;
        if magic != MAGIC {
            return Err(foreign("it does not begin as one"));
        }
        let mode = ModeName::from_word(mode).ok_or(foreign("its mode is unknown"))?;
        if !cells.is_power_of_two() || !(2..=MOST_CELLS).contains(&cells) {
            return Err(foreign("its number of cells is not possible"));
        }
        if stride == 0 || stride > MOST_STRIDE {
            return Err(foreign("the size of its cells is not possible"));
        }
        // Slots of another size than their type's would not be aligned for it, and a run of them no slice.
        if stride != if type_size == 0 { RECORD_CELL as u64 } else { type_size } {
            return Err(foreign("its messages have cells of another size"));
        }
        if !peers.is_power_of_two() || peers > MOST_PEERS {
            return Err(foreign("its number of places is not possible"));
        }
        if headroom > MOST_STRIDE || tailroom > MOST_STRIDE || flags > OVERWRITES | EVICTS || rest != [0; 5] {
            return Err(foreign("it has what this version does not know"));
        }
        let geometry = Self { mode, stride, cells, peers, type_hash, type_size, headroom, tailroom, flags };
        if geometry.bytes() != bytes || bytes > available {
            return Err(foreign("it is shorter than it says"));
        }
        Ok(geometry)
    }

    /// Whether a channel that is there is the one that is wanted.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn matches(&self, wanted: &Wanted) -> Result<(), OpenError> {
        let Wanted { geometry, any_capacity } = wanted;
        if self.mode != geometry.mode {
            return Err(OpenError::Mode { found: self.mode, wanted: geometry.mode });
        }
        let cells = if *any_capacity { self.cells } else { geometry.cells };
        let differs = [
            ("messages of so many bytes (0: records)", self.type_size, geometry.type_size),
            ("messages of the type", self.type_hash, geometry.type_hash),
            ("so many slots", self.cells, cells),
            ("so much headroom", self.headroom, self.headroom.max(geometry.headroom)),
            ("so much tailroom", self.tailroom, self.tailroom.max(geometry.tailroom)),
            ("the policy for a full channel", self.flags, geometry.flags | self.flags),
        ];
        match differs.into_iter().find(|(_, found, wanted)| found != wanted) {
            Some((what, found, wanted)) => Err(OpenError::Mismatch { what, found, wanted }),
            None => Ok(()),
        }
    }

    /// Whether the messages are records with a type word.
    pub(crate) const fn records(&self) -> bool {
        self.type_size == 0
    }

    /// Whether writers have a word for every cell of its ring.
    pub(crate) const fn turns(&self) -> bool {
        match self.mode {
            ModeName::Spsc => self.evicts(),
            ModeName::Broadcast => self.overwrites(),
            ModeName::Mpsc | ModeName::Spmc | ModeName::Mpmc => true,
        }
    }

    /// Whether a broadcast overwrites what slow readers have not read.
    pub(crate) const fn overwrites(&self) -> bool {
        self.flags & OVERWRITES != 0
    }

    /// Whether senders take the oldest messages from the receivers.
    pub(crate) const fn evicts(&self) -> bool {
        self.flags & EVICTS != 0
    }

    /// Whether messages are taken from the ring by more than one end.
    pub(crate) const fn contended(&self) -> bool {
        match self.mode {
            ModeName::Spmc | ModeName::Mpmc => true,
            ModeName::Spsc | ModeName::Mpsc => self.evicts(),
            ModeName::Broadcast => false,
        }
    }

    /// Bytes from the start to the words of the cells.
    pub(crate) const fn turns_at(&self) -> u64 {
        size_of::<Front>() as u64 + self.peers * size_of::<Place>() as u64
    }

    /// Bytes from the start to the readers' words of the cells.
    pub(crate) const fn backs_at(&self) -> u64 {
        let turns = if self.turns() { self.cells * 8 } else { 0 };
        (self.turns_at() + turns).next_multiple_of(128)
    }

    /// Bytes from the start to the first cell.
    pub(crate) const fn cells_at(&self) -> u64 {
        let backs = if self.contended() { self.cells * 8 } else { 0 };
        (self.backs_at() + backs).next_multiple_of(128)
    }

    /// Bytes of the whole memory.
    pub(crate) const fn bytes(&self) -> u64 {
        self.cells_at() + self.cells * self.stride
    }
}

#[cfg(test)]
impl Geometry {
    /// A small spsc channel of messages of 8 bytes, in slots of `stride` bytes.
    pub(crate) const fn of_words(stride: u64) -> Self {
        Self {
            mode: ModeName::Spsc,
            stride,
            cells: 16,
            peers: 4,
            type_hash: 1,
            type_size: 8,
            headroom: 0,
            tailroom: 0,
            flags: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_are_not_exactly_as_large_as_their_messages_are_refused() {
        let decode = |stride| Geometry::decode(Geometry::of_words(stride).encode(), 1 << 20);
        assert_eq!(decode(8).unwrap(), Geometry::of_words(8));
        // In slots of 9 bytes the second value would not be aligned.
        assert!(matches!(decode(9), Err(OpenError::Foreign(_))));
        assert!(matches!(decode(16), Err(OpenError::Foreign(_))));
        assert!(matches!(decode(4), Err(OpenError::Foreign(_))));
    }
}
