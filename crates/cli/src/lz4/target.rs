//! [`Target`]: where the result goes. A file appears under its name only when it is whole.
//!
//! ```text
//!   OUT does not exist     .packhorse-....part beside it, renamed at the end; nobody's file is ever replaced
//!   OUT exists, -f         the same, renamed over it
//!   OUT is no file         a device or a named pipe is written as it is
//!   standard output        as it is; a terminal only when asked
//! ```

use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::{self, IoSlice, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::args::Lz4Args;
use super::source::Source;
use crate::signals;
use crate::stdio::{self, Output};

/// Where the result goes.
pub(crate) enum Target {
    /// Nowhere: only whether the input is whole is asked.
    Nowhere,
    /// Standard output.
    Stdout(Output),
    /// Standard output that is a file, which takes many slices at once.
    Redirected(File),
    /// A device or a named pipe.
    Special(File),
    /// A file that is not there yet.
    New {
        /// Where the bytes are until then.
        partial: NamedTempFile,
        /// Its name at the end.
        path: PathBuf,
        /// Whether it may replace one that is there.
        replace: bool,
    },
}

impl Target {
    /// Opens what `args` ask for.
    ///
    /// # Errors
    /// When that exists, is `source`, is a terminal, or cannot be written.
    pub(crate) fn open(args: &Lz4Args, source: &Source, decompress: bool) -> anyhow::Result<Self> {
        if args.test {
            return Ok(Self::Nowhere);
        }
        let terminal = io::stdout().is_terminal();
        let path = match (&args.output, &args.input) {
            (Some(path), _) if path.as_os_str() != "-" => Some(path.clone()),
            (None, Some(input)) if terminal && !args.stdout && input.as_os_str() != "-" => {
                Some(beside(input, decompress)?)
            }
            _ => None,
        };
        let Some(path) = path else {
            let asked = args.stdout || args.force;
            if terminal && !asked {
                bail!("standard output is a terminal; -c writes to it all the same, or name a file");
            }
            return stdout(source);
        };
        Self::file(path, source, args.force)
    }

    fn file(path: PathBuf, source: &Source, replace: bool) -> anyhow::Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        // A link stays a link: what it leads to is written.
        let path = path.canonicalize().unwrap_or_else(|_| lead(path.clone()));
        match path.metadata() {
            Ok(there) if there.is_dir() => bail!("{} is a folder; name a file", path.display()),
            Ok(there) if !there.is_file() => {
                let special = OpenOptions::new().write(true).open(&path).with_context(cannot)?;
                return Ok(Self::Special(special));
            }
            Ok(there) if source.is(&there) => bail!("{} is what is read; name another OUT", path.display()),
            Ok(_) if !replace => bail!("{} exists; -f replaces it", path.display()),
            _ => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let partial = tempfile::Builder::new()
            .prefix(".packhorse-")
            .suffix(".part")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(cannot)?;
        signals::delete_when_interrupted(partial.path());
        Ok(Self::New { partial, path, replace })
    }

    /// Whether `other` is the file that is written, or that the result replaces.
    pub(crate) fn is(&self, other: &Metadata) -> bool {
        let there = match self {
            Self::Nowhere | Self::Stdout(_) => return false,
            Self::Redirected(file) | Self::Special(file) => file.metadata(),
            Self::New { path, .. } => path.metadata(),
        };
        there.is_ok_and(|there| stdio::is_same(&there, other))
    }

    /// Whether what is written is to be told: not in the middle of a pipeline.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::New { .. } | Self::Special(_) | Self::Nowhere)
    }

    /// Whether the result stays when the program ends, whatever becomes of the source.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::New { .. })
    }

    /// All was written: the file gets its name, and what can be taken over from the source. When it is to
    /// `replace_source`, only after it has reached the disk.
    ///
    /// # Errors
    /// When the system refuses, or somebody else made a file of this name meanwhile.
    pub(crate) fn finish(self, source: &Source, replace_source: bool) -> anyhow::Result<()> {
        let Self::New { partial, path, replace } = self else { return Ok(()) };
        if let Some(metadata) = source.metadata() {
            // Who may read it and how old it is are worth keeping, and not worth failing for.
            let _ = partial.as_file().set_permissions(metadata.permissions());
            if let Ok(modified) = metadata.modified() {
                let _ = partial.as_file().set_times(FileTimes::new().set_modified(modified));
            }
        }
        let cannot = || format!("cannot write {}", path.display());
        if replace_source {
            partial.as_file().sync_all().with_context(cannot)?;
        }
        if replace {
            partial.persist(&path).map_err(|error| error.error).with_context(cannot)?;
        } else {
            partial.persist_noclobber(&path).map_err(|error| error.error).with_context(cannot)?;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Nowhere => Ok(slices.iter().map(|slice| slice.len()).sum()),
            Self::Stdout(output) => output.write_vectored(slices),
            Self::Redirected(file) | Self::Special(file) => file.write_vectored(slices),
            Self::New { partial, .. } => partial.as_file_mut().write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where links lead that lead to nothing yet: there the file is made, as `lz4` does.
fn lead(mut path: PathBuf) -> PathBuf {
    // Links in a circle end nowhere.
    for _ in 0..40 {
        let Ok(target) = path.read_link() else { break };
        path = path.parent().map_or(target.clone(), |folder| folder.join(&target));
    }
    path
}

fn stdout(source: &Source) -> anyhow::Result<Target> {
    let output = Output::stdout()?;
    let file = stdio::stdout_file().context("cannot write to standard output")?;
    match file.metadata() {
        // It would read what it wrote, until the disk is full.
        Ok(there) if there.is_file() && source.is(&there) => {
            bail!("standard output is the file that is read; lead it into another one")
        }
        Ok(there) if there.is_file() => Ok(Target::Redirected(file)),
        _ => Ok(Target::Stdout(output)),
    }
}

/// The name that `lz4` would give: `.lz4` more, or less.
fn beside(input: &Path, decompress: bool) -> anyhow::Result<PathBuf> {
    if !decompress {
        let mut name = input.as_os_str().to_owned();
        name.push(".lz4");
        return Ok(name.into());
    }
    match input.extension() {
        Some(extension) if extension == "lz4" => Ok(input.with_extension("")),
        _ => bail!("{} does not end in .lz4; name OUT, or use -c", input.display()),
    }
}
