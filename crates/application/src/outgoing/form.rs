//! [`Form`]: what an entry of the catalog is sent as: its bytes as they are, or a compressed form of them.
//!
//! ```text
//!   stream                as it comes, compressed on the way or not
//!   file                  as it is, its hash beforehand or at the end
//!   compressed, short     made beforehand, in a file without a name; as it is where that gains nothing
//!   compressed, long      made on the way, as a stream
//! ```
//! Not how blocks of it are read: see `open` and `session`.

use std::fs::File;
use std::io;

use packhorse_transfer::{Compression, CompressionMethod, HashKind};

use crate::integrity::{Hasher, hash_file};
use crate::pack::{self, Packer};
use crate::slab_reader::ByteStream;

/// What an entry is sent as.
pub(super) enum Form {
    /// No bytes: a folder, or an empty file.
    Empty { size: u64, hash: [u8; 32] },
    /// Bytes whose number is known at their end.
    Stream(ByteStream, Option<Compression>),
    /// The first bytes of a file.
    File(FileForm),
}

/// The first `size` bytes of a file.
pub(super) struct FileForm {
    pub(super) file: File,
    pub(super) size: u64,
    /// The hash of the content, where it is known beforehand.
    pub(super) hash: Option<[u8; 32]>,
    /// Set where the file is the compressed form of another one, and has no name.
    pub(super) compression: Option<Compression>,
}

/// Which form suits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) kind: HashKind,
    pub(super) compress: bool,
    /// Longer files are compressed on the way.
    pub(super) spool_max: u64,
    /// Files up to this size are hashed beforehand.
    pub(super) hash_max: u64,
}

impl Rules {
    /// Of standard input.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(super) fn stdin(&self) -> io::Result<Form> {
        if !self.compress {
            return Ok(Form::Stream(ByteStream::Plain(Box::new(io::stdin())), None));
        }
        let packer = Packer::stream(io::stdin(), self.kind)?;
        Ok(Form::Stream(ByteStream::Packed(Box::new(packer)), Some(lz4(None, true))))
    }

    /// Of the first `size` bytes of a file, if there are any.
    ///
    /// # Errors
    /// When it cannot be read, or there is no place for its compressed form.
    pub(super) fn file(&self, size: u64, file: Option<File>) -> io::Result<Form> {
        let Some(file) = file.filter(|_| size > 0) else {
            return Ok(Form::Empty { size, hash: Hasher::new(self.kind).finish() });
        };
        if self.compress && size > self.spool_max {
            let packer = Packer::file(file, size, self.kind)?;
            return Ok(Form::Stream(ByteStream::Packed(Box::new(packer)), Some(lz4(Some(size), true))));
        }
        if self.compress
            && let Some(spooled) = pack::spool(&file, size, self.kind)?
        {
            let (hash, compression) = (Some(spooled.hash), Some(lz4(Some(size), false)));
            return Ok(Form::File(FileForm { file: spooled.file, size: spooled.size, hash, compression }));
        }
        let hash = if size <= self.hash_max { Some(hash_file(self.kind, &file, size)?) } else { None };
        Ok(Form::File(FileForm { file, size, hash, compression: None }))
    }
}

/// What is said of an object that becomes so many bytes of content.
const fn lz4(content: Option<u64>, growing: bool) -> Compression {
    Compression { method: CompressionMethod::Lz4, content, growing }
}
