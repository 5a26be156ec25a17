#![doc = include_str!("../README.md")]

extern crate alloc;

pub mod accelerator;
mod adapters;
pub mod block;
mod brick;
mod codec;
mod compress;
mod decompress;
mod error;
mod expansion;
pub mod frame;
mod input;
mod output;
mod positional;
mod schedule;
mod timeline;

pub use adapters::{read, write};
pub use brick::{BLOCKS, Block, Brick, Outcome};
pub use codec::{BlockError, Level, NoSuchLevel};
pub use compress::{
    CompressKernel, Options as CompressOptions, compress, compress_input, compress_on, compress_to_vec,
};
pub use decompress::{
    DecompressKernel, Options as DecompressOptions, decompress, decompress_input, decompress_on,
    decompress_to_vec,
};
pub use error::Error;
pub use expansion::Expansion;
pub use input::Input;
pub use positional::ReadAt;
pub use schedule::{Plan, Progress, Schedule, Watch, unwatched};
pub use timeline::{Lane, Span, Timeline};
