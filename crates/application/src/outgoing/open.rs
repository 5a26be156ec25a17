//! What an entry of the catalog becomes: the bytes of a file or a stream, or a compressed form of them.
//!
//! ```text
//!                 once                              blocks needed more than once
//!   file          as it is                          as it is
//!   compressed    made on the way, as a stream      made beforehand, in a file without a name
//!   stream        as it comes, compressed or not    as it comes, within a window
//! ```

use std::fs::File;
use std::io;

use packhorse_link::{Framing, Transport};
use packhorse_transfer::{
    Compression, CompressionMethod, ControlCodec as _, Layout, Meta, Mode, RepeatOrder, Sender,
};

use super::Outgoing;
use crate::SendError;
use crate::catalog::{Entry, EntryKind};
use crate::choose::{self, LinkEstimate};
use crate::integrity::{Hasher, hash_file};
use crate::pack::{self, Packer};
use crate::profile::Profile;
use crate::slab_reader::{ByteStream, Job};

impl<P: Profile, F: Framing, T: Transport> Outgoing<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// Begins to read the entry: completes what META says of it, and gives what sends its blocks.
    pub(super) fn open(&mut self, entry: &Entry, meta: &mut Meta<'_>) -> Result<Sender, SendError> {
        let name = entry.name.as_str();
        let unreadable = |source| SendError::Read { name: name.to_owned(), source };
        let unsendable = |reason: &str| unsendable::<P>(name, reason.to_owned());
        let kind = P::Codec::HASH;
        if entry.kind == EntryKind::Stream {
            if !P::Codec::SESSIONS {
                return Err(unsendable("its length must be known; write it to a file and send that"));
            }
            if !self.compress {
                return self.stream(ByteStream::Plain(Box::new(io::stdin())), name);
            }
            meta.compression = Some(lz4(None, true));
            let packer = Packer::stream(io::stdin(), kind).map_err(SendError::Threads)?;
            return self.stream(ByteStream::Packed(Box::new(packer)), name);
        }
        let (mut size, file) = entry.open().map_err(unreadable)?;
        let Some(mut file) = file.filter(|_| size > 0) else {
            meta.hash = Some(Hasher::new(kind).finish());
            return self.whole(None, size, meta, name);
        };
        if self.compress && self.config.mode == Mode::Once {
            meta.compression = Some(lz4(Some(size), true));
            let packer = Packer::file(file, size, kind).map_err(unreadable)?;
            return self.stream(ByteStream::Packed(Box::new(packer)), name);
        }
        if self.compress
            && let Some(spooled) = pack::spool(&file, size, kind).map_err(unreadable)?
        {
            meta.compression = Some(lz4(Some(size), false));
            meta.hash = Some(spooled.hash);
            (file, size) = (spooled.file, spooled.size);
        }
        if P::HASH_FIRST && meta.hash.is_none() {
            meta.hash = Some(hash_file(kind, &file, size).map_err(unreadable)?);
        }
        self.whole(Some(file), size, meta, name)
    }

    /// Bytes whose number is known at their end.
    fn stream(&mut self, reader: ByteStream, name: &str) -> Result<Sender, SendError> {
        self.outlet.lend(None);
        self.feed.load(Job::Stream { reader });
        Sender::stream(self.block, self.config).map_err(|error| unsendable::<P>(name, error.to_string()))
    }

    /// Bytes whose number is known.
    fn whole(
        &mut self,
        file: Option<File>,
        size: u64,
        meta: &mut Meta<'_>,
        name: &str,
    ) -> Result<Sender, SendError> {
        meta.size = Some(size);
        let layout =
            Layout::new(size, self.block).map_err(|error| unsendable::<P>(name, error.to_string()))?;
        if self.chooses_copies {
            let loss = self.loss.unwrap_or(LinkEstimate::LOSS);
            self.config.mode = Mode::Repeat { copies: choose::copies(layout.blocks(), loss).max(1) };
        }
        if let Some(file) = file {
            let passes = match self.config.order {
                RepeatOrder::Spread => self.config.mode.copies().saturating_add(1),
                RepeatOrder::Together => 1,
            };
            self.outlet.lend(file.try_clone().ok());
            self.feed.load(Job::File { file, size, passes });
        }
        Ok(Sender::new(layout, self.config))
    }
}

/// What is said of an object that becomes so many bytes of content.
pub(super) const fn lz4(content: Option<u64>, growing: bool) -> Compression {
    Compression { method: CompressionMethod::Lz4, content, growing }
}

pub(super) fn unsendable<P: Profile>(name: &str, reason: String) -> SendError {
    SendError::Unsendable { name: name.to_owned(), profile: P::NAME, reason }
}
