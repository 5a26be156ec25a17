//! What the steps agree on about the crates: which ones are lower, which targets they are built for.

/// Crates that run without std: `transport` too, as far as its loopback goes.
pub(super) const LOWER: [&str; 6] = [
    "packhorse-buffer",
    "packhorse-link",
    "packhorse-packet",
    "packhorse-transfer",
    "packhorse-transport",
    "packhorse-embedded",
];

/// The feature that switches the allocator on.
pub(super) const ALLOC: &str = "alloc";
