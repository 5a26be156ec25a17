//! The firmware in `examples/firmware`: building it for its processor, starting it in the emulator, measuring it.
//!
//! ```text
//!   build     Debian's rustc with the sources of core; lld
//!   Emulator  qemu-system-arm, the UART on a unix socket, the report through the debugger's channel
//!   size      sections of the ELF file, the stack from a run       `cargo xtask size`
//! ```

mod emulator;
mod size;

use std::path::PathBuf;

pub(crate) use emulator::{Emulator, Report, Uart};
pub(crate) use size::{main as size_main, measure as size_table};

use crate::counts::Counts;
use crate::need::{LLD, Need, QEMU_ARM, RUSTC_WITH_SOURCES, SYSTEM_RUSTC};
use crate::run::Run;
use crate::workspace::Workspace;

pub(crate) const NEEDS: &[Need] = &[RUSTC_WITH_SOURCES, LLD, QEMU_ARM];

/// The wires that the firmware can be built for.
pub(crate) const PROFILES: [&str; 3] = ["native", "ftag", "rugged"];

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

/// Builds the programs for a profile with more features, and keeps them under a name of their own.
pub(crate) fn build(workspace: &Workspace, features: &[&str], tally: &mut Counts) -> anyhow::Result<Built> {
    let target = workspace.target.join("firmware");
    Run::new("cargo")
        .args(["build", "--release", "--target", TARGET, "-Zbuild-std=core", "--no-default-features"])
        .args(["--features", &features.join(",")])
        .arg("--manifest-path")
        .arg(workspace.root.join("examples/firmware/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTC", SYSTEM_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_THUMBV7M_NONE_EABI_RUSTFLAGS", "-Clinker=ld.lld -Clinker-flavor=ld.lld")
        .run(tally)?;
    let folder = target.join(features.join("-"));
    std::fs::create_dir_all(&folder)?;
    for name in ["sender", "receiver"] {
        std::fs::copy(target.join(TARGET).join("release").join(name), folder.join(name))?;
    }
    Ok(Built { folder })
}

// The picture that the firmware sends: `picture()`.
include!("../../../examples/firmware/picture.rs");
