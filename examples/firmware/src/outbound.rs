//! The sender of the picture, for the program that polls and the one of tasks.

use packhorse_embedded::{Object, Outbound};
use packhorse_transfer::{Pace, SenderConfig};

use crate::{HASH, MESSAGE, PACKET, PICTURE, Profile};

/// Sends from the program's image.
pub type Sending = Outbound<'static, Profile, PACKET, MESSAGE>;

/// What is sent.
#[must_use]
pub fn picture() -> Object<'static> {
    Object { name: "picture.raw", size: PICTURE.len() as u64, hash: HASH }
}

/// Makes the sender where it stays: its parts are on the stack only here. `None` the second time.
#[inline(never)]
pub fn sending() -> Option<&'static mut Sending> {
    // 115,200 baud with a start and a stop bit.
    let bytes_per_s = cfg!(feature = "paced").then_some(11_520);
    let config = SenderConfig {
        pace: Pace { bytes_per_s, packets_per_s: None },
        meta_first: 2,
        ..SenderConfig::once()
    };
    cortex_m::singleton!(SENDING: Sending = Sending::new(config, picture().id()))
}

/// Begins with the picture, which is all. Not below what makes the sender: the stack has room for one of them.
#[inline(never)]
pub fn begin(outbound: &mut Sending) -> bool {
    outbound.end_session();
    outbound.begin(picture()).is_ok()
}
