#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

extern crate alloc;

pub mod descriptor;
mod flavour;
mod heap;
pub mod in_process;
mod item_group;
pub mod receive;
mod sample;
pub mod send;
mod value;
pub mod wire;

pub use descriptor::{Descriptor, Dimension, Element, Format};
pub use flavour::{BadFlavour, BugCompat, Flavour};
pub use heap::{Heap, HeapError, NoSuchImmediate, PrebuiltHeap, Split};
pub use item_group::{Item, ItemError, ItemGroup, ItemValue, Select};
pub use sample::Sample;
pub use value::{Payload, Value};

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn core::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
