//! All tests: with nextest where it is installed, with `cargo test` elsewhere; then the doc tests, which
//! nextest does not run; then the tests of what few switch on, each by itself.

use anyhow::bail;

use super::Context;
use crate::counts::Counts;
use crate::need::which;
use crate::run::Run;

/// Features that the workspace does not build by default and that change what the tests see: crate, whether with
/// its default features, others.
const VARIANTS: [(&str, bool, &str); 4] = [
    ("packhorse-buffer", true, "poison,bytes,tracing"),
    ("packhorse-link", false, ""),
    ("packhorse-link", false, "crc-small"),
    ("packhorse-link", false, "crc-large"),
];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let mut results = Vec::new();
    let tests = if which("cargo-nextest").is_some() {
        let shown = ["--no-fail-fast", "--status-level=slow", "--final-status-level=fail"];
        Run::new("cargo").args(["nextest", "run", "--locked", "--workspace"]).args(shown)
    } else {
        Run::cargo("test").args(["--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
    };
    results.push(counted(tests, &mut context.tally));
    let docs = Run::cargo("test").args(["--workspace", "--doc", "--no-fail-fast"]);
    results.push(counted(docs, &mut context.tally));
    for (name, by_default, features) in VARIANTS {
        let mut tests = Run::cargo("test").packages([name]);
        if !by_default {
            tests = tests.arg("--no-default-features");
        }
        if !features.is_empty() {
            tests = tests.args(["--features", features]);
        }
        let tests = tests.args(["--lib", "--tests", "--no-fail-fast"]);
        // What must not compile does not depend on features, and takes a build of its own to say so.
        let tests = tests.args(["--", "--skip", "does_not_compile"]);
        results.push(counted(tests, &mut context.tally));
    }
    // All have run; the first failure is the one that is told.
    results.into_iter().collect()
}

/// Runs tests; that there are none is a failure: a filter or a line that is no longer read hides them all.
fn counted(run: Run, tally: &mut Counts) -> anyhow::Result<()> {
    let line = run.line();
    let mut own = Counts::default();
    let result = run.run(&mut own);
    *tally += own;
    result?;
    if own.passed == 0 {
        bail!("`{line}` ran no test");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_tests_fails() {
        let mut tally = Counts::default();
        let run = |line: &str| Run::new("echo").arg(line);
        assert!(counted(run("test result: ok. 0 passed; 0 failed; 0 ignored"), &mut tally).is_err());
        assert!(counted(run("test result: ok. 2 passed; 0 failed; 0 ignored"), &mut tally).is_ok());
        assert_eq!(tally.passed, 2);
    }
}
