//! `cargo xtask simulate`: whole transfers in virtual time, a million unless told otherwise, on all cores.

use core::time::Duration;

use crate::counts::Counts;
use crate::run::Run;
use crate::workspace::Workspace;
use crate::{Usage, parse_number, take_flag, take_option};

/// Longest run: a night.
const LIMIT: Duration = Duration::from_secs(12 * 3600);

/// `cargo xtask simulate`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    let mut args = args.to_vec();
    let seeds = take_option(&mut args, "--seeds")?;
    let seeds: u64 = seeds.map_or(Ok(1_000_000), |text| parse_number("--seeds", &text))?;
    let from = take_option(&mut args, "--from")?;
    let from: u64 = from.map_or(Ok(0), |text| parse_number("--from", &text))?;
    let release = take_flag(&mut args, "--release");
    if let Some(unknown) = args.first() {
        return Err(Usage(format!("simulate does not know {unknown:?}")).into());
    }
    let workspace = Workspace::load()?;
    let mut run = Run::new("cargo").args(["run", "--quiet"]).folder(&workspace.root).limit(LIMIT);
    if release {
        run = run.arg("--release");
    }
    run.args(["-p", "packhorse-testkit", "--features", "simulation", "--example", "simulate", "--"])
        .arg(from.to_string())
        .arg(seeds.to_string())
        .run(&mut Counts::default())?;
    Ok(true)
}
