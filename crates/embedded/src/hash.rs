//! [`ObjectHash`]: the hash of an object, computed as its bytes pass, in the memory of a microcontroller.
//!
//! SHA-256 comes from crate `sha2`. BLAKE3 is our own [`Blake3`], because the hasher of crate `blake3` takes 1.9 KB: more
//! than a sender may have in all.

mod blake3;

use core::fmt::Debug;

pub use blake3::Blake3;
use packhorse_transfer::{BlockSource, HashKind};
use sha2::Digest as _;

/// A hash function that takes an object's bytes in order.
pub trait ObjectHash: Debug + Default {
    /// Which function it is.
    const KIND: HashKind;
    /// The longest object, in bytes.
    const MOST: u64;

    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);

    /// The hash of all of them; the function begins anew.
    fn finish(&mut self) -> [u8; 32];
}

/// SHA-256 (FIPS 180-4): what `ftag` objects carry.
#[derive(Clone, Debug, Default)]
pub struct Sha256(sha2::Sha256);

impl ObjectHash for Sha256 {
    const KIND: HashKind = HashKind::Sha256;
    const MOST: u64 = u64::MAX / 8;

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&mut self) -> [u8; 32] {
        core::mem::take(&mut self.0).finalize().into()
    }
}

/// The hash of the first `size` bytes of `source`, read 32 bytes at a time.
///
/// # Errors
/// What the source says, or that the hash has no memory for so many bytes.
// Not inlined: some hundred bytes of stack, which callers need for nothing else.
#[inline(never)]
pub fn hash_of<H: ObjectHash, O: BlockSource>(
    source: &mut O,
    size: u64,
) -> Result<[u8; 32], HashError<O::Error>> {
    if size > H::MOST {
        return Err(HashError::TooLong { most: H::MOST });
    }
    let mut hashing = Hashing::<H>::default();
    while hashing.step(source, size).map_err(HashError::Read)? {}
    Ok(hashing.finish())
}

/// Why an object has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError<E> {
    /// What the source says.
    Read(E),
    /// The hash has memory for at most so many bytes: `DEPTH` of the wire decides.
    TooLong {
        /// Most bytes.
        most: u64,
    },
}

impl<E: core::fmt::Display> core::fmt::Display for HashError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "the object cannot be read: {error}"),
            Self::TooLong { most } => {
                write!(f, "this hash takes at most {most} bytes: choose a wire of a larger DEPTH")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for HashError<E> {}

/// A hash that is computed a piece at a time.
#[derive(Debug, Default)]
pub(crate) struct Hashing<H> {
    hash: H,
    at: u64,
}

impl<H: ObjectHash> Hashing<H> {
    /// Reads and hashes the next 32 of the first `size` bytes. True as long as there are more.
    pub(crate) fn step<O: BlockSource>(&mut self, source: &mut O, size: u64) -> Result<bool, O::Error> {
        let mut memory = [0; 32];
        let left = size.saturating_sub(self.at);
        let len = usize::try_from(left).map_or(memory.len(), |left| left.min(memory.len()));
        let piece = memory.get_mut(..len).unwrap_or_default();
        source.read_at(self.at, piece)?;
        self.hash.update(piece);
        self.at += len as u64;
        Ok(self.at < size)
    }

    /// The hash of what was read.
    pub(crate) fn finish(&mut self) -> [u8; 32] {
        self.hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_the_hash_cannot_hold_is_refused_before_a_wrong_hash_is_sent() {
        let bytes = [7; 2049];
        let most = Blake3::<1>::MOST;
        assert_eq!(most, 2048);
        assert!(hash_of::<Blake3<1>, _>(&mut &bytes[..], 2048).is_ok());
        assert_eq!(hash_of::<Blake3<1>, _>(&mut &bytes[..], 2049), Err(HashError::TooLong { most }));
    }
}
