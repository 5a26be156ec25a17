//! [`Workspace`]: what cargo knows of the project, asked once through `cargo metadata`.

use alloc::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The members, in the order in which Cargo.toml lists them, and where things lie.
pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The members, in the order of Cargo.toml.
    pub(crate) members: Vec<Member>,
}

/// One crate of the workspace.
pub(crate) struct Member {
    /// Its package name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Whether it may go to a registry.
    pub(crate) published: bool,
    /// Whether it has a library.
    pub(crate) library: bool,
    /// Names of its features.
    pub(crate) features: Vec<String>,
    /// Names and source files of its examples.
    pub(crate) examples: BTreeMap<String, PathBuf>,
    /// Its benchmarks.
    pub(crate) benches: Vec<String>,
    /// Members that it depends on: name and whether for tests only.
    pub(crate) uses: Vec<(String, bool)>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> anyhow::Result<Self> {
        // The folder is asked of cargo at run time, since a built xtask may outlive the place it was built in.
        let output = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps"])
            .output()
            .context("cannot run cargo")?;
        if !output.status.success() {
            bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        let mut workspace =
            Self::from_metadata(&metadata).context("cargo metadata has another shape than expected")?;
        // Cargo sorts the members by name; their order in the file is that of the arrows between them.
        let manifest = workspace.root.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).context("cannot read the root Cargo.toml")?;
        let order: Vec<PathBuf> = listed(&text).map(|folder| workspace.root.join(folder)).collect();
        let place = |member: &Member| order.iter().position(|folder| *folder == member.folder);
        workspace.members.sort_by_key(|member| place(member).unwrap_or(usize::MAX));
        Ok(workspace)
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?;
        let by_id: BTreeMap<&str, &Value> =
            packages.iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
        let members: Vec<&Value> = metadata["workspace_members"]
            .as_array()?
            .iter()
            .filter_map(|id| by_id.get(id.as_str()?).copied())
            .collect();
        let names: Vec<&str> = members.iter().filter_map(|package| package["name"].as_str()).collect();
        Some(Self {
            root: PathBuf::from(metadata["workspace_root"].as_str()?),
            target: PathBuf::from(metadata["target_directory"].as_str()?),
            members: members.iter().filter_map(|package| Member::from_metadata(package, &names)).collect(),
        })
    }

    /// The member called `name`.
    pub(crate) fn member(&self, name: &str) -> anyhow::Result<&Member> {
        let found = self.members.iter().find(|member| member.name == name);
        found.with_context(|| format!("the workspace has no crate {name}"))
    }

    /// Crates that go to a registry.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.published)
    }

    /// A path as it reads from the root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The folders that `members = [...]` lists, in that order; comments may stand behind them.
fn listed(manifest: &str) -> impl Iterator<Item = &str> {
    let members = manifest.split_once("\nmembers = [").map_or("", |(_, rest)| rest);
    let lines = members.lines().take_while(|line| !line.starts_with(']'));
    lines.filter_map(|line| line.trim().strip_prefix('"')?.split('"').next())
}

impl Member {
    fn from_metadata(package: &Value, members: &[&str]) -> Option<Self> {
        let targets = package["targets"].as_array()?;
        let of_kind = |kind: &'static str| {
            targets.iter().filter(move |target| {
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k.as_str() == Some(kind)))
            })
        };
        let uses = package["dependencies"].as_array()?.iter().filter_map(|dependency| {
            let name = dependency["name"].as_str().filter(|name| members.contains(name))?;
            Some((name.to_owned(), dependency["kind"].as_str() == Some("dev")))
        });
        let examples = of_kind("example").filter_map(|target| {
            Some((target["name"].as_str()?.to_owned(), PathBuf::from(target["src_path"].as_str()?)))
        });
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            version: package["version"].as_str()?.to_owned(),
            folder: Path::new(package["manifest_path"].as_str()?).parent()?.to_owned(),
            published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            library: of_kind("lib").next().is_some(),
            features: package["features"].as_object()?.keys().cloned().collect(),
            examples: examples.collect(),
            benches: of_kind("bench").filter_map(|b| b["name"].as_str().map(str::to_owned)).collect(),
            uses: uses.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_in_the_order_of_the_file() {
        let manifest =
            "[workspace]\nmembers = [\n  \"b\",  # first\n  # none\n  \"a\",\n]\nexclude = [\"c\"]\n";
        assert_eq!(listed(manifest).collect::<Vec<_>>(), ["b", "a"]);
        let workspace = Workspace::load().unwrap();
        assert!(workspace.members.first().is_some_and(|member| member.name == "packhorse-buffer"));
    }
}
