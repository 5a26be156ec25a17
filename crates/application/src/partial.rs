//! [`PartialFile`]: a file while it is received, beside the place where it will appear.
//!
//! ```text
//!   .packhorse-<digest of name, size and time>.part       found again by a receiver that comes later
//!   .packhorse-<the same>.journal                         what of it has arrived
//!   .packhorse-<random>.part                              of unknown size, or when nothing is to be kept
//!
//!   appears   renamed, at once and whole; the journal goes
//!   dropped   kept if its journal says what is in it; deleted otherwise
//! ```
//! Two receivers never write to one file: it is locked, and who comes second takes a random name.

use alloc::collections::BTreeSet;
use core::hash::{BuildHasher as _, Hasher as _};
use core::time::Duration;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::RandomState;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use crate::extents::Extents;
use crate::integrity::OrderedHasher;
use crate::journal::Journal;
use crate::name::{PARTIAL_PREFIX, SafePath};

const PART: &str = "part";
const JOURNAL: &str = "journal";

/// By what an object is known again in a later session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Bytes.
    pub(crate) size: u64,
    /// Time of last modification: seconds since 1970, and nanoseconds.
    pub(crate) modified: Option<(i64, u32)>,
    /// Where there is no time.
    pub(crate) hash: Option<[u8; 32]>,
    /// Its bytes are the compressed form of so much content.
    pub(crate) content: Option<u64>,
}

impl Identity {
    /// What is known of an object; none when that is not enough to know it again.
    pub(crate) fn new(
        size: Option<u64>,
        modified: Option<(i64, u32)>,
        hash: Option<[u8; 32]>,
        content: Option<u64>,
    ) -> Option<Self> {
        let hash = if modified.is_some() { None } else { Some(hash?) };
        Some(Self { size: size?, modified, hash, content })
    }

    fn digest(&self, name: &SafePath) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("packhorse partial file 1");
        for component in name.components() {
            hasher.update(component.as_bytes()).update(b"/");
        }
        hasher.update(&self.size.to_be_bytes());
        let (seconds, nanoseconds) = self.modified.unwrap_or_default();
        hasher.update(&[u8::from(self.modified.is_some())]);
        hasher.update(&seconds.to_be_bytes()).update(&nanoseconds.to_be_bytes());
        hasher.update(&self.hash.unwrap_or_default());
        if let Some(content) = self.content {
            hasher.update(&content.to_be_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// A file being received. Dropping it deletes it, unless its journal tells what has arrived.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
    file: File,
    name: SafePath,
    journal: Option<Journal>,
    /// It has its name, or is not to be kept.
    settled: bool,
}

/// Partial files of this process that nobody could go on with, for [`remove_partial_files`].
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Deletes the partial files of this process that no later receiver could go on with, and from now on none is made or gets
/// its name: for a handler of interrupts that is about to end the process.
pub fn remove_partial_files() {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    for path in live.iter() {
        let _ = fs::remove_file(path);
    }
    // Never unlocked: whoever wants to make or name a file waits for the end of the process.
    core::mem::forget(live);
}

impl PartialFile {
    /// Starts, or goes on with, a file that will appear in `folder` as `name`.
    pub(crate) fn begin(folder: &Path, name: SafePath, identity: Option<Identity>) -> io::Result<Self> {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = identity {
            let digest = identity.digest(&name);
            let [a, b, c, d, e, f, g, h, ..] = digest;
            let stem = format!("{PARTIAL_PREFIX}{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]));
            let path = folder.join(format!("{stem}.{PART}"));
            if let Some(file) = claim(&path)? {
                let journal = Journal::new(folder.join(format!("{stem}.{JOURNAL}")), identity.size, digest);
                live.insert(path.clone());
                return Ok(Self { path, file, name, journal: Some(journal), settled: false });
            }
        }
        let (path, file) = random_in(folder)?;
        live.insert(path.clone());
        Ok(Self { path, file, name, journal: None, settled: false })
    }

    /// What an earlier receiver left of it, each byte of it verified; the hasher goes along as far as it can.
    pub(crate) fn restore(&mut self, hasher: &mut OrderedHasher) -> Extents {
        let Some(journal) = &mut self.journal else { return Extents::default() };
        let restored = journal.restore(&self.file, hasher).unwrap_or_else(|error| {
            tracing::warn!(%error, path = %self.path.display(), "the partial file cannot be used");
            Extents::default()
        });
        self.keep();
        restored
    }

    /// Bytes have been written.
    pub(crate) fn note(&mut self, offset: u64, len: u64) {
        if let Some(journal) = &mut self.journal {
            journal.note(offset..offset.saturating_add(len), &self.file);
            self.keep();
        }
    }

    /// Time passes.
    pub(crate) fn tick(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.tick(&self.file);
            self.keep();
        }
    }

    /// Once there is a journal, an interrupt leaves the file.
    fn keep(&self) {
        if self.journal.as_ref().is_some_and(Journal::exists) {
            LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
        }
    }

    /// Gives it its name. False when that name is taken and must not be replaced.
    pub(crate) fn rename(&mut self, path: &Path, replace: bool) -> io::Result<bool> {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        if replace {
            fs::rename(&self.path, path)?;
        } else if !rename_to_free(&self.path, path)? {
            return Ok(false);
        }
        live.remove(&self.path);
        self.settled = true;
        self.remove_journal();
        Ok(true)
    }

    /// Its bytes are wrong, or not needed any more: nobody is to go on with it.
    pub(crate) fn discard(mut self) {
        self.remove();
    }

    /// As [`discard`](Self::discard), where somebody still holds it.
    pub(crate) fn spoil(&mut self) {
        self.remove();
    }

    /// The file, to write at any offset.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The name under which it is to appear.
    #[must_use]
    pub fn name(&self) -> &SafePath {
        &self.name
    }

    fn remove(&mut self) {
        self.settled = true;
        let _ = fs::remove_file(&self.path);
        self.remove_journal();
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }

    fn remove_journal(&self) {
        if let Some(journal) = &self.journal {
            let _ = fs::remove_file(journal.path());
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Some(journal) = &mut self.journal {
            journal.flush(&self.file);
        }
        if self.journal.as_ref().is_some_and(Journal::exists) {
            self.keep();
        } else {
            self.remove();
        }
    }
}

/// Deletes what receivers left in `folder`, and nobody holds, once it is older than `age`.
pub(crate) fn clear(folder: &Path, age: Duration) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_prefix(PARTIAL_PREFIX)) else { continue };
        let Some((_, kind)) = stem.rsplit_once('.') else { continue };
        let old = |path: &Path| {
            let modified = fs::symlink_metadata(path).and_then(|file| file.modified());
            let past = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            past.map_or(true, |past| past >= age)
        };
        let path = entry.path();
        let other = path.with_extension(if kind == PART { JOURNAL } else { PART });
        // The younger of the two counts.
        if !(kind == PART || kind == JOURNAL) || !old(&path) || !old(&other) {
            continue;
        }
        let part = if kind == PART { &path } else { &other };
        let held = OpenOptions::new()
            .write(true)
            .open(part)
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if !held {
            tracing::info!(path = %path.display(), "left by an earlier receiver, and deleted");
            let _ = fs::remove_file(&path);
        }
    }
}

/// Opens the file at `path`, or makes it, for this receiver alone; none when another one has it.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    // A few times: the one that was opened may get its final name before it is locked.
    for _ in 0..3 {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
        let file = match options.open(path) {
            // A link, which may lead anywhere, or a folder.
            Err(error) if is_no_file(&error) => return Ok(None),
            result => result?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // A file system without locks: whoever is alone there can still go on.
            Err(TryLockError::Error(_)) => {}
        }
        let opened = file.metadata()?;
        let there = fs::symlink_metadata(path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (opened.dev(), opened.ino())) {
            return Ok(opened.is_file().then_some(file));
        }
    }
    Ok(None)
}

fn is_no_file(error: &io::Error) -> bool {
    let codes = [rustix::io::Errno::LOOP, rustix::io::Errno::ISDIR].map(rustix::io::Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn random_in(folder: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let name = format!("{PARTIAL_PREFIX}{:016x}.{PART}", RandomState::new().build_hasher().finish());
        let path = folder.join(name);
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => {
                let file = result?;
                // So that it is not taken for one that was left behind.
                let _ = file.try_lock();
                return Ok((path, file));
            }
        }
    }
}

/// Makes sure that files can be made in `folder`.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    random_in(folder).and_then(|(path, _)| fs::remove_file(path))
}

/// False when `to` is taken.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(rustix::io::Errno::EXIST) => return Ok(false),
        // A file system that does not know how.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        Err(errno) => return Err(errno.into()),
    }
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        result => result.and_then(|()| fs::remove_file(from)).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use packhorse_transfer::HashKind;

    use super::*;

    const ID: Option<Identity> =
        Some(Identity { size: 100_000, modified: Some((1, 2)), hash: None, content: None });

    fn name() -> SafePath {
        SafePath::from_wire(b"a/x")
    }

    fn left(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    fn fill(partial: &mut PartialFile, len: usize) {
        partial.file().write_all_at(&vec![5; len], 0).unwrap();
        partial.note(0, len as u64);
    }

    fn restored(partial: &mut PartialFile) -> u64 {
        partial.restore(&mut OrderedHasher::new(HashKind::Blake3)).bytes()
    }

    #[test]
    fn what_was_left_is_found_by_the_same_object_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = PartialFile::begin(folder.path(), name(), ID).unwrap();
        fill(&mut partial, 70_000);
        drop(partial);
        assert_eq!(left(folder.path()), 2);
        let later = Identity { modified: Some((1, 3)), ..ID.unwrap() };
        let mut other = PartialFile::begin(folder.path(), name(), Some(later)).unwrap();
        assert_eq!(restored(&mut other), 0);
        drop(other);
        let mut again = PartialFile::begin(folder.path(), name(), ID).unwrap();
        assert_eq!(restored(&mut again), 70_000);
        assert!(again.rename(&folder.path().join("x"), false).unwrap());
        assert_eq!(left(folder.path()), 1, "the journal goes");
    }

    #[test]
    fn two_receivers_never_write_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = PartialFile::begin(folder.path(), name(), ID).unwrap();
        fill(&mut first, 1000);
        let mut second = PartialFile::begin(folder.path(), name(), ID).unwrap();
        assert_eq!(restored(&mut second), 0);
        assert_ne!(first.path, second.path);
        drop(second);
        assert!(first.path.exists());
    }

    #[test]
    fn nothing_is_left_of_what_cannot_be_known_again_or_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = PartialFile::begin(folder.path(), name(), None).unwrap();
        fill(&mut partial, 1000);
        drop(partial);
        drop(PartialFile::begin(folder.path(), name(), ID).unwrap());
        let mut wrong = PartialFile::begin(folder.path(), name(), ID).unwrap();
        fill(&mut wrong, 1000);
        wrong.discard();
        assert_eq!(left(folder.path()), 0);
        assert_eq!(Identity::new(None, Some((1, 1)), None, None), None);
        assert_eq!(Identity::new(Some(1), None, None, None), None);
    }

    #[test]
    fn the_old_is_cleared_and_the_young_and_the_held_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = PartialFile::begin(folder.path(), name(), ID).unwrap();
        fill(&mut partial, 1000);
        partial.tick();
        fs::write(folder.path().join("precious.part"), "x").unwrap();
        clear(folder.path(), Duration::ZERO);
        assert_eq!(left(folder.path()), 2, "held");
        drop(partial);
        clear(folder.path(), Duration::from_secs(60));
        assert_eq!(left(folder.path()), 3, "young");
        clear(folder.path(), Duration::ZERO);
        assert_eq!(left(folder.path()), 1);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let partial = PartialFile::begin(folder.path(), name(), ID).unwrap();
        let path = partial.path.clone();
        drop(partial);
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), &path).unwrap();
        let mut partial = PartialFile::begin(folder.path(), name(), ID).unwrap();
        fill(&mut partial, 10);
        assert_eq!(outside.as_file().metadata().unwrap().len(), 0);
    }
}
