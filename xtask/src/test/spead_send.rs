//! SPEAD beside spead2 from the Python package index (`xtask/peers/spead_send.py`): what we send, it receives, value by
//! value, and where both can send the same, byte by byte.

use std::path::Path;

use crate::counts::Counts;
use crate::run::Run;

/// Every flavour, type, transport and way of cutting heaps; then the program.
pub(super) fn send(python: &Path, packhorse: &Path, tally: &mut Counts) -> anyhow::Result<()> {
    let example = Run::cargo("build").packages(["packhorse-spead"]).args(["--example", "every_item"]);
    example.run(tally)?;
    let every_item = packhorse.with_file_name("examples").join("every_item");
    Run::new(python).arg("xtask/peers/spead_send.py").arg(every_item).arg(packhorse).run(tally)
}
