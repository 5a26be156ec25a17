//! The lower crates without their default features, built for microcontrollers: no operating system, no
//! allocator, and on the Cortex-M0+ no atomic compare-and-swap.

use super::Context;
use super::foreign::debian_cargo;
use super::manifest::{ALLOC, LOWER};
use crate::need::{Need, RUSTC_WITH_SOURCES};

pub(super) const NEEDS: &[Need] = &[RUSTC_WITH_SOURCES];

/// RP2040 and other Cortex-M0+; Cortex-M4 and M7 with hardware floats; ESP32-C6 and other RISC-V.
const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

/// The one without compare-and-swap, and one that has everything.
const SMALLEST: [&str; 1] = ["thumbv6m-none-eabi"];
const LARGEST: [&str; 1] = ["thumbv7em-none-eabihf"];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let build = |targets: &[&str], packages: &[&str], features: &str| {
        let run = debian_cargo(&context.workspace, "build", "core,alloc", targets);
        let run = run.packages(packages).arg("--no-default-features");
        if features.is_empty() { run } else { run.args(["--features", features]) }
    };
    build(&TARGETS, &LOWER, "").run(&mut context.tally)?;
    // Pools, by a critical section where the processor has no compare-and-swap.
    build(&SMALLEST, &["packhorse-buffer"], "critical-section").run(&mut context.tally)?;
    // What a larger microcontroller switches on: an allocator, logs by defmt.
    let with_alloc = |name: &str| -> anyhow::Result<bool> {
        Ok(context.workspace.member(name)?.features.iter().any(|feature| feature == ALLOC))
    };
    let mut features = vec!["packhorse-buffer/defmt".to_owned()];
    for name in LOWER {
        if with_alloc(name)? {
            features.push(format!("{name}/{ALLOC}"));
        }
    }
    build(&LARGEST, &LOWER, &features.join(",")).run(&mut context.tally)
}
