//! The book in `docs/`, without mdBook: what it includes exists, its links lead somewhere, SUMMARY.md lists
//! every page. mdBook itself only turns it into HTML.

use alloc::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::Context;
use crate::tree;

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let root = &context.workspace.root;
    let source = root.join("docs").join("src");
    let pages = tree::files_with(&source, "md")?;
    let mut findings = Vec::new();
    let mut documents = pages.clone();
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        documents.push(root.join(name));
    }
    documents
        .extend(context.workspace.members.iter().map(|m| m.folder.join("README.md")).filter(|r| r.is_file()));
    let (mut includes, mut links) = (0, 0);
    for document in &documents {
        let text = tree::read(document)?;
        let name = context.workspace.relative(document).display().to_string();
        for include in includes_of(&text) {
            includes += 1;
            findings.extend(check_include(document, include).err().map(|why| format!("{name}: {why:#}")));
        }
        for link in links_of(&text) {
            links += 1;
            findings.extend(check_link(document, link).err().map(|why| format!("{name}: {why:#}")));
        }
    }
    findings.extend(unlisted(&source, &pages)?);
    println!("  {} documents, {includes} includes, {links} links", documents.len());
    if findings.is_empty() {
        return Ok(());
    }
    findings.iter().for_each(|finding| println!("    {finding}"));
    bail!("{} findings in the documents", findings.len())
}

/// Pages that nobody finds, since SUMMARY.md does not name them.
fn unlisted(source: &Path, pages: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let summary = source.join("SUMMARY.md");
    let text = tree::read(&summary)?;
    let listed: BTreeSet<PathBuf> =
        links_of(&text).map(|link| source.join(link.split('#').next().unwrap_or(link))).collect();
    let missing = pages.iter().filter(|page| **page != summary && !listed.contains(*page));
    Ok(missing.map(|page| format!("SUMMARY.md does not list {}", page.display())).collect())
}

/// What `{{#include PATH[:ANCHOR]}}` names; a backslash in front makes it text about includes.
fn includes_of(text: &str) -> impl Iterator<Item = &str> {
    const OPEN: &str = "{{#";
    text.match_indices(OPEN).filter_map(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let (inside, _) = rest.split_at(OPEN.len()).1.split_once("}}")?;
        let (verb, argument) = inside.split_once(char::is_whitespace)?;
        let escaped = before.ends_with('\\');
        (!escaped && matches!(verb, "include" | "rustdoc_include")).then_some(argument.trim())
    })
}

/// The file exists, and with an anchor it holds `ANCHOR: name` and `ANCHOR_END: name`, with something between.
fn check_include(document: &Path, include: &str) -> anyhow::Result<()> {
    let (path, anchor) =
        include.split_once(':').map_or((include, None), |(path, anchor)| (path, Some(anchor)));
    let file = document.parent().unwrap_or(document).join(path);
    let Ok(text) = std::fs::read_to_string(&file) else { bail!("includes {path}, which is not there") };
    let Some(anchor) = anchor else { return Ok(()) };
    // mdBook also takes line ranges; those break silently when lines move, so anchors only.
    let line_with = |mark: String| text.lines().position(|line| line.split_whitespace().eq_tail(&mark));
    let start = line_with(format!("ANCHOR: {anchor}"));
    let end = line_with(format!("ANCHOR_END: {anchor}"));
    match (start, end) {
        (Some(start), Some(end)) if end > start + 1 => Ok(()),
        (Some(_), Some(_)) => bail!("includes {include}, and nothing stands between the anchors"),
        _ => bail!("includes {include}, and the file has no such anchor"),
    }
}

trait EqTail {
    fn eq_tail(self, mark: &str) -> bool;
}

impl<'a, I: Iterator<Item = &'a str>> EqTail for I {
    /// Whether the words end in those of `mark`: `// ANCHOR: name` is a mark, `ANCHOR: name2` another.
    fn eq_tail(self, mark: &str) -> bool {
        let words: Vec<&str> = self.collect();
        words.ends_with(&mark.split_whitespace().collect::<Vec<_>>())
    }
}

/// Targets of `[text](target)` outside of code that are files or anchors of this project.
fn links_of(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines()
        .filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !in_code && !fence
        })
        .flat_map(|line| {
            line.match_indices("](").filter_map(move |(at, open)| {
                // An odd number of backticks before it: inside inline code.
                let (before, rest) = line.split_at(at);
                let quoted = before.matches('`').count() % 2 == 1 && rest.contains('`');
                let target = rest.split_at(open.len()).1.split(')').next()?;
                (!quoted).then_some(target)
            })
        })
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        // rustdoc resolves paths of Rust itself, and warns.
        .filter(|target| !target.contains("::") && (target.contains(['.', '/', '#'])))
}

/// The file exists, and with `#fragment` it has that heading.
fn check_link(document: &Path, link: &str) -> anyhow::Result<()> {
    let (path, fragment) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let file =
        if path.is_empty() { document.to_owned() } else { document.parent().unwrap_or(document).join(path) };
    if !file.exists() {
        bail!("links to {link}, which is not there");
    }
    let Some(fragment) = fragment else { return Ok(()) };
    if file.extension().is_some_and(|extension| extension == "md") {
        let text = tree::read(&file)?;
        if !text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == fragment) {
            bail!("links to {link}, and there is no such heading");
        }
    }
    Ok(())
}

/// The anchor that a heading gets: lower case, blanks to hyphens, punctuation gone.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_found_and_escaped_ones_are_not() {
        let text =
            "a {{#include ../x.rs:whole}} b\n\\{{#include no.rs}} {{#rustdoc_include y.rs}} {{#title T}}";
        assert_eq!(includes_of(text).collect::<Vec<_>>(), ["../x.rs:whole", "y.rs"]);
    }

    #[test]
    fn links_in_code_and_to_other_hosts_are_left_alone() {
        let text = "[a](b.md) [c](https://x.y/z) `[d](e.md)`\n```\n[f](g.md)\n```\n[h](i.md#j) [k](crate::L)";
        assert_eq!(links_of(text).collect::<Vec<_>>(), ["b.md", "i.md#j"]);
    }

    #[test]
    fn anchors_must_exist_and_hold_something() {
        let folder = std::env::temp_dir().join(format!("xtask-book-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let code =
            "// ANCHOR: full\nlet a = 1;\n// ANCHOR_END: full\n// ANCHOR: empty\n// ANCHOR_END: empty\n";
        std::fs::write(folder.join("x.rs"), code).unwrap();
        let page = folder.join("page.md");
        std::fs::write(&page, "# One, two\n").unwrap();
        assert!(check_include(&page, "x.rs:full").is_ok());
        assert!(check_include(&page, "x.rs").is_ok());
        for broken in ["x.rs:empty", "x.rs:ful", "y.rs"] {
            assert!(check_include(&page, broken).is_err(), "{broken}");
        }
        assert!(check_link(&page, "page.md#one-two").is_ok());
        assert!(check_link(&page, "#three").is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
