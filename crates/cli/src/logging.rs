//! What the layers log, for those who ask for it with RUST_LOG; to standard error.

use std::env;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::screen;

/// Starts logging when RUST_LOG asks for it. Without it nothing is set up, and logging costs next to nothing.
pub(crate) fn start() -> anyhow::Result<()> {
    let Some(wanted) = env::var_os("RUST_LOG").filter(|wanted| !wanted.is_empty()) else {
        return Ok(());
    };
    let wanted = wanted.to_string_lossy();
    let filter = EnvFilter::builder().parse(&wanted).with_context(|| {
        format!("RUST_LOG is '{wanted}', which is not a filter; write e.g. RUST_LOG=debug")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| screen::Log)
        .with_ansi(std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
        .init();
    Ok(())
}
