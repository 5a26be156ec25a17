//! `cargo xtask fuzz`: coverage-guided fuzzing of the targets in `fuzz/`.
//!
//! ```text
//!   fuzz/corpus/TARGET           committed seeds, small; `cargo test` replays them
//!   target/fuzz/corpus/TARGET    what the fuzzer finds; copy the few that matter into the seeds
//!   fuzz/artifacts/TARGET        inputs that broke something
//! ```

use core::time::Duration;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::need::{self, CARGO_FUZZ, CXX, NIGHTLY, Need};
use crate::run::Run;
use crate::workspace::Workspace;
use crate::{Usage, parse_number, take_flag, take_option, tree};

/// What fuzzing wants to find on the machine.
pub(crate) const NEEDS: &[Need] = &[NIGHTLY, CXX, CARGO_FUZZ];

/// `cargo xtask fuzz`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    let mut args = args.to_vec();
    let list = take_flag(&mut args, "--list");
    let seconds = take_option(&mut args, "--seconds")?;
    let seconds = seconds.map_or(Ok(60), |text| parse_number("--seconds", &text))?;
    let workspace = Workspace::load()?;
    let all = targets(&workspace)?;
    if list {
        all.iter().for_each(|target| println!("{target}"));
        return Ok(true);
    }
    if let Some(unknown) = args.iter().find(|arg| !all.contains(arg)) {
        return Err(Usage(format!("no fuzz target is called {unknown:?}")).into());
    }
    let chosen = if args.is_empty() { all } else { args };
    need::install(&NEEDS.iter().collect::<Vec<_>>());
    if let Some(missing) = need::missing(NEEDS) {
        bail!("{missing}");
    }
    run(&workspace, &chosen, seconds, &mut Counts::default())?;
    Ok(true)
}

/// Names of all targets: every file in `fuzz/fuzz_targets`.
pub(crate) fn targets(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let folder = workspace.root.join("fuzz").join("fuzz_targets");
    let files = tree::files_with(&folder, "rs")?;
    Ok(files.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect())
}

/// Builds the targets, then fuzzes each for `seconds`. Goes on after a finding; fails at the end.
pub(crate) fn run(
    workspace: &Workspace,
    targets: &[String],
    seconds: u64,
    tally: &mut Counts,
) -> anyhow::Result<()> {
    let fuzz = workspace.root.join("fuzz");
    let built = workspace.target.join("fuzz");
    let cargo_fuzz = |verb: &str| {
        let run = Run::new("cargo").args(["+nightly", "fuzz", verb]).folder(&workspace.root);
        run.arg("--fuzz-dir").arg(workspace.relative(&fuzz)).arg("--target-dir").arg(&built)
    };
    for target in targets {
        cargo_fuzz("build").arg(target).run(tally)?;
    }
    let mut broken = Vec::new();
    for target in targets {
        let found = built.join("corpus").join(target);
        std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let mut run = cargo_fuzz("run").arg(target).arg(&found);
        let seeds = fuzz.join("corpus").join(target);
        if seeds.is_dir() {
            run = run.arg(workspace.relative(&seeds));
        }
        let run = run
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            // One input may take neither long nor much memory: both would be a finding.
            .args(["-timeout=10", "-rss_limit_mb=1024"])
            .limit(Duration::from_secs(seconds + 300));
        if let Err(error) = run.run(tally) {
            println!("    {error:#}");
            broken.push(target.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("the fuzzer broke {}: the inputs are in {}", broken.join(", "), artifacts(workspace, &fuzz));
    }
    Ok(())
}

fn artifacts(workspace: &Workspace, fuzz: &Path) -> String {
    workspace.relative(&fuzz.join("artifacts")).display().to_string()
}
