//! `cargo xtask`: what the project runs on itself.
//!
//! ```text
//!   main ──> test   ──> one file per step      every check, the same here and in CI
//!        ──> bench  ──> one file per bench     ratios, measured side by side
//!        ──> fuzz                              one target or all, for as long as asked
//!        ──> simulate                          transfers in virtual time, as many seeds as asked
//!        ──> size                              flash and RAM of the firmware
//!        ──> peers                             other people's programs that one step compares with
//!
//!   below:  workspace (what cargo knows)  run (a command, announced and timed)  need (what must be installed)
//! ```
//!
//! Not a build system: each step is a command that a person could type, and is printed before it runs.

#![forbid(unsafe_code)]

extern crate alloc;

mod bench;
mod counts;
mod firmware;
mod fuzz;
mod need;
mod peers;
mod report;
mod run;
mod simulate;
mod test;
mod tree;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
What the project runs on itself.

  cargo xtask test  [--only STEP[,STEP]] [--skip STEP[,STEP]] [--list] [--verbose]
                                   every check; CI runs exactly this
  cargo xtask bench [NAME...] [--rounds N] [--plot] [--list]
                                   ratios measured side by side in one run
  cargo xtask fuzz  [TARGET...] [--seconds N] [--list]
                                   coverage-guided fuzzing (nightly, cargo-fuzz)
  cargo xtask simulate [--seeds N] [--from SEED] [--release]
                                   transfers in virtual time, a million unless told otherwise
  cargo xtask firmware             an emulated microcontroller and the program, both ways
  cargo xtask instructions         what a packet costs on a microcontroller, by the CRC tables chosen
  cargo xtask size                 flash and RAM of the firmware, profile by profile, against the budget
  cargo xtask peers [--list]       installs what the step `peers` compares with, below target/venv

Exit codes: 0 all is well; 1 something failed; 2 the command line is wrong.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next();
    let rest: Vec<String> = args.collect();
    if rest.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let result = match verb.as_deref() {
        Some("test") => test::main(&rest),
        Some("bench") => bench::main(&rest),
        Some("fuzz") => fuzz::main(&rest),
        Some("simulate") => simulate::main(&rest),
        Some("firmware") => test::firmware_main(&rest),
        Some("size") => firmware::size_main(&rest),
        Some("instructions") => firmware::instructions_main(&rest),
        Some("peers") => peers::main(&rest),
        Some("help" | "--help" | "-h") | None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some(other) => {
            eprintln!("xtask: no command is called {other:?}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            let code = if error.is::<Usage>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}

/// The command line asks for something that does not exist.
#[derive(Debug)]
struct Usage(String);

impl core::fmt::Display for Usage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}; see `cargo xtask --help`", self.0)
    }
}

impl core::error::Error for Usage {}

/// The value of `--name VALUE` or `--name=VALUE`, taken out of `args`.
fn take_option(args: &mut Vec<String>, name: &str) -> anyhow::Result<Option<String>> {
    let with_equals = format!("{name}=");
    let Some(at) = args.iter().position(|arg| arg == name || arg.starts_with(&with_equals)) else {
        return Ok(None);
    };
    let arg = args.remove(at);
    if let Some(value) = arg.strip_prefix(&with_equals) {
        return Ok(Some(value.to_owned()));
    }
    if at < args.len() {
        return Ok(Some(args.remove(at)));
    }
    Err(Usage(format!("{name} needs a value")).into())
}

/// Whether `--name` was given, taken out of `args`.
fn take_flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|arg| arg != name);
    args.len() != before
}

/// A number given by an option.
fn parse_number<T: core::str::FromStr>(name: &str, text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|_| Usage(format!("{name} wants a number, not {text:?}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_in_both_spellings() {
        let mut args: Vec<String> = ["a", "--only", "x,y", "--seconds=7", "--list"].map(str::to_owned).into();
        assert_eq!(take_option(&mut args, "--only").unwrap().as_deref(), Some("x,y"));
        assert_eq!(take_option(&mut args, "--seconds").unwrap().as_deref(), Some("7"));
        assert!(take_flag(&mut args, "--list"));
        assert!(!take_flag(&mut args, "--list"));
        assert_eq!(args, ["a"]);
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        let mut args = vec!["--only".to_owned()];
        assert!(take_option(&mut args, "--only").unwrap_err().is::<Usage>());
    }
}
