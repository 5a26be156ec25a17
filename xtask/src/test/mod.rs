//! `cargo xtask test`: every check of the project, the same on a desk and in CI.
//!
//! A step is a function in a file of its own; it prints each command before it runs. A step that fails
//! does not keep the others from running. What cannot run here is skipped and named at the end, and so is
//! what the command line leaves out; under `CI=true` both fail, and so does an ignored test.

mod book;
mod docs;
mod examples;
mod firmware;
mod foreign;
mod format;
mod fuzz;
mod house;
mod lints;
mod lz4_peer;
mod manifest;
mod no_std;
mod package;
mod peer;
mod spead_peer;
mod spead_send;
mod units;

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::time::Instant;

use crate::counts::Counts;
use crate::need::{self, Need};
use crate::report;
use crate::run::VERBOSE;
use crate::workspace::Workspace;
use crate::{Usage, take_flag, take_option};

/// What the steps share.
pub(crate) struct Context {
    /// The project.
    pub(crate) workspace: Workspace,
    /// Tests run so far, by all steps.
    pub(crate) tally: Counts,
}

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    run: fn(&mut Context) -> anyhow::Result<()>,
}

/// Cheap checks first: a slip shows at once.
const STEPS: &[Step] = &[
    step("format", "rustfmt", &[], format::run),
    step("house", "the project's own rules, file by file", &[], house::run),
    step("book", "the book's includes, links and pages", &[], book::run),
    step("lints", "clippy, warnings denied, feature by feature", &[], lints::run),
    step("units", "all tests and doc tests", &[], units::run),
    step("peers", "the wire format beside a second implementation", peer::NEEDS, peer::run),
    step("examples", "every example runs", &[], examples::run),
    step("docs", "API documentation, warnings denied", &[], docs::run),
    step("package", "what would be published builds", &[], package::run),
    step("no-std", "lower crates for microcontrollers", no_std::NEEDS, no_std::run),
    step("firmware", "an emulated microcontroller and the program", firmware::NEEDS, firmware::run),
    step("foreign", "lower crates' tests, big-endian and 32-bit", foreign::NEEDS, foreign::run),
    step("fuzz", "every fuzz target for a few seconds", fuzz::NEEDS, fuzz::run),
];

const fn step(
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    run: fn(&mut Context) -> anyhow::Result<()>,
) -> Step {
    Step { name, about, needs, run }
}

enum Outcome {
    Held,
    Failed(String),
    Skipped(String),
}

/// `cargo xtask test`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--list") {
        STEPS.iter().for_each(|step| println!("{:<10} {}", step.name, step.about));
        return Ok(true);
    }
    VERBOSE.store(take_flag(&mut args, "--verbose"), Ordering::Relaxed);
    let only = take_option(&mut args, "--only")?;
    let skip = take_option(&mut args, "--skip")?;
    if let Some(extra) = args.first() {
        return Err(Usage(format!("test does not know {extra:?}")).into());
    }
    let steps = choose(only.as_deref(), skip.as_deref())?;

    let started = Instant::now();
    let mut context = Context { workspace: Workspace::load()?, tally: Counts::default() };
    std::env::set_current_dir(&context.workspace.root)?;
    let needs: Vec<&Need> = steps.iter().flat_map(|step| step.needs).collect();
    if !needs.is_empty() {
        println!("{}", report::bold("setup: what the steps need"));
        need::install(&needs);
    }
    let mut results = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!();
        let heading = format!("[{}/{}] {}: {}", number + 1, steps.len(), step.name, step.about);
        println!("{}", report::bold(&heading));
        let step_started = Instant::now();
        let outcome = run_step(step, &mut context);
        let took = step_started.elapsed();
        println!("  {}", summary(&outcome, took));
        results.push((step.name, outcome, took));
    }
    Ok(close(&results, &left_out(&steps), context.tally, started.elapsed()))
}

/// `cargo xtask firmware`: the step of that name alone.
pub(crate) fn firmware_main(args: &[String]) -> anyhow::Result<bool> {
    if let Some(extra) = args.first() {
        return Err(Usage(format!("firmware does not know {extra:?}")).into());
    }
    let mut context = Context { workspace: crate::firmware::prepare()?, tally: Counts::default() };
    std::env::set_current_dir(&context.workspace.root)?;
    firmware::run(&mut context)?;
    Ok(true)
}

fn choose(only: Option<&str>, skip: Option<&str>) -> anyhow::Result<Vec<&'static Step>> {
    let names = |list: Option<&str>| -> anyhow::Result<Option<Vec<String>>> {
        let Some(list) = list else { return Ok(None) };
        let names: Vec<String> = list.split(',').map(str::to_owned).collect();
        let unknown = names.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str()));
        if let Some(name) = unknown {
            return Err(
                Usage(format!("no step is called {name:?} (`cargo xtask test --list` names them)")).into()
            );
        }
        Ok(Some(names))
    };
    let (only, skip) = (names(only)?, names(skip)?.unwrap_or_default());
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only.iter().any(|o| o == name));
    Ok(STEPS.iter().filter(|step| wanted(step.name) && !skip.iter().any(|s| s == step.name)).collect())
}

/// Names of the steps that `--only` and `--skip` left out.
fn left_out(steps: &[&Step]) -> Vec<&'static str> {
    let chosen = |name: &str| steps.iter().any(|step| step.name == name);
    STEPS.iter().map(|step| step.name).filter(|name| !chosen(name)).collect()
}

fn run_step(step: &Step, context: &mut Context) -> Outcome {
    if let Some(missing) = need::missing(step.needs) {
        return if need::in_ci() { Outcome::Failed(missing) } else { Outcome::Skipped(missing) };
    }
    let before = context.tally.skipped;
    if let Err(error) = (step.run)(context) {
        return Outcome::Failed(format!("{error:#}"));
    }
    let skipped = context.tally.skipped - before;
    if skipped > 0 && need::in_ci() {
        return Outcome::Failed(format!("nothing may be skipped in CI: {skipped} ignored or skipped tests"));
    }
    Outcome::Held
}

fn summary(outcome: &Outcome, took: Duration) -> String {
    let time = report::duration(took);
    match outcome {
        Outcome::Held => report::verdict(Some(true), &format!("ok in {time}")),
        Outcome::Failed(why) => report::verdict(Some(false), &format!("FAILED after {time}: {why}")),
        Outcome::Skipped(why) => report::verdict(None, &format!("skipped: {why}")),
    }
}

/// The table, what was skipped, and the closing line. Whether all is well.
fn close(results: &[(&str, Outcome, Duration)], left_out: &[&str], tally: Counts, took: Duration) -> bool {
    let mut rows = vec![vec!["step".to_owned(), "result".to_owned(), "time".to_owned()]];
    for (name, outcome, took) in results {
        let verdict = match outcome {
            Outcome::Held => "ok",
            Outcome::Failed(_) => "FAILED",
            Outcome::Skipped(_) => "skipped",
        };
        rows.push(vec![(*name).to_owned(), verdict.to_owned(), report::duration(*took)]);
    }
    rows.push(vec!["all".to_owned(), String::new(), report::duration(took)]);
    println!("\n{}", report::table(&rows));
    for (name, outcome, _) in results {
        if let Outcome::Skipped(why) = outcome {
            println!("skipped: {name} because {why}");
        }
    }
    let mut well = tally.failed == 0;
    for (name, outcome, _) in results {
        if let Outcome::Failed(why) = outcome {
            well = false;
            println!("FAILED: {name}: {why}");
        }
    }
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        if need::in_ci() {
            well = false;
            println!("FAILED: nothing may be left out in CI, and --only or --skip left out: {names}");
        } else {
            println!("{}", report::bold(&format!("NOT RUN, left out by --only or --skip: {names}")));
        }
    }
    // CI reads this line; it stands alone and last.
    println!("{tally}");
    well
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_and_unknown_names_are_refused() {
        let names = |steps: Vec<&Step>| steps.iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names(choose(Some("units,format"), None).unwrap()), ["format", "units"]);
        assert!(!names(choose(None, Some("fuzz")).unwrap()).contains(&"fuzz"));
        assert!(choose(Some("formt"), None).is_err_and(|error| error.is::<Usage>()));
        assert_eq!(left_out(&choose(None, Some("fuzz,format")).unwrap()), ["format", "fuzz"]);
        assert!(left_out(&choose(None, None).unwrap()).is_empty());
    }

    #[test]
    fn what_is_left_out_or_skipped_fails_in_ci_only() {
        fn ignores_one(context: &mut Context) -> anyhow::Result<()> {
            context.tally.skipped += 1;
            Ok(())
        }
        let held = [("format", Outcome::Held, Duration::ZERO)];
        assert!(close(&held, &[], Counts::default(), Duration::ZERO));
        assert_eq!(close(&held, &["fuzz"], Counts::default(), Duration::ZERO), !need::in_ci());
        let mut context = Context { workspace: Workspace::load().unwrap(), tally: Counts::default() };
        let outcome = run_step(&step("x", "", &[], ignores_one), &mut context);
        assert_eq!(matches!(outcome, Outcome::Held), !need::in_ci());
    }

    #[test]
    fn a_step_without_its_needs_is_skipped_or_in_ci_fails() {
        fn nothing(_: &mut Context) -> anyhow::Result<()> {
            Ok(())
        }
        const NEEDS: &[Need] =
            &[Need { what: "a thing", found: || false, source: need::Source::Person("buy it") }];
        let step = Step { name: "x", about: "", needs: NEEDS, run: nothing };
        let workspace = Workspace::load().unwrap();
        let mut context = Context { workspace, tally: Counts::default() };
        let outcome = run_step(&step, &mut context);
        let strict = need::in_ci();
        assert!(matches!(outcome, Outcome::Skipped(_)) != strict);
        assert!(matches!(outcome, Outcome::Failed(_)) == strict);
    }
}
