#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod descriptor;
mod flavour;
mod sample;
pub mod wire;

pub use descriptor::{Descriptor, Dimension, Element, Format};
pub use flavour::{BadFlavour, BugCompat, Flavour};
pub use sample::Sample;
