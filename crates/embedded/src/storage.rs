//! [`Flash`] and [`Card`]: objects in NOR flash and on SD cards, as sources and sinks of blocks.
//!
//! Both write what arrives where it belongs, in any order, and read it back for the hash; neither is a file system.

mod card;
mod flash;

pub use card::{Card, CardError, SECTOR, Sectors};
pub use flash::{Flash, FlashError};
