//! What would be published: all versions agree, and each archive builds by itself.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::bail;

use super::Context;
use crate::run::Run;
use crate::workspace::Member;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let published: Vec<&Member> = context.workspace.published().collect();
    let Some(first) = published.first() else { bail!("no crate is published") };
    if let Some(other) = published.iter().find(|member| member.version != first.version) {
        let (a, b) = (first, other);
        bail!("{} is at {}, {} at {}: they go out together", a.name, a.version, b.name, b.version);
    }
    for member in &published {
        if !member.folder.join("README.md").is_file() {
            bail!("{} has no README.md", member.name);
        }
    }
    let target = context.workspace.target.join("published");
    forget(&published, &target)?;
    let names = published.iter().map(|member| &member.name);
    Run::cargo("package")
        .packages(names)
        .args(["--allow-dirty", "--quiet", "--target-dir"])
        .arg(target.as_os_str())
        .run(&mut context.tally)
}

/// Cargo takes a published version for something that never changes, and keeps what it unpacked and built of it. Here
/// the same version has other contents at every run.
fn forget(published: &[&Member], target: &Path) -> anyhow::Result<()> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(home) = home else { return Ok(()) };
    for registry in ["src", "cache"].into_iter().flat_map(|kind| folders(&home.join("registry").join(kind))) {
        for member in published {
            let unpacked = registry.join(format!("{}-{}", member.name, member.version));
            if unpacked.is_dir() {
                fs::remove_dir_all(&unpacked)?;
            }
            let archive = registry.join(format!("{}-{}.crate", member.name, member.version));
            if archive.is_file() {
                fs::remove_file(&archive)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder; nothing when it does not exist.
fn folders(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect()
}
