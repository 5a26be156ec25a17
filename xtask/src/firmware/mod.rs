//! The firmware in `examples/firmware`: building it for its processor, starting it in the emulator, measuring it.
//!
//! ```text
//!   build     Debian's rustc with the sources of core; lld
//!   Emulator  qemu-system-arm, the UART on a unix socket, the report through the debugger's channel
//!   size      sections of the ELF file, the stack from a run       `cargo xtask size`
//!   instructions   what a packet costs, from an emulator that counts   `cargo xtask instructions`
//! ```

mod emulator;
mod instructions;
mod size;

use std::path::PathBuf;

pub(crate) use emulator::{Emulator, Report, Uart, connect};
pub(crate) use instructions::main as instructions_main;
pub(crate) use size::{main as size_main, measure as size_table};

use crate::counts::Counts;
use crate::need::{self, LLD, Need, QEMU_ARM, RUSTC_WITH_SOURCES, SYSTEM_RUSTC};
use crate::run::Run;
use crate::workspace::Workspace;

pub(crate) const NEEDS: &[Need] = &[RUSTC_WITH_SOURCES, LLD, QEMU_ARM];

/// The wires that the firmware can be built for.
pub(crate) const PROFILES: [&str; 3] = ["native", "ftag", "rugged"];

/// `rust-lld` under Debian's name; SHA-256 in a loop instead of one after the other, 3 KB less.
const RUSTFLAGS: &str = "-Clinker=ld.lld -Clinker-flavor=ld.lld --cfg sha2_backend_soft=\"compact\"";

const TARGET: &str = "thumbv7m-none-eabi";

/// The programs of one build.
pub(crate) struct Built {
    folder: PathBuf,
}

impl Built {
    /// One of them.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Builds `programs` for a profile with more features, and keeps them under a name of their own.
pub(crate) fn build(
    workspace: &Workspace,
    programs: &[&str],
    features: &[&str],
    tally: &mut Counts,
) -> anyhow::Result<Built> {
    let target = workspace.target.join("firmware");
    cargo_build(workspace, programs, features, "core").run(tally)?;
    let folder = target.join(features.join("-"));
    std::fs::create_dir_all(&folder)?;
    for name in programs {
        std::fs::copy(target.join(TARGET).join("release").join(name), folder.join(name))?;
    }
    Ok(Built { folder })
}

/// The command that builds `programs` with `parts` of the standard library.
pub(crate) fn cargo_build(workspace: &Workspace, programs: &[&str], features: &[&str], parts: &str) -> Run {
    let run = Run::new("cargo")
        .args(["build", "--release", "--target", TARGET, "--no-default-features"])
        .arg(format!("-Zbuild-std={parts}"))
        .args(["--features", &features.join(",")])
        .arg("--manifest-path")
        .arg(workspace.root.join("examples/firmware/Cargo.toml"))
        .arg("--target-dir")
        .arg(workspace.target.join("firmware"))
        .env("RUSTC", SYSTEM_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_THUMBV7M_NONE_EABI_RUSTFLAGS", RUSTFLAGS);
    programs.iter().fold(run, |run, program| run.args(["--bin", program]))
}

/// What `main` functions do first: installs what building and running needs.
pub(crate) fn prepare() -> anyhow::Result<Workspace> {
    need::install(&NEEDS.iter().collect::<Vec<_>>());
    if let Some(missing) = need::missing(NEEDS) {
        anyhow::bail!("{missing}");
    }
    Workspace::load()
}

// The picture that the firmware sends: `picture()`.
include!("../../../examples/firmware/picture.rs");
