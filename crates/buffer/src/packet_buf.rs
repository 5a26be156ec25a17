//! [`PacketBuf`]: one packet in one run of memory, with room on both sides.
//!
//! ```text
//!   storage
//!   |<------------------------- capacity ------------------------->|
//!   | headroom            | data                   | tailroom      |
//!   0                 data.start               data.end        capacity
//!
//!   push(n)  data.start -= n   a header appears in front      | put(n)   data.end += n
//!   pull(n)  data.start += n   the header leaves the front    | trim(n)  data.end -= n
//! ```
//!
//! Moving a border never moves or clears a byte: after `push` the header bytes hold whatever was
//! there before, and the layer overwrites all of them. Not a queue and not a chain: one packet, one run.

use core::fmt;
use core::ops::Range;

use crate::{NoRoom, Side, Storage, TooShort};

/// One packet in one run of memory, with headroom in front and tailroom behind.
#[derive(Clone)]
pub struct PacketBuf<S> {
    pub(crate) storage: S,
    // Always start <= end <= capacity. The compiler does not know, so every way to the bytes is through one `get`
    // whose failure is the method's error: no second check, and no panic in the code of a layer.
    pub(crate) data: Range<usize>,
}

impl<S: Storage> PacketBuf<S> {
    /// An empty packet at the front of the storage: all of it is tailroom.
    pub fn new(storage: S) -> Self {
        Self { storage, data: 0..0 }
    }

    /// An empty packet with `headroom` bytes in front.
    ///
    /// # Errors
    /// [`NoRoom`] when the storage is smaller than the headroom.
    pub fn with_headroom(storage: S, headroom: usize) -> Result<Self, NoRoom> {
        let mut buf = Self::new(storage);
        buf.reset(headroom)?;
        Ok(buf)
    }

    /// A packet that fills its storage: what a transport has just received.
    pub fn filled(storage: S) -> Self {
        let data = 0..storage.as_slice().len();
        Self { storage, data }
    }

    /// Bytes in the storage.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.storage.as_slice().len()
    }

    /// Bytes that can still be pushed in front.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.data.start
    }

    /// Bytes that can still be put behind.
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.capacity() - self.data.end
    }

    /// Bytes of data.
    #[inline]
    pub fn len(&self) -> usize {
        self.data.end - self.data.start
    }

    /// Whether there is no data.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Where the data lies in the storage.
    #[inline]
    pub fn range(&self) -> Range<usize> {
        self.data.clone()
    }

    /// The data.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.storage.as_slice()[self.data.clone()]
    }

    /// The data, to write into.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.storage.as_mut_slice()[self.data.clone()]
    }

    /// Grows the data by `n` bytes in front and returns them, unwritten: the caller sets every one.
    ///
    /// # Errors
    /// [`NoRoom`] when the headroom is smaller than `n`; the buffer is then unchanged.
    #[inline]
    pub fn push(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let available = self.headroom();
        if n > available {
            return Err(NoRoom { side: Side::Head, needed: n, available });
        }
        self.data.start -= n;
        let start = self.data.start;
        Ok(&mut self.storage.as_mut_slice()[start..start + n])
    }

    /// Takes `n` bytes off the front and returns them; they become headroom.
    ///
    /// # Errors
    /// [`TooShort`] when the data is shorter than `n`; the buffer is then unchanged.
    #[inline]
    pub fn pull(&mut self, n: usize) -> Result<&mut [u8], TooShort> {
        let available = self.len();
        let Range { start, end } = self.data;
        match self.storage.as_mut_slice().get_mut(start..end).and_then(|data| data.get_mut(..n)) {
            Some(header) => {
                self.data.start = start + n;
                Ok(header)
            }
            None => Err(TooShort { needed: n, available }),
        }
    }

    /// Grows the data by `n` bytes behind and returns them, unwritten.
    ///
    /// # Errors
    /// [`NoRoom`] when the tailroom is smaller than `n`; the buffer is then unchanged.
    #[inline]
    pub fn put(&mut self, n: usize) -> Result<&mut [u8], NoRoom> {
        let available = self.tailroom();
        if n > available {
            return Err(NoRoom { side: Side::Tail, needed: n, available });
        }
        let end = self.data.end;
        self.data.end += n;
        Ok(&mut self.storage.as_mut_slice()[end..end + n])
    }

    /// Puts a copy of `bytes` behind the data.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.put(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Takes `n` bytes off the end and returns them; they become tailroom.
    ///
    /// # Errors
    /// [`TooShort`] when the data is shorter than `n`; the buffer is then unchanged.
    #[inline]
    pub fn trim(&mut self, n: usize) -> Result<&mut [u8], TooShort> {
        let available = self.len();
        let Range { start, end } = self.data;
        let rest = available.checked_sub(n).map(|rest| start + rest);
        let trailer = rest.and_then(|rest| self.storage.as_mut_slice().get_mut(rest..end));
        let (Some(rest), Some(trailer)) = (rest, trailer) else {
            return Err(TooShort { needed: n, available });
        };
        self.data.end = rest;
        Ok(trailer)
    }

    /// Forgets the data and leaves `headroom` bytes of room in front: ready for the next packet.
    ///
    /// # Errors
    /// [`NoRoom`] when the storage is smaller than the headroom; the buffer is then unchanged.
    #[inline]
    pub fn reset(&mut self, headroom: usize) -> Result<(), NoRoom> {
        let available = self.capacity();
        if headroom > available {
            return Err(NoRoom { side: Side::Head, needed: headroom, available });
        }
        self.data = headroom..headroom;
        Ok(())
    }

    /// Sets the data to `range` of the storage, as when a layer is undone to answer in place.
    ///
    /// # Errors
    /// [`NoRoom`] when the range ends behind the storage or is reversed; the buffer is then unchanged.
    #[inline]
    pub fn set_range(&mut self, range: Range<usize>) -> Result<(), NoRoom> {
        let available = self.capacity();
        if range.end > available || range.start > range.end {
            return Err(NoRoom { side: Side::Tail, needed: range.end.max(range.start), available });
        }
        self.data = range;
        Ok(())
    }

    /// Gives the storage back.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// The storage, whole.
    pub fn storage(&self) -> &S {
        &self.storage
    }
}

impl<S: Storage> PacketBuf<S> {
    /// As [`push`](Self::push), for a header whose length is a constant: the compiler then knows that every field lies inside.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    #[inline]
    pub fn push_array<const N: usize>(&mut self) -> Result<&mut [u8; N], NoRoom> {
        let available = self.data.start;
        match self.storage.as_mut_slice().get_mut(..available).and_then(<[u8]>::last_chunk_mut) {
            Some(header) => {
                self.data.start = available - N;
                Ok(header)
            }
            None => Err(NoRoom { side: Side::Head, needed: N, available }),
        }
    }

    /// As [`pull`](Self::pull), for a header whose length is a constant.
    ///
    /// # Errors
    /// As [`pull`](Self::pull).
    #[inline]
    pub fn pull_array<const N: usize>(&mut self) -> Result<&mut [u8; N], TooShort> {
        let available = self.len();
        let Range { start, end } = self.data;
        match self.storage.as_mut_slice().get_mut(start..end).and_then(<[u8]>::first_chunk_mut) {
            Some(header) => {
                self.data.start = start + N;
                Ok(header)
            }
            None => Err(TooShort { needed: N, available }),
        }
    }

    /// As [`put`](Self::put), for a trailer whose length is a constant.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    #[inline]
    pub fn put_array<const N: usize>(&mut self) -> Result<&mut [u8; N], NoRoom> {
        let available = self.tailroom();
        let end = self.data.end;
        match self.storage.as_mut_slice().get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
            Some(trailer) => {
                self.data.end = end + N;
                Ok(trailer)
            }
            None => Err(NoRoom { side: Side::Tail, needed: N, available }),
        }
    }

    /// As [`trim`](Self::trim), for a trailer whose length is a constant.
    ///
    /// # Errors
    /// As [`trim`](Self::trim).
    #[inline]
    pub fn trim_array<const N: usize>(&mut self) -> Result<&mut [u8; N], TooShort> {
        let available = self.len();
        let Range { start, end } = self.data;
        match self.storage.as_mut_slice().get_mut(start..end).and_then(<[u8]>::last_chunk_mut) {
            Some(trailer) => {
                self.data.end = end - N;
                Ok(trailer)
            }
            None => Err(TooShort { needed: N, available }),
        }
    }
}

impl<S: Storage> AsRef<[u8]> for PacketBuf<S> {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<S: Storage> fmt::Debug for PacketBuf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PacketBuf {{ {} | {} | {}, data: {:02x?} }}",
            self.headroom(),
            self.len(),
            self.tailroom(),
            self.as_slice()
        )
    }
}
