//! [`Unpacker`]: the bytes of a compressed object, in order, on their way back to content.
//!
//! ```text
//!   object's bytes --> decode, on threads of its own --> limits --> hash --> written
//! ```
//! Nothing is written above the limits: neither more than was announced, nor more than the bytes that came may become.

use std::io::{self, Write as _};

use packhorse_compress::write::FrameDecoder;
use packhorse_compress::{DecompressOptions, Expansion, Plan, Schedule};
use packhorse_transfer::{Compression, HashKind};

use crate::integrity::Hasher;

/// Bytes given to the decoder at a time, so that the limits are looked at often enough.
const PIECE: usize = 64 * 1024;

/// Why content is not taken. Inside of an [`io::Error`] where sinks pass it on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadContent {
    #[error("it cannot be decompressed: {0}; send it again")]
    Damaged(packhorse_compress::Error),
    #[error("its content is {found} bytes and more, and {stated} were announced; send it again")]
    Longer { stated: u64, found: u64 },
    #[error("its content is {found} bytes, and {stated} were announced; send it again")]
    Shorter { stated: u64, found: u64 },
    #[error(
        "its content is more than {} times as long as what was sent; if you trust the sender, receive it with a higher \
         --ratio-limit", .0.ratio
    )]
    Expands(Expansion),
}

impl From<BadContent> for io::Error {
    fn from(bad: BadContent) -> Self {
        Self::new(io::ErrorKind::InvalidData, bad)
    }
}

/// What takes content.
pub(crate) type Emit<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

pub(crate) struct Unpacker {
    decoder: FrameDecoder<Vec<u8>>,
    hasher: Hasher,
    stated: Option<u64>,
    expansion: Expansion,
    /// Bytes of the object so far, and of the content.
    fed: u64,
    content: u64,
}

impl Unpacker {
    /// Whether an object of `size` bytes may have the content that it announces.
    pub(crate) fn check(
        size: Option<u64>,
        about: Compression,
        expansion: Expansion,
    ) -> Result<(), BadContent> {
        match (size, about.content) {
            (Some(size), Some(content)) if content > expansion.most(size) => {
                Err(BadContent::Expands(expansion))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn new(about: Compression, expansion: Expansion, kind: HashKind) -> io::Result<Self> {
        // Little is in flight: whoever announces many objects does not decide about the memory.
        let mut plan = Plan { blocks: 1, schedule: Schedule::Overlapped { sets: 2 }, ..Plan::default() };
        if about.content.is_some_and(|content| content <= 256 * 1024) {
            plan.threads = 1;
        }
        let options = DecompressOptions { no_legacy: true, ..DecompressOptions::default() };
        let decoder = FrameDecoder::new(Vec::new(), &options, &plan).map_err(failed)?;
        Ok(Self { decoder, hasher: Hasher::new(kind), stated: about.content, expansion, fed: 0, content: 0 })
    }

    /// Bytes of the object so far.
    pub(crate) const fn fed(&self) -> u64 {
        self.fed
    }

    /// Takes the next bytes of the object, and gives content to `emit`, perhaps later.
    pub(crate) fn feed(&mut self, bytes: &[u8], emit: &mut Emit<'_>) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            self.fed += piece.len() as u64;
            let written = self.decoder.write_all(piece);
            // What came before the damage was written first.
            self.pass_on(emit)?;
            written.map_err(damaged)?;
        }
        Ok(())
    }

    /// Gives all content that is whole to `emit`.
    pub(crate) fn flush(&mut self, emit: &mut Emit<'_>) -> io::Result<()> {
        let flushed = self.decoder.flush();
        self.pass_on(emit)?;
        flushed.map_err(damaged)
    }

    /// The object has ended: the length and the hash of its content.
    pub(crate) fn finish(mut self, emit: &mut Emit<'_>) -> io::Result<(u64, [u8; 32])> {
        self.flush(emit)?;
        self.decoder.finish().map_err(failed)?;
        match self.stated {
            Some(stated) if stated != self.content => {
                Err(BadContent::Shorter { stated, found: self.content }.into())
            }
            _ => Ok((self.content, self.hasher.finish())),
        }
    }

    fn pass_on(&mut self, emit: &mut Emit<'_>) -> io::Result<()> {
        let content = self.decoder.get_mut();
        if content.is_empty() {
            return Ok(());
        }
        let found = self.content + content.len() as u64;
        if let Some(stated) = self.stated.filter(|stated| found > *stated) {
            return Err(BadContent::Longer { stated, found }.into());
        }
        if found > self.expansion.most(self.fed) {
            return Err(BadContent::Expands(self.expansion).into());
        }
        self.hasher.update(content);
        emit(content)?;
        self.content = found;
        content.clear();
        Ok(())
    }
}

fn damaged(error: io::Error) -> io::Error {
    match error.downcast::<packhorse_compress::Error>() {
        Ok(error) => failed(error),
        Err(error) => error,
    }
}

fn failed(error: packhorse_compress::Error) -> io::Error {
    match error {
        // The system is at fault, not the object.
        packhorse_compress::Error::Device(error) => io::Error::other(error),
        error => BadContent::Damaged(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use packhorse_compress::{CompressOptions, compress_to_vec};
    use packhorse_transfer::CompressionMethod;

    use super::*;

    fn unpack(frame: &[u8], content: Option<u64>, expansion: Expansion) -> io::Result<(Vec<u8>, [u8; 32])> {
        let about = Compression { method: CompressionMethod::Lz4, content, growing: false };
        let mut unpacker = Unpacker::new(about, expansion, HashKind::Blake3)?;
        let mut out = Vec::new();
        let mut emit = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        for piece in frame.chunks(1000) {
            unpacker.feed(piece, &mut emit)?;
        }
        let (len, hash) = unpacker.finish(&mut emit)?;
        assert_eq!(len, out.len() as u64);
        Ok((out, hash))
    }

    fn says(result: io::Result<(Vec<u8>, [u8; 32])>) -> String {
        let error = result.unwrap_err();
        assert!(matches!(error.get_ref(), Some(inner) if inner.is::<BadContent>()), "{error:?}");
        error.to_string()
    }

    #[test]
    fn content_comes_back_with_its_hash_and_every_lie_about_it_is_found() {
        let content = b"a line of a log, and another one\n".repeat(100_000);
        let frame = compress_to_vec(&content, &CompressOptions::default());
        let len = content.len() as u64;
        for stated in [None, Some(len)] {
            let (out, hash) = unpack(&frame, stated, Expansion::default()).unwrap();
            assert!(out == content);
            assert_eq!(hash, *blake3::hash(&content).as_bytes());
        }
        assert!(says(unpack(&frame, Some(len - 1), Expansion::default())).contains("and more"));
        assert!(says(unpack(&frame, Some(len + 1), Expansion::default())).contains("were announced"));
        assert!(says(unpack(&frame[..frame.len() - 5], None, Expansion::default())).contains("decompressed"));
        assert!(says(unpack(b"no frame at all", None, Expansion::default())).contains("decompressed"));
        let trailing = [&frame[..], b"more"].concat();
        assert!(says(unpack(&trailing, None, Expansion::default())).contains("decompressed"));
    }

    #[test]
    fn a_bomb_stops_at_its_limit_and_an_honest_sender_stays_below_it() {
        let zeros = vec![0; 8 << 20];
        let narrow = Expansion { free: 1 << 20, ratio: 20 };
        let bomb = compress_to_vec(&zeros, &CompressOptions::default());
        assert!(says(unpack(&bomb, None, narrow)).contains("--ratio-limit"));
        let tame = compress_to_vec(
            &zeros,
            &CompressOptions { expansion: Some(narrow), ..CompressOptions::default() },
        );
        assert!(tame.len() > bomb.len() && tame.len() < zeros.len() / 4);
        assert!(unpack(&tame, None, narrow).unwrap().0 == zeros);
    }
}
