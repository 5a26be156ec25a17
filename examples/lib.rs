//! Nothing to call: the examples stand beside this file. Here it is made sure that the README shows what they do.

#[cfg(test)]
mod tests {
    /// What stands between the marks of anchor `name`.
    fn anchored<'a>(code: &'a str, name: &str) -> &'a str {
        let (_, rest) = code.split_once(&format!("// ANCHOR: {name}\n")).expect("the anchor begins");
        rest.split_once(&format!("// ANCHOR_END: {name}")).expect("the anchor ends").0
    }

    #[test]
    fn both_readmes_show_the_code_of_the_loopback_example() {
        let shown = anchored(include_str!("loopback.rs"), "packet");
        assert!(include_str!("../README.md").contains(shown));
        assert!(include_str!("../crates/stack/README.md").contains(shown));
    }
}
