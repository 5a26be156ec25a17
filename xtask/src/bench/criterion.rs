//! Benchmarks that criterion runs inside a crate: `cargo bench`, with only its results shown.

use super::Context;
use crate::counts::Counts;
use crate::run::Run;

/// Pushing headers: those of the native stack, then the buffer's own benchmarks.
pub(super) fn layers(context: &Context) -> anyhow::Result<()> {
    benches_of(context, "packhorse")?;
    benches_of(context, "packhorse-buffer")
}

/// Stuffing, unstuffing, COBS, checks.
pub(super) fn stuffing(context: &Context) -> anyhow::Result<()> {
    benches_of(context, "packhorse-link")
}

/// Rings: one to one, many, fan-out, two processes, round trips, idling. Not by criterion: contenders take turns.
pub(super) fn channel(context: &Context) -> anyhow::Result<()> {
    benches_of(context, "packhorse-channel")
}

/// The fountain code beside the crate it is built on. Not by criterion: the two take turns.
pub(super) fn fountain(context: &Context) -> anyhow::Result<()> {
    benches_of(context, "packhorse-transfer")
}

fn benches_of(context: &Context, name: &str) -> anyhow::Result<()> {
    let benches = &context.workspace.member(name)?.benches;
    anyhow::ensure!(!benches.is_empty(), "{name} has no benchmarks");
    let mut run = Run::cargo("bench").packages([name]);
    for bench in benches {
        run = run.args(["--bench", bench]);
    }
    run.run(&mut Counts::default())
}
