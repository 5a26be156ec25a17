//! What the tests of every crate share: golden vectors, generators of bytes, captures, and an allocator that counts.
//!
//! Not published, and not a place for code that a user of Packhorse could need. `fuzz` aside, it uses
//! no other crate of the workspace, so that each of them can use it in its own tests.

extern crate alloc;

pub mod allocator;
pub mod captures;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod golden;
pub mod patterns;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod tasks;
