//! [`Packer`]: content on its way into a compressed object, hashed before it is compressed.
//!
//! ```text
//!   file, stream --> read, hash --> compress --> frame, whose bytes are the object
//! ```
//! On the way where the object may grow while it is sent; [`spool`] makes it beforehand, where its bytes are needed more
//! than once.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;

use packhorse_compress::frame::BlockSize;
use packhorse_compress::read::FrameEncoder;
use packhorse_compress::{CompressOptions, Expansion, Plan};
use packhorse_transfer::HashKind;

use crate::integrity::Hasher;

/// Bytes written to the spool at once.
const CHUNK: usize = 256 * 1024;
/// Contents up to this size are not worth a thread.
const SMALL: u64 = 256 * 1024;

/// Reads as the compressed form of some content.
pub(crate) struct Packer(FrameEncoder<Hashed>);

impl Packer {
    /// Of a stream, to its end.
    pub(crate) fn stream(reader: impl Read + Send + 'static, kind: HashKind) -> io::Result<Self> {
        Self::new(Box::new(reader), None, kind)
    }

    /// Of the first `size` bytes of a file.
    pub(crate) fn file(file: File, size: u64, kind: HashKind) -> io::Result<Self> {
        Self::new(Box::new(Reading { file, at: 0 }), Some(size), kind)
    }

    fn new(reader: Box<dyn Read + Send>, size: Option<u64>, kind: HashKind) -> io::Result<Self> {
        let block_size = match size {
            Some(..=0x1_0000) => BlockSize::Kib64,
            Some(..=SMALL) => BlockSize::Kib256,
            _ => BlockSize::Mib1,
        };
        let options = CompressOptions {
            block_size,
            expansion: Some(Expansion::default()),
            ..CompressOptions::default()
        };
        let mut plan = Plan::default();
        if size.is_some_and(|size| size <= SMALL) {
            plan.threads = 1;
        }
        let hashed = Hashed { reader, hasher: Hasher::new(kind), left: size };
        Ok(Self(FrameEncoder::new(hashed, &options, &plan)?))
    }

    /// The hash of the content that was read: of all of it at the end.
    pub(crate) fn content_hash(&self) -> [u8; 32] {
        self.0.get_ref().hasher.finish()
    }
}

impl Read for Packer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// A compressed object, made beforehand.
pub(crate) struct Spooled {
    /// A file without a name.
    pub(crate) file: File,
    /// Its bytes.
    pub(crate) size: u64,
    /// The hash of the content.
    pub(crate) hash: [u8; 32],
}

/// Compresses the first `size` bytes of `file`; none when that gains nothing.
pub(crate) fn spool(file: &File, size: u64, kind: HashKind) -> io::Result<Option<Spooled>> {
    let mut packer = Packer::file(file.try_clone()?, size, kind)?;
    let room = |error: io::Error| {
        let advice = "free some space where TMPDIR points, or send it without --compress";
        io::Error::new(error.kind(), format!("no place for its compressed form: {error}; {advice}"))
    };
    let mut spool = tempfile::tempfile().map_err(room)?;
    let mut memory = vec![0; usize::try_from(size).map_or(CHUNK, |size| size.clamp(1, CHUNK))];
    let mut packed = 0;
    loop {
        let len = packer.read(&mut memory)?;
        if len == 0 {
            break;
        }
        packed += len as u64;
        if packed >= size {
            return Ok(None);
        }
        spool.write_all(&memory[..len]).map_err(room)?;
    }
    Ok(Some(Spooled { file: spool, size: packed, hash: packer.content_hash() }))
}

/// A file from its start, wherever others read it.
struct Reading {
    file: File,
    at: u64,
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(into, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Hashes what is read.
struct Hashed {
    reader: Box<dyn Read + Send>,
    hasher: Hasher,
    /// Bytes that have to come, and no more, where that is known.
    left: Option<u64>,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self
            .left
            .map_or(into.len(), |left| usize::try_from(left).map_or(into.len(), |left| left.min(into.len())));
        if most == 0 {
            return Ok(0);
        }
        let len = self.reader.read(&mut into[..most])?;
        if let Some(left) = &mut self.left {
            if len == 0 {
                return Err(crate::slab_reader::shrank(io::ErrorKind::UnexpectedEof.into()));
            }
            *left -= len as u64;
        }
        self.hasher.update(&into[..len]);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn what_does_not_shrink_is_not_spooled_and_the_hash_is_the_contents() {
        let text = b"the same again and again, ".repeat(50_000);
        let spooled = spool(&file(&text), text.len() as u64, HashKind::Blake3).unwrap().unwrap();
        assert!(spooled.size < 20_000);
        assert_eq!(spooled.file.metadata().unwrap().len(), spooled.size);
        assert_eq!(spooled.hash, *blake3::hash(&text).as_bytes());
        let mut noise = vec![0; 100_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!(spool(&file(&noise), noise.len() as u64, HashKind::Blake3).unwrap().is_none());
    }

    #[test]
    fn a_file_that_shrank_meanwhile_is_an_error() {
        let short = spool(&file(&[7; 100_000]), 100_001, HashKind::Blake3);
        assert!(short.is_err_and(|error| error.to_string().contains("became shorter")));
    }

    #[test]
    fn content_that_cannot_be_compressed_grows_by_little() {
        let mut noise = vec![0; 5 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let mut packed = Vec::new();
        Packer::stream(io::Cursor::new(noise.clone()), HashKind::Blake3)
            .unwrap()
            .read_to_end(&mut packed)
            .unwrap();
        assert!(packed.len() <= noise.len() + 5 * 4 + 11);
    }
}
