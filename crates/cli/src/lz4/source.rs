//! [`Source`]: what is read: a file, a stream that was named, or standard input, which may be either.

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
    /// Taken when it is read.
    file: Option<File>,
    metadata: Metadata,
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
            let cannot = "cannot read standard input";
            let file = stdio::stdin_file().context(cannot)?;
            let metadata = file.metadata().context(cannot)?;
            return Ok(Self { path: None, file: Some(file), metadata });
        };
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let metadata = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            bail!("{} is a folder; `tar c {0} | packhorse lz4` compresses one", path.display());
        }
        Ok(Self { path: Some(path.to_owned()), file: Some(file), metadata })
    }

    /// Bytes that it has, if that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.metadata.is_file().then_some(self.metadata.len())
    }

    /// What the system says of the file that was named.
    pub(crate) fn metadata(&self) -> Option<&Metadata> {
        self.path.as_ref().map(|_| &self.metadata)
    }

    /// Whether `other` is the file that is read, under whatever name.
    pub(crate) fn is(&self, other: &Metadata) -> bool {
        stdio::is_same(&self.metadata, other)
    }

    /// For reading, once. `feeds_stdout`: what is read becomes what is written to standard output.
    ///
    /// # Errors
    /// When the system says nothing about it.
    pub(crate) fn input(&mut self, feeds_stdout: bool) -> anyhow::Result<Input<'static>> {
        let file = self.file.take().context("the input was read already")?;
        if self.metadata.is_file() {
            return Input::file(file).context("cannot read the input");
        }
        let (reader, interrupt) =
            Interruptible::new(file, feeds_stdout).with_context(|| format!("cannot read {}", self.name()))?;
        Ok(Input::Interruptible { reader: Box::new(reader), interrupt: Box::new(move || drop(interrupt)) })
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
