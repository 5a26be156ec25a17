//! The API documentation, with every warning an error: broken links, missing items.

use super::Context;
use crate::run::Run;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let run = Run::cargo("doc").args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    run.run(&mut context.tally)
}
