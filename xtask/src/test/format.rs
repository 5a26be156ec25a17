//! rustfmt, on the workspace and on those that are workspaces of their own: the fuzz targets, the firmware, a peer of the
//! benchmarks. Names the files that differ; `cargo fmt` puts them right.

use super::Context;
use crate::run::Run;

const OWN_WORKSPACES: [&str; 3] =
    ["fuzz/Cargo.toml", "examples/firmware/Cargo.toml", "xtask/peers/iceoryx2/Cargo.toml"];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    Run::cargo("fmt").args(["--all", "--check", "--", "-l"]).run(&mut context.tally)?;
    for manifest in OWN_WORKSPACES {
        Run::cargo("fmt")
            .args(["--manifest-path", manifest, "--check", "--", "-l"])
            .run(&mut context.tally)?;
    }
    Ok(())
}
