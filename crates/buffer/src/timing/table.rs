//! [`Table`]: what the probes of a program measured, for people.

use core::fmt;
use core::time::Duration;

use super::{Probe, Stage, Summary, Timed};
use crate::Over;

/// One line of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The layer or stage.
    pub name: &'static str,
    /// `"push"`, `"pull"`, or empty for a stage.
    pub step: &'static str,
    /// What was measured.
    pub times: Summary,
}

/// Whatever holds probes and can tell what they measured: timed layers, stacks of them, stages, and lists of these.
pub trait Timings {
    /// Shows `see` a row for every probe that has measured something, top layer first.
    fn visit(&self, see: &mut dyn FnMut(Row));
}

impl<L, P: Probe> Timings for Timed<L, P> {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        for (step, probe) in [("push", &self.push), ("pull", &self.pull)] {
            if let Some(times) = probe.summary() {
                see(Row { name: self.name(), step, times });
            }
        }
    }
}

impl<P: Probe> Timings for Stage<P> {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        if let Some(times) = self.summary() {
            see(Row { name: self.name(), step: "", times });
        }
    }
}

impl<U: Timings, L: Timings> Timings for Over<U, L> {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        self.upper.visit(see);
        self.lower.visit(see);
    }
}

impl<T: Timings + ?Sized> Timings for &T {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        (**self).visit(see);
    }
}

impl<T: Timings> Timings for [T] {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        for each in self {
            each.visit(see);
        }
    }
}

/// Prints a line for every probe that has measured something; nothing at all when none has.
///
/// ```text
/// layer             calls         min         p50         p99         max       total
/// packet push        1000       31 ns       40 ns     1.02 us     7.31 us    45.10 us
/// ```
#[derive(Clone, Copy)]
pub struct Table<'a>(pub &'a [&'a dyn Timings]);

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        let mut first = true;
        self.0.visit(&mut |row| {
            if result.is_ok() {
                result = if first { header(f) } else { Ok(()) }.and_then(|()| line(f, &row));
                first = false;
            }
        });
        result
    }
}

fn header(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{:<16}{:>12}", "layer", "calls")?;
    for column in ["min", "p50", "p99", "max", "total"] {
        write!(f, "{column:>12}")?;
    }
    Ok(())
}

fn line(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let Row { name, step, times } = row;
    write!(f, "\n{name}")?;
    let mut width = name.chars().count();
    if !step.is_empty() {
        write!(f, " {step}")?;
        width += 1 + step.chars().count();
    }
    write!(f, "{:pad$}{:>12}", "", times.calls, pad = 16_usize.saturating_sub(width))?;
    for time in [times.min, times.p50, times.p99, times.max, times.total] {
        f.write_str("  ")?;
        short(f, time)?;
    }
    Ok(())
}

/// A duration in ten characters, in the unit that suits it.
fn short(f: &mut fmt::Formatter<'_>, time: Duration) -> fmt::Result {
    let nanos = time.as_nanos();
    let (unit, name) = match nanos {
        0..1_000 => return write!(f, "{nanos:>7} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s "),
    };
    write!(f, "{:>4}.{:02} {name}", nanos / unit, nanos % unit * 100 / unit)
}
