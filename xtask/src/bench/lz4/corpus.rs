//! What is compressed: 200 MB of what this machine has, so that nothing has to be fetched: programs, source text, and bytes
//! that do not compress.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Bytes of programs, text and noise.
const PARTS: [u64; 3] = [88_000_000, 72_000_000, 40_000_000];

/// Writes the file and returns its length.
pub(super) fn write(path: &Path) -> anyhow::Result<u64> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let sources = home.context("neither CARGO_HOME nor HOME is set")?.join("registry").join("src");
    let mut out = std::io::BufWriter::with_capacity(1 << 20, File::create(path)?);
    let programs = files(Path::new("/usr/bin"), &|path| is_program(path))?;
    let text = files(&sources, &|path| path.extension().is_some_and(|extension| extension == "rs"))?;
    let mut written = 0;
    for (files, most) in [(programs, PARTS[0]), (text, PARTS[1])] {
        let before = written;
        for file in files {
            let left = most - (written - before);
            // No file makes up a large share.
            let taken = std::io::copy(&mut File::open(file)?.take(left.min(8_000_000)), &mut out)?;
            written += taken;
            if written - before == most {
                break;
            }
        }
    }
    ensure!(written > 50_000_000, "this machine has only {written} bytes of programs and sources");
    out.flush()?;
    drop(out);
    let noise = path.with_extension("noise");
    super::super::process::random_file(&noise, PARTS[2])?;
    let mut all = fs::OpenOptions::new().append(true).open(path)?;
    written += std::io::copy(&mut File::open(&noise)?, &mut all)?;
    fs::remove_file(noise)?;
    Ok(written)
}

/// Files below `folder` that are wanted, in the order of their names.
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && wanted(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_program(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7FELF"
}
