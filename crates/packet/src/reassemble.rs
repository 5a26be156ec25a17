//! [`Reassembler`]: puts the pieces of a message together again, in memory that is given once.
//!
//! Pieces may come in any order and more than once; a repeat of the message fills in what is missing. One message
//! is in the making at a time: a piece of another one lets the unfinished one go. Not a queue of messages, and no
//! timeouts: a message that never becomes whole waits until the next one replaces it.
//!
//! ```text
//!   storage   | piece 0 | piece 1 |  ...   | last piece |   free   |
//!                                                            ^ the last piece waits at the very end until
//!                                                              another piece has told how long pieces are
//! ```

use core::ops::Range;

use packhorse_buffer::{DecodeError, DecodeErrorKind, Storage, log_debug};

use crate::Fragment;

/// Puts the pieces of messages together. Its storage is the longest message that it takes.
#[derive(Clone, Debug)]
pub struct Reassembler<S> {
    storage: S,
    /// The message in the making, or the one delivered last.
    current: Option<Assembly>,
    stats: ReassemblyStats,
}

/// What a [`Reassembler`] did with the pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyStats {
    /// Messages delivered.
    pub messages: u64,
    /// Pieces that were there already, or belong to a message that was delivered. Messages of a single piece are not
    /// told from their repeats.
    pub repeats: u64,
    /// Unfinished messages that another one replaced.
    pub replaced: u64,
    /// Pieces refused: too long for the storage, or of an impossible length.
    pub refused: u64,
}

#[derive(Clone, Copy, Debug)]
struct Assembly {
    message: u8,
    last: u8,
    /// Length of all pieces but the last; known once one of them came.
    piece: Option<usize>,
    /// Length of the last piece; known once it came.
    rest: Option<usize>,
    have: [u32; 8],
    count: u16,
}

impl Assembly {
    const fn new(message: u8, last: u8) -> Self {
        Self { message, last, piece: None, rest: None, have: [0; 8], count: 0 }
    }

    fn has(&self, index: u8) -> bool {
        self.have[usize::from(index / 32)] & (1 << (index % 32)) != 0
    }

    fn is_whole(&self) -> bool {
        self.count == u16::from(self.last) + 1
    }

    /// Bytes of the message, once both lengths are known.
    fn len(&self) -> usize {
        self.piece.unwrap_or(0).saturating_mul(usize::from(self.last)).saturating_add(self.rest.unwrap_or(0))
    }

    /// Where the piece lies in a storage of `capacity` bytes; `None` while that is not known.
    fn place(&self, index: u8, capacity: usize) -> Option<Range<usize>> {
        let (start, len) = match (index < self.last, self.piece, self.rest) {
            (true, Some(piece), _) => (usize::from(index).checked_mul(piece)?, piece),
            (false, Some(piece), Some(rest)) => (usize::from(index).checked_mul(piece)?, rest),
            (false, None, Some(rest)) => (capacity.checked_sub(rest)?, rest),
            _ => return None,
        };
        Some(start..start.checked_add(len)?)
    }

    /// Whether this very piece is there already.
    fn has_piece(&self, fragment: Fragment, piece: &[u8], storage: &[u8]) -> bool {
        let Fragment { message, index, last } = fragment;
        message == self.message
            && last == self.last
            && self.has(index)
            && self.place(index, storage.len()).and_then(|place| storage.get(place)) == Some(piece)
    }

    /// Whether the piece belongs to this message and is missing. Another message may have the same number.
    fn can_take(&self, fragment: Fragment, len: usize, capacity: usize) -> bool {
        let Fragment { message, index, last } = fragment;
        if message != self.message || last != self.last || self.has(index) {
            return false;
        }
        let mut with = *self;
        if *with.length(index).get_or_insert(len) != len {
            return false;
        }
        match (with.piece, with.rest) {
            (Some(piece), Some(rest)) => rest <= piece && with.len() <= capacity,
            _ => true,
        }
    }

    /// Writes a piece, which fits, to its place.
    fn take(&mut self, fragment: Fragment, piece: &[u8], storage: &mut [u8]) {
        let waiting = if self.piece.is_none() { self.place(self.last, storage.len()) } else { None };
        self.length(fragment.index).get_or_insert(piece.len());
        // All other pieces lie in front of the last one's place, and that not behind where it waits: nothing is
        // overwritten by moving it first.
        if let (Some(waiting), Some(length)) = (waiting, self.piece) {
            storage.copy_within(waiting, usize::from(self.last) * length);
        }
        let place = self.place(fragment.index, storage.len());
        if let Some(memory) = place.and_then(|place| storage.get_mut(place)) {
            memory.copy_from_slice(piece);
        }
        self.have[usize::from(fragment.index / 32)] |= 1 << (fragment.index % 32);
        self.count += 1;
    }

    fn length(&mut self, index: u8) -> &mut Option<usize> {
        if index < self.last { &mut self.piece } else { &mut self.rest }
    }
}

impl<S: Storage> Reassembler<S> {
    /// Messages are put together in `storage`.
    pub const fn new(storage: S) -> Self {
        let stats = ReassemblyStats { messages: 0, repeats: 0, replaced: 0, refused: 0 };
        Self { storage, current: None, stats }
    }

    /// What became of the pieces so far.
    pub const fn stats(&self) -> &ReassemblyStats {
        &self.stats
    }

    /// Forgets everything but the counters, as when the other end began anew.
    pub const fn reset(&mut self) {
        self.current = None;
    }

    /// Takes a piece and returns the message when this makes it whole.
    ///
    /// A message of a single piece is returned as the piece itself, as often as it comes, and does not disturb the
    /// one in the making. A message of more pieces is returned once; it is known again by its number and its bytes,
    /// so a new one that happens to have an old number is delivered. Whoever wants to hear it once more calls
    /// [`reset`](Self::reset).
    ///
    /// # Errors
    /// `BadLength` when the message does not fit the storage, or the piece has a length that it cannot have.
    pub fn handle<'a>(
        &'a mut self,
        fragment: Fragment,
        piece: &'a [u8],
    ) -> Result<Option<&'a [u8]>, DecodeError> {
        if fragment.index > fragment.last {
            return Err(self.refuse(usize::from(fragment.index), usize::from(fragment.last)));
        }
        if fragment.last == 0 {
            self.stats.messages += 1;
            return Ok(Some(piece));
        }
        match self.assemble(fragment, piece)? {
            Some(len) => Ok(self.storage.as_slice().get(..len)),
            None => Ok(None),
        }
    }

    /// Stores the piece; the length of the message when it is whole now.
    fn assemble(&mut self, fragment: Fragment, piece: &[u8]) -> Result<Option<usize>, DecodeError> {
        let capacity = self.storage.as_slice().len();
        let Fragment { message, index, last } = fragment;
        // What can never become a message must not push out the one in the making.
        let least = if index < last { piece.len().saturating_mul(usize::from(last)) } else { piece.len() };
        if least > capacity || (index < last && piece.is_empty()) {
            return Err(self.refuse(least, capacity));
        }
        let mut assembly = Assembly::new(message, last);
        if let Some(current) = self.current {
            if current.has_piece(fragment, piece, self.storage.as_slice()) {
                self.stats.repeats += 1;
                return Ok(None);
            }
            if current.can_take(fragment, piece.len(), capacity) {
                assembly = current;
            } else if !current.is_whole() {
                self.stats.replaced += 1;
            }
        }
        assembly.take(fragment, piece, self.storage.as_mut_slice());
        self.current = Some(assembly);
        let len = assembly.is_whole().then(|| assembly.len());
        self.stats.messages += u64::from(len.is_some());
        Ok(len)
    }

    fn refuse(&mut self, stated: usize, expected: usize) -> DecodeError {
        self.stats.refused += 1;
        log_debug!("piece of a message refused: {} bytes where {} fit", stated, expected);
        DecodeError { layer: "packet", offset: 0, kind: DecodeErrorKind::BadLength { stated, expected } }
    }
}
