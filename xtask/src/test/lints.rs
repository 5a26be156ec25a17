//! Clippy with warnings denied: everything as built by default, everything with all features, and the lower
//! crates one by one without their default features, since features of one crate hide what another lacks.

use super::Context;
use super::manifest::{ALLOC, LOWER};
use crate::run::Run;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let deny = ["--", "-D", "warnings"];
    let tally = &mut context.tally;
    Run::cargo("clippy").args(["--workspace", "--all-targets"]).args(deny).run(tally)?;
    Run::cargo("clippy").args(["--workspace", "--all-targets", "--all-features"]).args(deny).run(tally)?;
    for name in LOWER {
        Run::cargo("clippy").packages([name]).arg("--no-default-features").args(deny).run(tally)?;
        if context.workspace.member(name)?.features.iter().any(|feature| feature == ALLOC) {
            let alloc = ["--no-default-features", "--features", ALLOC];
            Run::cargo("clippy").packages([name]).args(alloc).args(deny).run(tally)?;
        }
    }
    // Each crate by itself, as a user of only that crate builds it.
    for member in context.workspace.published() {
        Run::cargo("check").packages([&member.name]).run(tally)?;
    }
    Ok(())
}
