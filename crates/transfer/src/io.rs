//! [`BlockSource`] and [`BlockSink`]: where the blocks of an object are read from and written to, by offset.
//!
//! Implemented by files on hosts, by flash or RAM on microcontrollers; here for slices of memory.

use packhorse_buffer::TooShort;

/// Reads an object's bytes at an offset.
pub trait BlockSource {
    /// What can go wrong.
    type Error;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When not all of them can be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;
}

/// Writes an object's bytes at an offset, in any order.
pub trait BlockSink {
    /// What can go wrong.
    type Error;

    /// A new object of `size` bytes begins: what was written before belongs to another one. Nothing to do for most; flash
    /// forgets what it has erased.
    ///
    /// # Errors
    /// When the medium cannot take it.
    fn begin(&mut self, size: u64) -> Result<(), Self::Error> {
        let _ = size;
        Ok(())
    }

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    /// When not all of them can be written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl BlockSource for &[u8] {
    type Error = TooShort;

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), TooShort> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or(&[]);
        let short = TooShort { needed: into.len(), available: rest.len() };
        into.copy_from_slice(rest.get(..into.len()).ok_or(short)?);
        Ok(())
    }
}

impl BlockSource for &mut [u8] {
    type Error = TooShort;

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), TooShort> {
        (&**self).read_at(offset, into)
    }
}

impl BlockSink for &mut [u8] {
    type Error = TooShort;

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), TooShort> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get_mut(offset..)).unwrap_or(&mut []);
        let short = TooShort { needed: bytes.len(), available: rest.len() };
        rest.get_mut(..bytes.len()).ok_or(short)?.copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_and_written_by_offset_and_never_beyond_its_end() {
        let mut memory = [0; 8];
        let mut sink: &mut [u8] = &mut memory;
        assert_eq!(sink.write_at(5, &[1, 2, 3]), Ok(()));
        assert_eq!(sink.write_at(6, &[1, 2, 3]), Err(TooShort { needed: 3, available: 2 }));
        assert_eq!(sink.write_at(u64::MAX, &[1]), Err(TooShort { needed: 1, available: 0 }));
        let mut source: &[u8] = &memory;
        let mut into = [0; 4];
        assert_eq!(source.read_at(4, &mut into), Ok(()));
        assert_eq!(into, [0, 1, 2, 3]);
        assert_eq!(source.read_at(5, &mut into), Err(TooShort { needed: 4, available: 3 }));
        assert_eq!(source.read_at(u64::MAX, &mut into), Err(TooShort { needed: 4, available: 0 }));
    }
}
