//! What would be published: all versions agree, and each archive builds by itself.

use anyhow::bail;

use super::Context;
use crate::run::Run;
use crate::workspace::Member;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let published: Vec<&Member> = context.workspace.published().collect();
    let Some(first) = published.first() else { bail!("no crate is published") };
    if let Some(other) = published.iter().find(|member| member.version != first.version) {
        let (a, b) = (first, other);
        bail!("{} is at {}, {} at {}: they go out together", a.name, a.version, b.name, b.version);
    }
    for member in &published {
        if !member.folder.join("README.md").is_file() {
            bail!("{} has no README.md", member.name);
        }
    }
    let names = published.iter().map(|member| &member.name);
    Run::cargo("package").packages(names).args(["--allow-dirty", "--quiet"]).run(&mut context.tally)
}
