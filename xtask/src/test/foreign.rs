//! The tests of the lower crates on other processors: s390x (big-endian) and i686 (32-bit), in qemu.
//!
//! Debian's rustc comes with the sources of std, so cargo builds std for any target (`-Zbuild-std`). This
//! is a path for tests only; releases are built with the stable toolchain.

use super::Context;
use crate::need::{I686, Need, QEMU, RUSTC_WITH_SOURCES, S390X, SYSTEM_RUSTC};
use crate::run::Run;
use crate::workspace::Workspace;

pub(super) const NEEDS: &[Need] = &[RUSTC_WITH_SOURCES, S390X, I686, QEMU];

const TARGETS: [&str; 2] = ["s390x-unknown-linux-gnu", "i686-unknown-linux-gnu"];

/// Crates whose tests run there.
const TESTED: [&str; 5] =
    ["packhorse-buffer", "packhorse-link", "packhorse-packet", "packhorse-transfer", "packhorse-embedded"];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    debian_cargo(&context.workspace, "test", "std,panic_unwind", &TARGETS)
        .packages(TESTED)
        .args(["--lib", "--tests", "--no-fail-fast"])
        .env("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER", "s390x-linux-gnu-gcc")
        .env("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER", "qemu-s390x -L /usr/s390x-linux-gnu")
        .env("CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER", "i686-linux-gnu-gcc")
        .env("CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER", "qemu-i386 -L /usr/i686-linux-gnu")
        // An emulated processor is some twenty times slower; the full number of cases runs natively.
        .env("PROPTEST_CASES", "16")
        .run(&mut context.tally)
}

/// A cargo that compiles with Debian's rustc and builds `parts` of std for `targets`.
pub(super) fn debian_cargo(workspace: &Workspace, verb: &str, parts: &str, targets: &[&str]) -> Run {
    // Not locked: what std depends on is not in the project's Cargo.lock.
    let mut run = Run::new("cargo")
        .arg(verb)
        .arg(format!("-Zbuild-std={parts}"))
        .env("RUSTC", SYSTEM_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        // Another compiler would throw away what the stable one built.
        .arg("--target-dir")
        .arg(workspace.target.join("foreign"))
        // The development profile optimises dependencies, and here std is one: compiling it would take longer
        // than running the tests. Nobody debugs what is built here either.
        .args(["--config", "profile.dev.package.\"*\".opt-level=0"])
        .args(["--config", "profile.dev.debug=0"]);
    for target in targets {
        run = run.args(["--target", target]);
    }
    run
}
