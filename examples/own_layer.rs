//! Two layers of your own in a stack with Packhorse's: one that pushes a header, one that changes the payload in place.
//!
//! Neither needs std or an allocator, and the stack's type knows how much room they take.

use core::error::Error;
use core::time::Duration;

use packhorse::buffer::{DecodeError, Instant, Layer, NoRoom, Over, PacketBuf, Storage};
use packhorse::link::{Check, Crc16SpiFujitsu};
use packhorse::packet::{Channel, native::PacketLayer};

// ANCHOR: stamp
/// When a packet was made: milliseconds of the sender's time modulo 2^16, big-endian, 2 bytes in front.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp;

impl Layer for Stamp {
    const HEADROOM: usize = 2;
    const TAILROOM: usize = 0;
    /// The time comes from the caller: no layer reads a clock.
    type Tx = Instant;
    type Rx = u16;
    type Error = DecodeError;

    fn push<S: Storage>(&mut self, now: Instant, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let millis = now.as_nanos() / 1_000_000;
        let [.., high, low] = millis.to_be_bytes();
        *buf.push_array()? = [high, low];
        Ok(())
    }

    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<u16, DecodeError> {
        let stamp = buf.pull_array().map_err(|short| short.at("stamp", 0))?;
        Ok(u16::from_be_bytes(*stamp))
    }
}
// ANCHOR_END: stamp

// ANCHOR: whiten
/// Breaks up long runs of equal bits, which some radios lose step with: every byte above is XORed with a pseudo-random
/// one. No header, no room; the bytes change where they are. Not a secret: everybody knows the sequence.
#[derive(Clone, Copy, Debug, Default)]
struct Whiten;

impl Whiten {
    fn apply(bytes: &mut [u8]) {
        let mut state = 0xFF_u8;
        for byte in bytes {
            *byte ^= state;
            // A maximal-length register: polynomial x^8 + x^6 + x^5 + x^4 + 1.
            state = (state >> 1) ^ if state & 1 == 1 { 0xB8 } else { 0 };
        }
    }
}

impl Layer for Whiten {
    const HEADROOM: usize = 0;
    const TAILROOM: usize = 0;
    type Tx = ();
    type Rx = ();
    type Error = DecodeError;

    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        Self::apply(buf.as_mut_slice());
        Ok(())
    }

    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), DecodeError> {
        Self::apply(buf.as_mut_slice());
        Ok(())
    }
}
// ANCHOR_END: whiten

// ANCHOR: stack
/// Upper layers first: the check is computed last, over what really goes on the air.
type Radio = Over<Stamp, Over<PacketLayer, Over<Whiten, Check<Crc16SpiFujitsu>>>>;

/// 2 + 6 + 0 bytes in front, 2 behind, at most 54 in between: `[u8; 63]` would not compile.
type Packet = PacketBuf<[u8; 64]>;

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!((Radio::HEADROOM, Radio::TAILROOM), (8, 2));
    let (mut near, mut far) = (Radio::default(), Radio::default());

    let mut packet = Packet::for_stack::<Radio, 54>();
    packet.put_slice(&[0; 8])?;
    let now = Instant::ZERO + Duration::from_millis(70_000);
    near.push((now, (Channel::TELEMETRY.data(), ((), ()))), &mut packet)?;
    println!("{packet:?}");
    assert_eq!(packet.len(), 8 + 8 + 2);
    assert!(!packet.as_slice().windows(4).any(|run| run == [0; 4]), "no long runs of zeroes are left");

    let (stamp, (arrival, ((), ()))) = far.pull(&mut packet)?;
    assert_eq!(u64::from(stamp), 70_000 % 65_536);
    assert_eq!(arrival.address, Channel::TELEMETRY.data());
    assert_eq!(packet.as_slice(), [0; 8]);

    // A packet that was damaged on the way is refused by the check, and says so; the layers above never see it.
    packet = Packet::for_stack::<Radio, 54>();
    packet.put_slice(b"damaged")?;
    near.push((now, (Channel::TELEMETRY.data(), ((), ()))), &mut packet)?;
    packet.as_mut_slice()[9] ^= 0x10;
    let error = far.pull(&mut packet).map(drop).err().ok_or("damage was not noticed")?;
    println!("{error}");
    assert_eq!(error.layer, "link");
    Ok(())
}
// ANCHOR_END: stack
