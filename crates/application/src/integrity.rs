//! Hashes of whole objects, taken while the bytes pass or afterwards from the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use packhorse_transfer::HashKind;
use sha2::Digest as _;

/// Bytes that are read at a time when a file is hashed on its own: enough for the widest SIMD of BLAKE3.
const READ: usize = 256 * 1024;

/// A hash in the making.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
}

impl Hasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new(kind: HashKind) -> Self {
        Self(match kind {
            HashKind::Blake3 => State::Blake3(Box::new(blake3::Hasher::new())),
            HashKind::Sha256 => State::Sha256(sha2::Sha256::new()),
        })
    }

    /// Takes in the next bytes of the object.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Blake3(hasher) => {
                hasher.update(bytes);
            }
            State::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The hash of everything taken in so far.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        match &self.0 {
            State::Blake3(hasher) => *hasher.finalize().as_bytes(),
            State::Sha256(hasher) => hasher.clone().finalize().into(),
        }
    }
}

/// A hash that follows bytes which may arrive out of order: it advances while they come in order, and
/// [`finish`](OrderedHasher::finish) reads from the file what it could not follow.
#[derive(Clone)]
pub struct OrderedHasher {
    hasher: Hasher,
    /// Bytes hashed so far, from the start of the object.
    upto: u64,
    memory: Vec<u8>,
}

impl OrderedHasher {
    /// A hasher at offset zero.
    #[must_use]
    pub fn new(kind: HashKind) -> Self {
        Self { hasher: Hasher::new(kind), upto: 0, memory: Vec::new() }
    }

    /// Takes in bytes of the object that lie at `offset`, if they are the next ones.
    pub fn offer(&mut self, offset: u64, bytes: &[u8]) {
        if offset == self.upto {
            self.hasher.update(bytes);
            self.upto += bytes.len() as u64;
        }
    }

    /// Reads whatever was not yet hashed up to `size` from `file` and returns the hash.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before `size`.
    pub fn finish(mut self, file: &File, size: u64) -> io::Result<[u8; 32]> {
        while self.upto < size {
            self.memory.resize(READ, 0);
            let want = usize::try_from(size - self.upto).map_or(READ, |left| left.min(READ));
            let n = file.read_at(&mut self.memory[..want], self.upto)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.hasher.update(&self.memory[..n]);
            self.upto += n as u64;
        }
        Ok(self.hasher.finish())
    }
}

/// The hash of the first `size` bytes of `file`.
///
/// # Errors
/// When the file cannot be read, or ends before `size`.
pub fn hash_file(kind: HashKind, file: &File, size: u64) -> io::Result<[u8; 32]> {
    OrderedHasher::new(kind).finish(file, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn bytes_out_of_order_give_the_same_hash_as_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..700_000u32).map(|i| i.to_le_bytes()[1]).collect();
        file.write_all(&bytes).unwrap();
        for kind in [HashKind::Blake3, HashKind::Sha256] {
            let mut whole = Hasher::new(kind);
            whole.update(&bytes);
            let mut ordered = OrderedHasher::new(kind);
            ordered.offer(0, &bytes[..1000]);
            ordered.offer(2000, &bytes[2000..3000]);
            ordered.offer(1000, &bytes[1000..2000]);
            ordered.offer(1000, &bytes[1000..2000]);
            assert_eq!(ordered.finish(&file, bytes.len() as u64).unwrap(), whole.finish());
        }
    }

    #[test]
    fn a_file_that_shrank_is_an_error_and_not_a_hash() {
        let file = tempfile::tempfile().unwrap();
        assert!(hash_file(HashKind::Blake3, &file, 1).is_err());
    }
}
