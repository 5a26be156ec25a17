//! `cargo xtask instructions`: what the check and the marks of a packet of 64 bytes cost on a Cortex-M3, by the tables that were
//! chosen; counted, not timed.

use core::time::Duration;

use super::{Emulator, Uart, build, prepare};
use crate::counts::Counts;
use crate::{Usage, report};

/// The features, and bytes of tables for both checks.
const TABLES: [(&str, &str); 3] = [("none", "0"), ("crc-small", "1536"), ("crc-large", "24576")];

/// `cargo xtask instructions`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    if let Some(extra) = args.first() {
        return Err(Usage(format!("instructions does not know {extra:?}")).into());
    }
    let workspace = prepare()?;
    let heading = ["CRC tables", "bytes", "CRC-16", "CRC-32C", "frame: ftag", "native", "rugged"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for (tables, bytes) in TABLES {
        let features = if tables == "none" { vec!["report"] } else { vec!["report", tables] };
        let built = build(&workspace, &["instructions"], &features, &mut Counts::default())?;
        let emulator = Emulator::start(&built.program("instructions"), &Uart::Counts)?;
        let counted = emulator.finish(Duration::from_secs(60))?;
        let mut row = vec![tables.to_owned(), bytes.to_owned()];
        row.extend(
            ["crc16", "crc32c", "ftag", "native", "rugged"]
                .map(|name| counted.get(name).map_or_else(|| "?".to_owned(), ToString::to_string)),
        );
        rows.push(row);
    }
    println!("\nInstructions for 64 bytes, thumbv7m:\n\n{}", report::table(&rows));
    Ok(true)
}
