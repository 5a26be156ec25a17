//! The files of the project, found by walking it: what is built, fetched or hidden is left out.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// All files below `folder` that belong to the project, sorted.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            // In a worktree of git `.git` is a file.
            if LEFT_OUT.contains(&&*name) {
                continue;
            }
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Files below `folder` whose name ends in `.EXTENSION`.
pub(crate) fn files_with(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = files(folder)?;
    found.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(found)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

const LEFT_OUT: [&str; 6] = [".git", "target", "corpus", "artifacts", "coverage", "book"];
