//! Names from the wire made safe: relative, below the receive folder, printable, and short enough to exist.
//!
//! Not for display of foreign text in general: only for the path under which an object appears.

use std::path::PathBuf;

/// Longest component in bytes that file systems in use accept.
const COMPONENT_MAX: usize = 255;
/// Deepest path that is recreated; deeper ones are folded into the last folder.
const DEPTH_MAX: usize = 64;
/// What partial files begin with: no received name may.
pub(crate) const PARTIAL_PREFIX: &str = ".packhorse-";

/// A relative path that cannot leave the folder it is joined to.
///
/// Built from any bytes: `..`, `.`, empty components and roots vanish, control characters and path separators of
/// other systems become `_`, components are shortened (keeping the extension), and a name of which nothing is left becomes `unnamed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(Vec<String>);

impl SafePath {
    /// The safe form of a `/`-separated name.
    #[must_use]
    pub fn from_wire(name: &[u8]) -> Self {
        let mut parts: Vec<String> = name.split(|&b| b == b'/').filter_map(component).collect();
        if parts.is_empty() {
            parts.push("unnamed".to_owned());
        }
        if parts.len() > DEPTH_MAX {
            let last = parts.pop();
            parts.truncate(DEPTH_MAX - 1);
            parts.extend(last);
        }
        Self(parts)
    }

    /// Only the last component, as the `ftag` profile asks.
    #[must_use]
    pub fn last_only(mut self) -> Self {
        self.0.drain(..self.0.len().saturating_sub(1));
        self
    }

    /// The components, outermost first; never empty.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.0
    }

    /// The path, relative.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        self.0.iter().collect()
    }

    /// The same path with a number in front of the extension: `photo (2).jpg`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let mut parts = self.0.clone();
        if let Some(last) = parts.last_mut() {
            let (stem, extension) = split_extension(last);
            let suffix = format!(" ({number}){extension}");
            *last = format!("{}{suffix}", truncate(stem, COMPONENT_MAX.saturating_sub(suffix.len())));
        }
        Self(parts)
    }
}

impl core::fmt::Display for SafePath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

fn component(raw: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(raw)
        .chars()
        .map(|c| if c.is_control() || is_deceptive(c) || c == '\\' { '_' } else { c })
        .collect();
    if text.is_empty() || text == "." || text == ".." {
        return None;
    }
    let text = if text.starts_with(PARTIAL_PREFIX) { text.replacen('.', "_", 1) } else { text };
    let (stem, extension) = split_extension(&text);
    Some(format!("{}{extension}", truncate(stem, COMPONENT_MAX - extension.len())))
}

/// Characters that reorder or hide the text around them, so that a name shows as another.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Splits off a short extension, its dot included.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn truncate(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(name: &str) -> String {
        SafePath::from_wire(name.as_bytes()).to_string()
    }

    #[test]
    fn a_path_never_leads_out_of_its_folder() {
        assert_eq!(safe("../../etc/passwd"), "etc/passwd");
        assert_eq!(safe("/etc/passwd"), "etc/passwd");
        assert_eq!(safe("a/./b/../../c"), "a/b/c");
        assert_eq!(safe(".."), "unnamed");
        assert_eq!(safe(""), "unnamed");
        assert_eq!(safe("..\\..\\x"), ".._.._x");
    }

    #[test]
    fn control_and_deceptive_characters_do_not_survive() {
        assert_eq!(safe("a\u{1b}[31mb\nc\0"), "a_[31mb_c_");
        assert_eq!(safe("gpj.\u{202e}exe"), "gpj._exe");
        assert_eq!(SafePath::from_wire(b"\xff\xfe.bin").to_string(), "\u{fffd}\u{fffd}.bin");
    }

    #[test]
    fn long_components_are_shortened_and_keep_their_extension() {
        let name = format!("{}.jpeg", "ä".repeat(300));
        let path = SafePath::from_wire(name.as_bytes());
        let last = &path.components()[0];
        assert!(last.len() <= 255 && last.ends_with(".jpeg"), "{last}");
        assert!(path.numbered(12).components()[0].len() <= 255);
    }

    #[test]
    fn a_received_name_cannot_pose_as_a_partial_file() {
        assert_eq!(safe(".packhorse-x.part"), "_packhorse-x.part");
    }

    #[test]
    fn numbering_stands_before_the_extension() {
        let path = SafePath::from_wire(b"d/photo.tar.gz");
        assert_eq!(path.numbered(2).to_string(), "d/photo.tar (2).gz");
        assert_eq!(SafePath::from_wire(b".bashrc").numbered(3).to_string(), ".bashrc (3)");
    }

    #[test]
    fn absurdly_deep_paths_are_folded() {
        let name = "d/".repeat(5000) + "file";
        let path = SafePath::from_wire(name.as_bytes());
        assert_eq!(path.components().len(), 64);
        assert_eq!(path.components()[63], "file");
    }
}
