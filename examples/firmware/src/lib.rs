//! What the programs share: the board and the wire. For another board only [`uart`] and [`clock`] change.

#![no_std]

#[cfg(feature = "async")]
pub mod asynchronous;
pub mod board;
pub mod chip;
pub mod clock;
pub mod outbound;
pub mod report;
pub mod uart;

/// The wire that was chosen when building.
#[cfg(feature = "ftag")]
pub type Profile = packhorse_embedded::wire::Ftag;
/// The wire that was chosen when building.
#[cfg(feature = "rugged")]
pub type Profile = packhorse_embedded::wire::Rugged<8, 6>;
/// The wire that was chosen when building.
#[cfg(not(any(feature = "ftag", feature = "rugged")))]
pub type Profile = packhorse_embedded::wire::Native<6>;

/// Bytes of a packet, as the radio of the toolkit has them, less what marks it on the line.
pub const PACKET: usize = 64;
/// Bytes of the longest frame: every byte of an `ftag` packet may be stuffed; COBS adds 3.
#[cfg(feature = "ftag")]
pub const FRAME: usize = 2 * PACKET + 2;
/// Bytes of the longest frame: marker, header and 8 bytes of parity.
#[cfg(feature = "rugged")]
pub const FRAME: usize = packhorse_link::rugged::FRONT + PACKET + 8;
/// Bytes of the longest frame.
#[cfg(not(any(feature = "ftag", feature = "rugged")))]
pub const FRAME: usize = PACKET + 3;
/// Bytes of the longest control message that the device sends: in `ftag` each is a packet.
#[cfg(feature = "ftag")]
pub const MESSAGE: usize = 50;
/// Bytes of the longest control message that the device sends: an announcement with a name of 13 bytes.
#[cfg(not(feature = "ftag"))]
pub const MESSAGE: usize = 92;

/// A reading is taken and sent so often, in microseconds.
pub const READING_EVERY_US: u32 = 10_000;

/// What the device sends.
#[unsafe(link_section = ".picture")]
pub static PICTURE: [u8; include_bytes!(concat!(env!("OUT_DIR"), "/picture.raw")).len()] =
    *include_bytes!(concat!(env!("OUT_DIR"), "/picture.raw"));

/// Its hash, of the wire's kind.
#[cfg(feature = "ftag")]
pub static HASH: [u8; 32] = *include_bytes!(concat!(env!("OUT_DIR"), "/picture.sha256"));
/// Its hash, of the wire's kind.
#[cfg(not(feature = "ftag"))]
pub static HASH: [u8; 32] = *include_bytes!(concat!(env!("OUT_DIR"), "/picture.blake3"));
