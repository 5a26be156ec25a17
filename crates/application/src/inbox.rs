//! The receive folder: files appear in it under their names only when whole and verified.
//!
//! ```text
//!   begin      .packhorse-*.part   beside the final name, mode 600; what an earlier receiver left of it is found
//!   write      bytes land at their offsets, in any order
//!   commit     mode and time, fsync, rename to the final name, fsync of the folder
//!   drop       an uncommitted partial file is deleted, or kept for a later receiver: see `partial`
//! ```
//! Clones are the same inbox: several links can receive into it at once.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::hash::BuildHasher as _;
use core::time::Duration;
use std::collections::HashSet;
use std::fs::{self, File, FileTimes, Permissions};
use std::hash::RandomState;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::name::SafePath;
use crate::partial::{self, Identity, PartialFile};

/// Most folders whose modes and times are remembered until the end.
const FOLDERS_MAX: usize = 65_536;

/// What happens to a file that is already there when one of the same name arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced, at once and whole, as `cp` does.
    #[default]
    Replace,
    /// It stays; the new one gets a number: `photo (2).jpg`.
    Number,
}

/// Why the receive folder could not take an object.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The folder cannot be created or written.
    #[error("cannot write to {}: {source}; choose another folder or free some space", path.display())]
    Unwritable {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A symbolic link stands where the object's folder should be.
    #[error("{} is a symbolic link and may lead out of the receive folder; remove it and receive again", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
}

/// What happens to files that did not arrive whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// They are deleted.
    #[default]
    Never,
    /// They are kept, with a journal of what has arrived, and a later receiver goes on from there. What is older than so
    /// long is deleted.
    Within(Duration),
}

/// A folder that receives objects.
#[derive(Clone, Debug)]
pub struct Inbox {
    root: PathBuf,
    existing: Existing,
    resume: Resume,
    shared: Arc<Mutex<Shared>>,
}

/// What all clones of an inbox have in common.
#[derive(Debug, Default)]
struct Shared {
    /// Digests of the names given to objects of this run: none is replaced by a later object.
    delivered: HashSet<u64>,
    digests: RandomState,
    /// Folders received, to be given their modes and times when everything in them is written.
    folders: BTreeMap<SafePath, Attributes>,
    /// Folders in which was looked for what earlier receivers left.
    cleared: BTreeSet<PathBuf>,
}

/// Mode and time of an object, as far as the sender told them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits; only the lowest nine are used.
    pub mode: Option<u32>,
    /// Time of last modification: seconds since 1970, and nanoseconds.
    pub modified: Option<(i64, u32)>,
}

impl Inbox {
    /// Opens the folder, creating it when missing, and makes sure that files can be written there.
    ///
    /// # Errors
    /// When the folder cannot be created or written.
    pub fn open(root: &Path, existing: Existing) -> Result<Self, InboxError> {
        let unwritable = |source| InboxError::Unwritable { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(unwritable)?;
        partial::probe(root).map_err(unwritable)?;
        let shared = Arc::default();
        Ok(Self { root: root.to_owned(), existing, resume: Resume::Never, shared })
    }

    /// The same, with what happens to files that did not arrive whole.
    #[must_use]
    pub fn resuming(mut self, resume: Resume) -> Self {
        self.resume = resume;
        let root = self.root.clone();
        self.clear(&root);
        self
    }

    /// Starts a file that will appear as `name`.
    ///
    /// # Errors
    /// When its folder cannot be made or written.
    pub fn begin(&mut self, name: SafePath) -> Result<PartialFile, InboxError> {
        self.go_on(name, None)
    }

    /// Starts a file that will appear as `name`, or goes on with what an earlier receiver left of it.
    pub(crate) fn go_on(
        &mut self,
        name: SafePath,
        identity: Option<Identity>,
    ) -> Result<PartialFile, InboxError> {
        let folder = self.make_folders(&name.components()[..name.components().len() - 1])?;
        self.clear(&folder);
        let identity = identity.filter(|_| self.resume != Resume::Never);
        PartialFile::begin(&folder, name, identity)
            .map_err(|source| InboxError::Unwritable { path: folder, source })
    }

    /// Lets a whole and verified file appear. Returns the path under which it did.
    ///
    /// # Errors
    /// When the system refuses; nothing then stands under the name that was not there before.
    pub fn commit(
        &mut self,
        mut partial: PartialFile,
        attributes: Attributes,
    ) -> Result<PathBuf, InboxError> {
        let wanted = partial.name().clone();
        let mut name = self.free_name(&wanted);
        let mut path = self.root.join(name.to_path());
        let refused = |path: &Path, source| InboxError::Unwritable { path: path.to_owned(), source };
        let unwritable = |source| refused(&path, source);
        let file = partial.file();
        let mode = attributes.mode.unwrap_or(0o644) & 0o777;
        file.set_permissions(Permissions::from_mode(mode)).map_err(unwritable)?;
        if let Some(times) = file_times(attributes.modified) {
            file.set_times(times).map_err(unwritable)?;
        }
        file.sync_all().map_err(unwritable)?;
        loop {
            match partial.rename(&path, self.existing == Existing::Replace) {
                Ok(true) => break,
                // Somebody else was faster.
                Ok(false) => {
                    name = self.free_name(&wanted);
                    path = self.root.join(name.to_path());
                }
                Err(error) => return Err(refused(&path, error)),
            }
        }
        if let Some(folder) = path.parent() {
            // A file system that cannot sync a folder has still renamed.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(path)
    }

    /// Makes a received folder; its mode and time are set by [`close`](Self::close).
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&mut self, name: SafePath, attributes: Attributes) -> Result<PathBuf, InboxError> {
        let path = self.make_folders(name.components())?;
        let mut shared = self.shared();
        if shared.folders.len() < FOLDERS_MAX {
            shared.folders.entry(name).or_insert(attributes);
        }
        Ok(path)
    }

    /// Gives the received folders their modes and times, the innermost first.
    ///
    /// # Errors
    /// The last one for which the system refused; all others have theirs.
    pub fn close(&mut self) -> Result<(), InboxError> {
        let mut result = Ok(());
        let folders = core::mem::take(&mut self.shared().folders);
        // A folder sorts before what is in it. One that cannot be changed does not keep the others from it.
        for (name, attributes) in folders.into_iter().rev() {
            let path = self.root.join(name.to_path());
            if let Err(source) = apply(&path, attributes) {
                result = Err(InboxError::Unwritable { path, source });
            }
        }
        result
    }

    /// A name that nothing has that must stay, and that is this object's from now on.
    fn free_name(&self, wanted: &SafePath) -> SafePath {
        let mut shared = self.shared();
        let mut claim = |name: &SafePath| {
            let path = self.root.join(name.to_path());
            let digest = shared.digests.hash_one(name);
            let taken = match fs::symlink_metadata(&path) {
                Ok(there) => there.is_dir() || self.existing == Existing::Number,
                Err(_) => false,
            };
            !taken && shared.delivered.insert(digest)
        };
        if claim(wanted) {
            return wanted.clone();
        }
        (2..).map(|number| wanted.numbered(number)).find(claim).unwrap_or_else(|| wanted.clone())
    }

    /// Deletes what receivers left in `folder` too long ago; once a run.
    fn clear(&self, folder: &Path) {
        if let Resume::Within(age) = self.resume
            && self.shared().cleared.insert(folder.to_owned())
        {
            partial::clear(folder, age);
        }
    }

    /// A thread that panicked here leaves all of it consistent.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_folders(&self, components: &[String]) -> Result<PathBuf, InboxError> {
        let mut path = self.root.clone();
        for component in components {
            path.push(component);
            match fs::symlink_metadata(&path) {
                Ok(there) if there.is_symlink() => return Err(InboxError::Link { path }),
                Ok(there) if there.is_dir() => {}
                Ok(_) => {
                    let source = io::Error::new(io::ErrorKind::NotADirectory, "a file is in the way");
                    return Err(InboxError::Unwritable { path, source });
                }
                Err(_) => match fs::create_dir(&path) {
                    // Another link made it.
                    Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(InboxError::Unwritable { path, source });
                    }
                    _ => {}
                },
            }
        }
        Ok(path)
    }
}

fn apply(path: &Path, attributes: Attributes) -> io::Result<()> {
    let folder = File::open(path)?;
    if let Some(times) = file_times(attributes.modified) {
        folder.set_times(times)?;
    }
    match attributes.mode {
        Some(mode) => folder.set_permissions(Permissions::from_mode(mode & 0o777)),
        None => Ok(()),
    }
}

/// Times that this system can represent; others are left as they are.
fn file_times(modified: Option<(i64, u32)>) -> Option<FileTimes> {
    let (seconds, nanoseconds) = modified?;
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)?
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)?
    };
    let time = second.checked_add(Duration::from_nanos(u64::from(nanoseconds.min(999_999_999))))?;
    Some(FileTimes::new().set_modified(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    fn name(text: &str) -> SafePath {
        SafePath::from_wire(text.as_bytes())
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_committed() {
        let root = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::open(root.path(), Existing::Replace).unwrap();
        let partial = inbox.begin(name("x")).unwrap();
        assert!(!root.path().join("x").exists());
        drop(partial);
        assert!(files(root.path()).is_empty(), "a dropped partial file leaves nothing");

        let partial = inbox.begin(name("x")).unwrap();
        partial.file().write_all(b"whole").unwrap();
        let attributes = Attributes { mode: Some(0o4751), modified: Some((1_000_000_000, 5)) };
        let path = inbox.commit(partial, attributes).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o751, "no set-user-id bit from the wire");
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (1_000_000_000, 5));
        assert_eq!(files(root.path()), ["x"]);
    }

    #[test]
    fn objects_of_one_run_never_replace_each_other() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x.txt"), "old").unwrap();
        let mut inbox = Inbox::open(root.path(), Existing::Replace).unwrap();
        for _ in 0..2 {
            let partial = inbox.begin(name("x.txt")).unwrap();
            inbox.commit(partial, Attributes::default()).unwrap();
        }
        assert_eq!(files(root.path()), ["x (2).txt", "x.txt"]);
        assert_eq!(fs::read(root.path().join("x.txt")).unwrap(), b"");

        let mut inbox = Inbox::open(root.path(), Existing::Number).unwrap();
        let partial = inbox.begin(name("x.txt")).unwrap();
        assert!(inbox.commit(partial, Attributes::default()).unwrap().ends_with("x (3).txt"));
    }

    #[test]
    fn a_link_inside_the_folder_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("d")).unwrap();
        let mut inbox = Inbox::open(root.path(), Existing::Replace).unwrap();
        assert!(matches!(inbox.begin(name("d/x")), Err(InboxError::Link { .. })));
        assert!(files(outside.path()).is_empty());
    }

    #[test]
    fn folders_get_mode_and_time_after_their_contents() {
        let root = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::open(root.path(), Existing::Replace).unwrap();
        let attributes = Attributes { mode: Some(0o555), modified: Some((77, 0)) };
        inbox.folder(name("a"), attributes).unwrap();
        inbox.folder(name("a/b"), attributes).unwrap();
        let partial = inbox.begin(name("a/b/x")).unwrap();
        inbox.commit(partial, Attributes::default()).unwrap();
        inbox.close().unwrap();
        for folder in ["a", "a/b"] {
            let metadata = fs::metadata(root.path().join(folder)).unwrap();
            assert_eq!((metadata.mode() & 0o777, metadata.mtime()), (0o555, 77), "{folder}");
        }
    }
}
