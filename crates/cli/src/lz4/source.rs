//! [`Source`]: what is read: a file, standard input, or standard input that is a file.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use packhorse::compress::Input;

use crate::interrupt::Interruptible;
use crate::stdio;

/// What is read.
pub(crate) struct Source {
    path: Option<PathBuf>,
    /// The file; none for streams.
    file: Option<File>,
    metadata: Option<Metadata>,
}

impl Source {
    /// Opens `path`; `-` or nothing is standard input, a terminal only when it was named.
    ///
    /// # Errors
    /// When there is nothing to read.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        if path.is_none() && io::stdin().is_terminal() {
            bail!("standard input is a terminal; name a file, or - for what you type");
        }
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            let file = stdio::stdin_file().context("cannot read standard input")?;
            let metadata = file.metadata().ok().filter(Metadata::is_file);
            return Ok(Self { path: None, file: metadata.is_some().then_some(file), metadata });
        };
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let metadata = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            bail!("{} is a folder; `tar c {0} | packhorse lz4` compresses one", path.display());
        }
        Ok(Self { path: Some(path.to_owned()), file: Some(file), metadata: Some(metadata) })
    }

    /// Bytes that it has, if that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.metadata.as_ref().filter(|metadata| metadata.is_file()).map(Metadata::len)
    }

    /// What the system says of the file that was named.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref().filter(|_| self.path.is_some())
    }

    /// Whether `other` is the file that was named, under whatever name.
    pub(crate) fn is(&self, other: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        self.metadata().is_some_and(|ours| (ours.dev(), ours.ino()) == (other.dev(), other.ino()))
    }

    /// For reading, once. `feeds_stdout`: what is read becomes what is written to standard output.
    ///
    /// # Errors
    /// When the system says nothing about it.
    pub(crate) fn input(&mut self, feeds_stdout: bool) -> anyhow::Result<Input<'static>> {
        match self.file.take() {
            Some(file) => Input::file(file).context("cannot read the input"),
            None => {
                let (reader, interrupt) =
                    Interruptible::stdin(feeds_stdout).context("cannot read standard input")?;
                Ok(Input::Interruptible {
                    reader: Box::new(reader),
                    interrupt: Box::new(move || drop(interrupt)),
                })
            }
        }
    }

    /// Deletes the file that was named.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn delete(&self) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let delete = || -> io::Result<()> { std::fs::remove_file(path) };
        delete().with_context(|| format!("cannot delete {}", path.display()))
    }

    /// For messages.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".into(), |path| path.display().to_string())
    }

    /// Whether its name says that it is compressed.
    pub(crate) fn is_named_lz4(&self) -> bool {
        self.path.as_ref().and_then(|path| path.extension()).is_some_and(|extension| extension == "lz4")
    }
}
