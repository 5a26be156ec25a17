//! A short fuzz run of every target: long enough to catch what has just been broken.

use super::Context;
use crate::fuzz;
use crate::need::Need;

pub(super) const NEEDS: &[Need] = fuzz::NEEDS;

/// Seconds for each target.
const SECONDS: u64 = 4;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let targets = fuzz::targets(&context.workspace)?;
    fuzz::run(&context.workspace, &targets, SECONDS, &mut context.tally)
}
