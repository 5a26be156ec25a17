//! Who is compared with: Debian's `lz4`, python's `lz4.frame`, and the program of `lz4` 1.10, which is built from the sources
//! that the crate lz4-sys carries, below `target`, for the benchmark only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::counts::Counts;
use crate::need::{self, LZ4, MAKE, PYTHON};
use crate::peers;
use crate::run::Run;
use crate::workspace::Workspace;

/// Where they are.
pub(super) struct Rivals {
    pub(super) newer: PathBuf,
    pub(super) python: PathBuf,
}

impl Rivals {
    /// Installs and builds what is missing.
    pub(super) fn prepare(workspace: &Workspace) -> anyhow::Result<Self> {
        need::install(&[&LZ4, &MAKE, &PYTHON]);
        if let Some(missing) = need::missing(&[LZ4, MAKE, PYTHON]) {
            bail!("{missing}");
        }
        let mut tally = Counts::default();
        peers::prepare(workspace, &mut tally)?;
        let python = peers::folder(workspace).join("bin").join("python");
        let build = workspace.target.join("lz4-1.10");
        let newer = build.join("programs").join("lz4");
        if !newer.is_file() {
            std::fs::create_dir_all(&build)?;
            let sources = sources()?;
            Run::new("cp").arg("-r").arg(sources.join(".")).arg(&build).run(&mut tally)?;
            Run::new("make").args(["-s", "-C"]).arg(build.join("programs")).arg("lz4").run(&mut tally)?;
        }
        Ok(Self { newer, python })
    }
}

/// The seconds that python needs from file to file, its own start aside.
pub(super) fn python_seconds(python: &Path, plain: &Path, coded: &Path) -> anyhow::Result<f64> {
    let said = Run::new(python).args(["xtask/peers/lz4_frames.py", "time"]).arg(plain).arg(coded).output()?;
    said.trim().parse().with_context(|| format!("python said {said:?}"))
}

/// The folder `liblz4` of the crate lz4-sys.
fn sources() -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo").args(["metadata", "--format-version=1", "--locked"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package["name"] == "lz4-sys")
        .and_then(|package| package["manifest_path"].as_str())
        .context("lz4-sys is no dependency any more")?;
    Ok(Path::new(manifest).parent().context("a manifest is in a folder")?.join("liblz4"))
}
