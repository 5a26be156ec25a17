//! What to send: turns the paths that a person named into objects, walking folders lazily.
//!
//! A folder comes before what is in it. Only one listing per depth is held, whatever the tree's size.

use alloc::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use packhorse_transfer::ObjectKind;

/// What kind of object an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder: only its name, mode and time travel.
    Folder,
    /// Bytes from standard input, of unknown length.
    Stream,
}

/// One object to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies; `-` for a stream.
    pub path: PathBuf,
    /// Its name on the wire: relative, `/`-separated.
    pub name: String,
    /// File, folder or stream.
    pub kind: EntryKind,
    /// Bytes, for files.
    pub size: u64,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Time of last modification: seconds since 1970 and nanoseconds.
    pub modified: Option<(i64, u32)>,
}

impl From<EntryKind> for ObjectKind {
    fn from(kind: EntryKind) -> Self {
        match kind {
            EntryKind::File => Self::File,
            EntryKind::Folder => Self::Folder,
            EntryKind::Stream => Self::Stream,
        }
    }
}

impl Entry {
    /// The file, and its size at this moment; of a folder neither.
    pub(crate) fn open(&self) -> io::Result<(u64, Option<File>)> {
        if self.kind == EntryKind::Folder {
            return Ok((0, None));
        }
        let file = File::open(&self.path)?;
        let size = file.metadata()?.len();
        // Files that the system makes up say 0 and have more.
        if size == 0 && file.read_at(&mut [0], 0)? > 0 {
            let advice = "its size is not known beforehand; send what it holds: packhorse send - < FILE";
            return Err(io::Error::other(advice));
        }
        Ok((size, Some(file)))
    }
}

/// Why something that was asked for is not sent.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The path cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// What was named or found.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two of the named paths would arrive under one name.
    #[error("two paths would arrive as '{name}'; send them one by one with --name, or put them into folders")]
    SameName {
        /// The name that they share.
        name: String,
    },
    /// `--name` with more than one path.
    #[error("--name gives one object its name, but {count} paths are to be sent; send them one by one")]
    OneNameForMany {
        /// Paths named.
        count: usize,
    },
    /// Neither file nor folder.
    #[error("{} is not a file or a folder; to send what it yields: packhorse send - < {0}", path.display())]
    Special {
        /// What was named.
        path: PathBuf,
    },
}

/// The objects below the named paths, in order.
#[derive(Debug)]
pub struct Catalog {
    /// Named on the command line, not yet visited, last first.
    roots: Vec<(PathBuf, String)>,
    /// Folders being walked, outermost first; each with its entries not yet visited, last first.
    open: Vec<(PathBuf, String, Vec<OsString>)>,
    /// Symbolic links and special files that were passed over.
    passed_over: u64,
    count: Option<u32>,
}

impl Catalog {
    /// The objects below `paths`; `-` is standard input. `name` replaces the name of the only path.
    ///
    /// # Errors
    /// When a path does not exist, names clash, or `name` is given for several paths.
    pub fn new(paths: &[PathBuf], name: Option<&str>) -> Result<Self, CatalogError> {
        if name.is_some() && paths.len() != 1 {
            return Err(CatalogError::OneNameForMany { count: paths.len() });
        }
        let mut taken = BTreeSet::new();
        let mut files_only = true;
        let mut roots = Vec::with_capacity(paths.len());
        for path in paths {
            let arriving = match name {
                Some(name) => name.to_owned(),
                None => top_name(path)?,
            };
            if !taken.insert(arriving.clone()) {
                return Err(CatalogError::SameName { name: arriving });
            }
            // Found out before anything is sent.
            if path.as_os_str() != "-" {
                let unreadable = |source| CatalogError::Unreadable { path: path.clone(), source };
                files_only &= !fs::metadata(path).map_err(unreadable)?.is_dir();
            }
            roots.push((path.clone(), arriving));
        }
        roots.reverse();
        let count = if files_only { u32::try_from(roots.len()).ok() } else { None };
        Ok(Self { roots, open: Vec::new(), passed_over: 0, count })
    }

    /// How many objects there are, when that is known without walking folders.
    #[must_use]
    pub fn count_known(&self) -> Option<u32> {
        self.count
    }

    /// Symbolic links and special files inside folders that were not sent.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    fn visit(&mut self, path: PathBuf, name: String, named: bool) -> Option<Result<Entry, CatalogError>> {
        if named && path.as_os_str() == "-" {
            let kind = EntryKind::Stream;
            return Some(Ok(Entry { path, name, kind, size: 0, mode: None, modified: None }));
        }
        // A link that was named is followed; one that was found is not: it may lead anywhere.
        let metadata = if named { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(source) => return Some(Err(CatalogError::Unreadable { path, source })),
        };
        if metadata.is_dir() {
            match listing(&path) {
                Ok(children) => self.open.push((path.clone(), name.clone(), children)),
                Err(source) => return Some(Err(CatalogError::Unreadable { path, source })),
            }
            Some(Ok(entry(path, name, EntryKind::Folder, &metadata)))
        } else if metadata.is_file() {
            Some(Ok(entry(path, name, EntryKind::File, &metadata)))
        } else if named {
            Some(Err(CatalogError::Special { path }))
        } else {
            tracing::warn!(path = %path.display(), "passed over: neither a file nor a folder");
            self.passed_over += 1;
            None
        }
    }
}

impl Iterator for Catalog {
    type Item = Result<Entry, CatalogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.open.last().is_some_and(|(_, _, children)| children.is_empty()) {
                self.open.pop();
            }
            let (path, name, named) = if let Some((folder, prefix, children)) = self.open.last_mut() {
                let child = children.pop()?;
                let text = child.to_string_lossy();
                let name = if prefix.is_empty() { text.into_owned() } else { format!("{prefix}/{text}") };
                (folder.join(&child), name, false)
            } else {
                let (path, name) = self.roots.pop()?;
                (path, name, true)
            };
            if let Some(item) = self.visit(path, name, named) {
                return Some(item);
            }
        }
    }
}

fn top_name(path: &Path) -> Result<String, CatalogError> {
    if path.as_os_str() == "-" {
        return Ok("stdin".to_owned());
    }
    // `.` and `..` have no name of their own; the folder they stand for has.
    let named = match path.file_name() {
        Some(name) => Some(name.to_owned()),
        None => fs::canonicalize(path)
            .map_err(|source| CatalogError::Unreadable { path: path.to_owned(), source })?
            .file_name()
            .map(ToOwned::to_owned),
    };
    Ok(named.map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned()))
}

/// Names in a folder, sorted backwards so that `pop` gives the first.
fn listing(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

fn entry(path: PathBuf, name: String, kind: EntryKind, metadata: &Metadata) -> Entry {
    Entry {
        path,
        name,
        kind,
        size: if kind == EntryKind::File { metadata.len() } else { 0 },
        mode: Some(metadata.permissions().mode() & 0o777),
        modified: Some((metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[PathBuf], name: Option<&str>) -> Vec<String> {
        Catalog::new(paths, name).unwrap().map(|entry| entry.unwrap().name).collect()
    }

    #[test]
    fn a_folder_comes_before_what_is_in_it_and_links_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("tree");
        fs::create_dir_all(tree.join("b/empty")).unwrap();
        fs::write(tree.join("a.txt"), "a").unwrap();
        fs::write(tree.join("b/c.txt"), "c").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tree.join("link")).unwrap();
        let mut catalog = Catalog::new(core::slice::from_ref(&tree), None).unwrap();
        let found: Vec<String> = catalog.by_ref().map(|entry| entry.unwrap().name).collect();
        assert_eq!(found, ["tree", "tree/a.txt", "tree/b", "tree/b/c.txt", "tree/b/empty"]);
        assert_eq!(catalog.passed_over(), 1);
        assert_eq!(names(&[tree], Some("other"))[1], "other/a.txt");
    }

    #[test]
    fn names_that_would_clash_are_refused_before_anything_is_sent() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a/x"), root.path().join("b/x"));
        fs::create_dir_all(&a).unwrap();
        fs::create_dir_all(&b).unwrap();
        let clash = Catalog::new(&[a, b], None);
        assert!(matches!(clash, Err(CatalogError::SameName { name }) if name == "x"));
        let many = Catalog::new(&["a".into(), "b".into()], Some("c"));
        assert!(matches!(many, Err(CatalogError::OneNameForMany { count: 2 })));
    }

    #[test]
    fn a_missing_path_is_an_error_that_names_it() {
        let error = Catalog::new(&["/nonexistent/file".into()], None).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/file"));
    }
}
