//! What must not compile does not: a buffer that is too small for its stack.
//!
//! Such a check runs when code is made, not when types are checked, so that the passing case is what makes
//! trybuild build.
//!
//! trybuild compares all that the compiler says, and the compiler's part differs between releases. When only that
//! changed, `TRYBUILD=overwrite cargo test -p packhorse-buffer --test compile` renews `too_small.stderr`. Its first
//! line, our own sentence about headers and trailers, has a test of its own, so that it cannot be renewed away.
//!
//! The build is one of its own, minutes on a cold machine; `.config/nextest.toml` gives it the time.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))] // Cargo.toml says why

#[test]
fn a_buffer_too_small_for_its_stack_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/large_enough.rs");
    cases.compile_fail("tests/ui/too_small.rs");
}

#[test]
fn the_expected_message_is_our_own_sentence() {
    let expected = include_str!("ui/too_small.stderr");
    let sentence = "the buffer is smaller than the stack's headers and trailers and the payload";
    assert!(
        expected.lines().next().is_some_and(|first| first.starts_with("error") && first.ends_with(sentence))
    );
}
