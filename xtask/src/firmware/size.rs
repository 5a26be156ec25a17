//! `cargo xtask size`: what the firmware takes, profile by profile and feature by feature, against the budget.
//!
//! Flash is the vector table, the code, constants and initial values; not the picture, which is the user's. RAM is the static
//! memory, without the RAM that plays the flash chip, and the deepest stack of a run in the emulator.

use alloc::collections::BTreeMap;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context as _, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

use super::{Built, Emulator, PROFILES, Uart, build, connect, prepare};
use crate::counts::Counts;
use crate::workspace::Workspace;
use crate::{Usage, report};

/// The most that a program may take in a profile, in bytes: flash, and RAM beside the bitmap.
const BUDGETS: [(&str, &str, u64, u64); 6] = [
    // 12 KiB and 2 KiB for a sender, 16 KiB and 3 KiB for a receiver are the aim; what is better than that stays so, with a
    // little room for other compilers.
    ("native", "sender", 10_368, 1_920),
    ("native", "receiver", 14_592, 2_944),
    ("ftag", "sender", 10_496, 2_048),
    ("ftag", "receiver", 11_264, 2_688),
    // 16 bytes of RAM above the aim: what modes with answers need is in the agent's loop, too.
    ("rugged", "sender", 11_520, 2_064),
    // Flash: beside what the others have, a field of 256 elements and what finds and corrects errors.
    ("rugged", "receiver", 18_688, 3_072),
];

const PROGRAMS: [&str; 2] = ["sender", "receiver"];

/// A bit for each of 768 blocks: as large as what is received, so it is told beside the RAM and not in it.
const BITMAP: u64 = 96;

const LIMIT: Duration = Duration::from_secs(60);

/// `cargo xtask size`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    if let Some(extra) = args.first() {
        return Err(Usage(format!("size does not know {extra:?}")).into());
    }
    let workspace = prepare()?;
    let (rows, well) = measure(&workspace, &["none", "crc-small"], &mut Counts::default())?;
    print!("{}", report::table(&rows));
    Ok(well)
}

/// A row for every profile, feature and program, and whether all of them keep to the budget.
pub(crate) fn measure(
    workspace: &Workspace,
    crc_tables: &[&str],
    tally: &mut Counts,
) -> anyhow::Result<(Vec<Vec<String>>, bool)> {
    let heading = [
        "profile",
        "CRC tables",
        "program",
        "flash",
        "of",
        "static RAM",
        "stack",
        "bitmap",
        "RAM beside it",
        "of",
        "",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let mut well = true;
    for profile in PROFILES {
        let reporting = build(workspace, &PROGRAMS, &[profile, "report"], tally)?;
        let stacks = stacks(workspace, &reporting)?;
        for &tables in crc_tables {
            let features = if tables == "none" { vec![profile] } else { vec![profile, tables] };
            let built = build(workspace, &PROGRAMS, &features, tally)?;
            let budgets = BUDGETS.iter().filter(|(of, ..)| *of == profile);
            for &(_, program, most_flash, most_ram) in budgets {
                let taken = sections(&built.program(program))?;
                let stack = stacks.get(program).copied().context("no run of this program")?;
                let bitmap = if program == "receiver" { BITMAP } else { 0 };
                let ram = (taken.ram + stack).saturating_sub(bitmap);
                // Tables are what somebody chose to spend.
                let keeps = ram <= most_ram && (tables != "none" || taken.flash <= most_flash);
                well &= keeps;
                rows.push(vec![
                    profile.to_owned(),
                    tables.to_owned(),
                    program.to_owned(),
                    taken.flash.to_string(),
                    most_flash.to_string(),
                    taken.ram.to_string(),
                    stack.to_string(),
                    bitmap.to_string(),
                    ram.to_string(),
                    most_ram.to_string(),
                    report::verdict(Some(keeps), if keeps { "ok" } else { "over the budget" }),
                ]);
            }
        }
    }
    Ok((rows, well))
}

struct Taken {
    flash: u64,
    ram: u64,
}

fn sections(program: &Path) -> anyhow::Result<Taken> {
    let bytes = std::fs::read(program)?;
    let file = object::File::parse(&*bytes).context("not an ELF file")?;
    let size = |name: &str| file.section_by_name(name).map_or(0, |section| section.size());
    let chip: u64 = file
        .symbols()
        .filter(|symbol| symbol.name().is_ok_and(|name| name.contains("CHIP_MEMORY")))
        .map(|s| s.size())
        .sum();
    Ok(Taken {
        flash: [".vector_table", ".text", ".rodata", ".data"].map(size).iter().sum(),
        ram: (size(".data") + size(".bss") + size(".uninit")).saturating_sub(chip / 1024 * 1024),
    })
}

/// The deepest stack of both programs: one sends to the other, through this process.
fn stacks(workspace: &Workspace, built: &Built) -> anyhow::Result<BTreeMap<&'static str, u64>> {
    let socket = workspace.target.join("firmware").join("uart");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)?;
    let emulator = Emulator::start(&built.program("sender"), &Uart::Connects(&socket))?;
    let (mut line, _) = listener.accept()?;
    let mut sent = Vec::new();
    line.read_to_end(&mut sent)?;
    let sender = emulator.finish(LIMIT)?;

    std::fs::remove_file(&socket)?;
    let emulator = Emulator::start(&built.program("receiver"), &Uart::Listens(&socket))?;
    let mut line = connect(&socket)?;
    line.write_all(&sent)?;
    let receiver = emulator.finish(LIMIT)?;
    ensure!(receiver.contains_key("verified"), "the receiver has not got the picture: {receiver:?}");
    let stack = |report: &super::Report| report.get("stack").copied().map(u64::from).context("no stack told");
    Ok([("sender", stack(&sender)?), ("receiver", stack(&receiver)?)].into())
}
