#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

extern crate alloc;

mod ends;
mod error;
mod expect;
mod ftag;
mod inspect;
mod latest;
mod native;
mod open;
mod profile_name;
mod recognise;
mod rugged;
mod serve;
mod session;
pub mod uri;
mod wire;

pub use packhorse_application as application;
pub use packhorse_buffer as buffer;
pub use packhorse_channel as channel;
pub use packhorse_compress as compress;
pub use packhorse_link as link;
pub use packhorse_packet as packet;
pub use packhorse_spead as spead;
pub use packhorse_transfer as transfer;
pub use packhorse_transport as transport;

pub use error::Error;
pub use expect::Expect;
pub use ftag::{Ftag, FtagStack};
pub use inspect::{Body, Record, Seen, Summary, inspect};
pub use native::{Native, NativeStack};
pub use profile_name::{ByteStream, ProfileName, UnknownProfile};
pub use recognise::recognise;
pub use rugged::{Rugged, RuggedStack};
pub use session::{
    Destination, ReceiveOptions, ReceiveOutcome, SendOptions, SendOutcome, is_interactive, receive,
    receive_from, send, send_to,
};
pub use uri::Uri;
pub use wire::{Speak, Wire};

/// What most programs need.
pub mod prelude {
    pub use packhorse_application::{
        Catalog, Event, Existing, Inbox, Messages, Target, Until, Unwatched, Watch,
    };
    pub use packhorse_buffer::{Layer, Over, PacketBuf, Storage};
    pub use packhorse_link::{Framing, Transport};
    pub use packhorse_packet::Channel;
    pub use packhorse_transfer::Mode;

    pub use crate::{
        Destination, ProfileName, ReceiveOptions, SendOptions, Uri, receive, receive_from, send, send_to,
    };
}
