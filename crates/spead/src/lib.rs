#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod flavour;
pub mod wire;

pub use flavour::{BadFlavour, BugCompat, Flavour};
