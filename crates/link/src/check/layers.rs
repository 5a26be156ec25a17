//! [`Check`] and [`LengthCheck`]: the layers that put a [`Checksum`] behind a packet and look at it on the way up.
//!
//! ```text
//!   Check         |          packet          | check |          native: the framing knows the length
//!   LengthCheck   | length |     packet      | check |          ftag: at most 256 bytes in all
//!                     1                        WIDTH            length = bytes that follow it
//! ```
//!
//! Not a framing: both need to be given exactly one packet.

use core::fmt;
use core::marker::PhantomData;

use packhorse_buffer::{DecodeError, DecodeErrorKind, Layer, NoRoom, PacketBuf, Side, Storage, log_debug};

use crate::{CheckStats, Checksum};

const LAYER: &str = "link";

/// A check behind the packet, big-endian, over all of the packet's bytes.
pub struct Check<C> {
    stats: CheckStats,
    checksum: PhantomData<C>,
}

impl<C: Checksum> Check<C> {
    /// A layer with all counters at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { stats: CheckStats::new(), checksum: PhantomData }
    }

    /// What was pulled so far. `bad_length` stays zero: there is no length to be wrong.
    #[must_use]
    pub const fn stats(&self) -> &CheckStats {
        &self.stats
    }
}

impl<C: Checksum> Layer for Check<C> {
    const HEADROOM: usize = 0;
    const TAILROOM: usize = C::WIDTH;
    type Tx = ();
    type Rx = ();
    type Error = DecodeError;

    #[inline]
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        put_check::<C, S>(buf)
    }

    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) when the packet is shorter than the check, and
    /// [`BadCheck`](DecodeErrorKind::BadCheck).
    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), DecodeError> {
        if let Err(short) = buf.trim(C::WIDTH).map(|_| ()) {
            log_debug!("packet of {} bytes is shorter than its check", short.available);
            self.stats.short += 1;
            return Err(short.at(LAYER, 0));
        }
        verify::<C, S>(buf, &mut self.stats)
    }
}

/// A length in front and a check behind, over all bytes before the check, the length included: the link message of
/// the `ftag` profile. The length counts the bytes that follow it, so a message is at most 256 bytes long.
pub struct LengthCheck<C> {
    stats: CheckStats,
    checksum: PhantomData<C>,
}

impl<C: Checksum> LengthCheck<C> {
    /// The longest packet that can be pushed: what the length byte can say, less the check.
    pub const PACKET_MAX: usize = 255 - C::WIDTH;

    /// A layer with all counters at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { stats: CheckStats::new(), checksum: PhantomData }
    }

    /// What was pulled so far.
    #[must_use]
    pub const fn stats(&self) -> &CheckStats {
        &self.stats
    }
}

impl<C: Checksum> Layer for LengthCheck<C> {
    const HEADROOM: usize = 1;
    const TAILROOM: usize = C::WIDTH;
    type Tx = ();
    type Rx = ();
    type Error = DecodeError;

    /// # Errors
    /// Besides too small a buffer, a packet above [`PACKET_MAX`](LengthCheck::PACKET_MAX) bytes has no room in the
    /// message either: [`NoRoom`] on [`Side::Tail`], where `needed` are the message's bytes behind the length and
    /// `available` is 255. The buffer is then unchanged.
    #[inline]
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let follow = buf.len() + C::WIDTH;
        let Ok(length) = u8::try_from(follow) else {
            return Err(NoRoom { side: Side::Tail, needed: follow, available: 255 });
        };
        if buf.tailroom() < C::WIDTH {
            return Err(NoRoom { side: Side::Tail, needed: C::WIDTH, available: buf.tailroom() });
        }
        buf.push(1)?[0] = length;
        put_check::<C, S>(buf)
    }

    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) when the packet is shorter than length and check,
    /// [`BadLength`](DecodeErrorKind::BadLength) when the length is not that of the packet, and
    /// [`BadCheck`](DecodeErrorKind::BadCheck).
    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), DecodeError> {
        let available = buf.len();
        let needed = 1 + C::WIDTH;
        if available < needed {
            log_debug!("packet of {} bytes is shorter than its length and check", available);
            self.stats.short += 1;
            let kind = DecodeErrorKind::Truncated { needed, available };
            return Err(DecodeError { layer: LAYER, offset: 0, kind });
        }
        let stated = usize::from(buf.as_slice()[0]);
        let expected = available - 1;
        if stated != expected {
            log_debug!("packet says {} bytes and has {}", stated, expected);
            self.stats.bad_length += 1;
            let kind = DecodeErrorKind::BadLength { stated, expected };
            return Err(DecodeError { layer: LAYER, offset: 0, kind });
        }
        buf.trim(C::WIDTH).map_err(|short| short.at(LAYER, 0))?;
        verify::<C, S>(buf, &mut self.stats)?;
        buf.pull(1).map_err(|short| short.at(LAYER, 0))?;
        Ok(())
    }
}

/// Puts the check of all bytes of `buf` behind them.
#[inline]
fn put_check<C: Checksum, S: Storage>(buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
    const { assert!(1 <= C::WIDTH && C::WIDTH <= 4, "a check is 1 to 4 bytes wide") };
    let sum = C::checksum(buf.as_slice()).to_be_bytes();
    buf.put_slice(&sum[sum.len() - C::WIDTH..])
}

/// Compares the check that stands in the first bytes of the tailroom, just trimmed, with that of the data.
#[inline]
fn verify<C: Checksum, S: Storage>(buf: &PacketBuf<S>, stats: &mut CheckStats) -> Result<(), DecodeError> {
    const { assert!(1 <= C::WIDTH && C::WIDTH <= 4, "a check is 1 to 4 bytes wide") };
    let computed = C::checksum(buf.as_slice());
    let end = buf.range().end;
    let stated = buf.storage().as_slice()[end..end + C::WIDTH]
        .iter()
        .fold(0, |value, &byte| (value << 8) | u32::from(byte));
    if stated != computed {
        log_debug!("check is {:x}, of the bytes {:x}", stated, computed);
        stats.bad_check += 1;
        let kind = DecodeErrorKind::BadCheck { stated, computed };
        return Err(DecodeError { layer: LAYER, offset: buf.len(), kind });
    }
    stats.good += 1;
    Ok(())
}

// By hand, so that the checksum need not be any of these itself.
macro_rules! plain_traits {
    ($($layer:ident)*) => { $(
        impl<C> Clone for $layer<C> {
            fn clone(&self) -> Self {
                Self { stats: self.stats, checksum: PhantomData }
            }
        }
        impl<C: Checksum> Default for $layer<C> {
            fn default() -> Self {
                Self::new()
            }
        }
        impl<C> fmt::Debug for $layer<C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($layer)).field("stats", &self.stats).finish()
            }
        }
    )* };
}
plain_traits!(Check LengthCheck);
