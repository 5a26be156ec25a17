//! What an entry of the catalog becomes on a link without a way back: the sender of its blocks, and what reads them.
//!
//! Compressed, it is made on the way where blocks are sent once, and beforehand where they are needed more than once.

use std::fs::File;

use packhorse_link::{Framing, Transport};
use packhorse_transfer::{ControlCodec as _, Layout, Meta, Mode, RepeatOrder, Sender};

use super::Outgoing;
use super::form::{FileForm, Form, Rules};
use crate::SendError;
use crate::catalog::{Entry, EntryKind};
use crate::choose::{self, LinkEstimate};
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
        let rules = Rules {
            kind: P::Codec::HASH,
            compress: self.compress,
            spool_max: if self.config.mode == Mode::Once { 0 } else { u64::MAX },
            hash_max: if P::HASH_FIRST { u64::MAX } else { 0 },
        };
        let form = if entry.kind == EntryKind::Stream {
            if !P::Codec::SESSIONS {
                return Err(unsendable("its length must be known; write it to a file and send that"));
            }
            rules.stdin().map_err(SendError::Threads)?
        } else {
            let (size, file) = entry.open().map_err(unreadable)?;
            rules.file(size, file).map_err(unreadable)?
        };
        match form {
            Form::Empty { size, hash } => {
                meta.hash = Some(hash);
                self.whole(None, size, meta, name)
            }
            Form::Stream(reader, compression) => {
                meta.compression = compression;
                self.stream(reader, name)
            }
            Form::File(FileForm { file, size, hash, compression }) => {
                (meta.hash, meta.compression) = (hash, compression);
                self.whole(Some(file), size, meta, name)
            }
        }
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

pub(super) fn unsendable<P: Profile>(name: &str, reason: String) -> SendError {
    SendError::Unsendable { name: name.to_owned(), profile: P::NAME, reason }
}
