//! All tests: with nextest where it is installed, with `cargo test` elsewhere; then the doc tests, which
//! nextest does not run. Peers are set up first.

use super::Context;
use crate::need::{Need, PYTHON, which};
use crate::peers;
use crate::run::Run;

pub(super) const NEEDS: &[Need] = &[PYTHON];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    peers::prepare(&context.workspace, &mut context.tally)?;
    let folder = peers::folder(&context.workspace);
    let tests = if which("cargo-nextest").is_some() {
        let shown = ["--no-fail-fast", "--status-level=slow", "--final-status-level=fail"];
        Run::cargo("nextest").args(["run", "--workspace"]).args(shown)
    } else {
        Run::cargo("test").args(["--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    let tests = tests.env(peers::VARIABLE, folder).run(&mut context.tally);
    let docs = Run::cargo("test").args(["--workspace", "--doc", "--no-fail-fast"]).run(&mut context.tally);
    tests.and(docs)
}
