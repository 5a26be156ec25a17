//! Bad links, one way: wire bytes over file bytes of whole transfers between real processes, and how many arrive.
//!
//! ```text
//!   send | noise | recv                  bytes damaged on a pipe
//!   send --> relay --> recv              datagrams lost between two sockets of this machine
//! ```
//! Every case runs with as many seeds as asked for (20 unless told otherwise); all of them must arrive, for no more bytes
//! than the case allows. Not for speed.

mod case;
mod plot;
mod relay;
mod run;

pub(super) use plot::plot;

use anyhow::ensure;

use super::Context;
use super::pipe::build;
use super::process::{Scratch, random_file};
use crate::report;

const SEEDS: usize = 20;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let packhorse = build(context)?;
    let seeds = context.rounds.unwrap_or(SEEDS).max(1);
    let scratch = Scratch::new("links")?;
    let mut rows = vec![["case", "wire / file", "worst", "at most", "arrived"].map(str::to_owned).to_vec()];
    let mut well = true;
    for case in case::one_way() {
        let file = scratch.path("file");
        random_file(&file, case.size)?;
        let mut costs = Vec::new();
        let mut arrived = 0;
        for seed in 1..=seeds {
            let ended = run::transfer(&packhorse, &scratch, &file, &case, seed as u64)?;
            costs.push(ended.wire / case.bytes());
            arrived += usize::from(ended.arrived);
        }
        let worst = costs.iter().copied().fold(0.0, f64::max);
        let good = arrived == seeds && worst <= case.most;
        well &= good;
        rows.push(vec![
            case.name.clone(),
            format!("{:.3}", super::median(&costs)),
            format!("{worst:.3}"),
            format!("{:.2}", case.most),
            format!("{arrived} of {seeds}{}", if good { "" } else { "  MISSED" }),
        ]);
        println!("  {}", rows.last().map_or(String::new(), |row| row.join("  ")));
    }
    println!("{}", report::table(&rows));
    println!("  headers, announcements and ends included; medians and the worst of {seeds} seeds");
    ensure!(well, "a case costs more than it may, or did not arrive");
    Ok(())
}
