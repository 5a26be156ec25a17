//! Every example, as a reader would run it. A file in `examples/` that is no example is a mistake.

use core::time::Duration;

use anyhow::bail;

use super::Context;
use crate::run::Run;
use crate::tree;

/// The folder of the examples, which is also a crate.
const FOLDER: &str = "examples";

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let folder = context.workspace.root.join(FOLDER);
    let Some(member) = context.workspace.members.iter().find(|member| member.folder == folder) else {
        bail!("no crate lives in {FOLDER}/");
    };
    let forgotten = tree::files_with(&folder, "rs")?.into_iter().find(|file| {
        let known = member.examples.values().any(|example| example == file);
        let library = file.file_name().is_some_and(|name| name == "lib.rs");
        !known && !library && file.parent() == Some(&folder)
    });
    if let Some(file) = forgotten {
        bail!("{} is not an [[example]] of {FOLDER}/Cargo.toml", context.workspace.relative(&file).display());
    }
    if member.examples.is_empty() {
        bail!("there are no examples");
    }
    Run::cargo("build").packages([&member.name]).arg("--examples").run(&mut context.tally)?;
    for name in member.examples.keys() {
        let run = Run::cargo("run").args(["--quiet", "--example", name]);
        run.limit(Duration::from_secs(60)).run(&mut context.tally)?;
    }
    Ok(())
}
