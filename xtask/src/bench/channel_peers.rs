//! Channels between two processes beside iceoryx2, in a workspace of its own below `xtask/peers`: iceoryx2 needs libclang to
//! build, and nothing else here does.

use super::Context;
use crate::counts::Counts;
use crate::need::{self, LIBCLANG};
use crate::run::Run;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    need::install(&[&LIBCLANG]);
    if let Some(missing) = need::missing(&[LIBCLANG]) {
        anyhow::bail!("{missing}");
    }
    let mut run = Run::new("cargo")
        .args(["run", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(context.workspace.root.join("xtask/peers/iceoryx2/Cargo.toml"))
        .env("CARGO_TARGET_DIR", context.workspace.target.join("iceoryx2"));
    if let Some(rounds) = context.rounds {
        run = run.args(["--", &rounds.to_string()]);
    }
    run.run(&mut Counts::default())
}
