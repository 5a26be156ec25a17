//! rustfmt, on the workspace and on the fuzz targets, which are a workspace of their own. Names the files that differ;
//! `cargo fmt` puts them right.

use super::Context;
use crate::run::Run;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    Run::cargo("fmt").args(["--all", "--check", "--", "-l"]).run(&mut context.tally)?;
    Run::cargo("fmt")
        .args(["--manifest-path", "fuzz/Cargo.toml", "--check", "--", "-l"])
        .run(&mut context.tally)
}
