//! What must not compile does not: a buffer that is too small for its stack.
//!
//! Such a check runs when code is made, not when types are checked, so that the passing case is what makes
//! trybuild build. The expected text is that of the toolchain in `rust-version` or later; should a compiler word
//! its part differently, `TRYBUILD=overwrite cargo test -p packhorse-buffer --test compile` writes it anew, and
//! the sentence about headers and trailers must still be there.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))] // Cargo.toml says why

#[test]
fn a_buffer_too_small_for_its_stack_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/large_enough.rs");
    cases.compile_fail("tests/ui/too_small.rs");
}
