//! [`Channel`], [`Address`] and [`Arrival`]: whose bytes a packet carries, and in what order it came.
//!
//! Not an address of a machine: a link has two ends, and channels tell apart what shares it.

use packhorse_buffer::{NoRoom, Side};

use crate::Order;

/// One of the streams of packets that share a link: 0 to 32,767.
///
/// Channel 0 is the link's own and always there. A profile may allow fewer (`ftag`: 0 to 127).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u16);

impl Channel {
    /// The largest channel number.
    pub const MAX: u16 = 0x7FFF;
    /// The link's own channel. The `ftag` profile sends its files here.
    pub const LINK: Self = Self(0);
    /// The channel of file transfers in the `native` profile, unless told otherwise.
    pub const TRANSFER: Self = Self(1);
    /// The channel of telemetry in the `native` profile, unless told otherwise.
    pub const TELEMETRY: Self = Self(2);

    /// Channel `number`, or `None` above [`MAX`](Self::MAX).
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// This channel's data packets.
    #[must_use]
    pub const fn data(self) -> Address {
        Address { channel: self, control: false }
    }

    /// This channel's control messages.
    #[must_use]
    pub const fn control(self) -> Address {
        Address { channel: self, control: true }
    }
}

/// Where a packet belongs: a channel, and whether it is data or a control message about that channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The channel.
    pub channel: Channel,
    /// A control message of the channel instead of its data.
    pub control: bool,
}

/// Bit of the address word that says "control".
const CONTROL: u16 = 0x8000;
/// The same of the address byte.
const SHORT_CONTROL: u8 = 0x80;

/// The largest channel number of the profiles with one byte for it.
pub const SHORT_CHANNEL_MAX: u8 = 0x7F;

impl Address {
    /// The native address word: the channel, bit 15 set for control.
    #[must_use]
    pub const fn to_word(self) -> u16 {
        if self.control { self.channel.0 | CONTROL } else { self.channel.0 }
    }

    /// The address that a native word says; every word is one.
    #[must_use]
    pub const fn from_word(word: u16) -> Self {
        Self { channel: Channel(word & Channel::MAX), control: word & CONTROL != 0 }
    }

    /// The address byte of the profiles with one: the channel, bit 7 set for control.
    ///
    /// # Errors
    /// A channel above [`SHORT_CHANNEL_MAX`] needs two bytes.
    #[inline]
    pub fn to_byte(self) -> Result<u8, NoRoom> {
        match u8::try_from(self.channel.0) {
            Ok(channel) if channel <= SHORT_CHANNEL_MAX => {
                Ok(if self.control { channel | SHORT_CONTROL } else { channel })
            }
            _ => Err(NoRoom { side: Side::Head, needed: 2, available: 1 }),
        }
    }

    /// The address that such a byte says; every byte is one.
    #[inline]
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        Self { channel: Channel((byte & SHORT_CHANNEL_MAX).into()), control: byte & SHORT_CONTROL != 0 }
    }
}

impl From<Channel> for Address {
    fn from(channel: Channel) -> Self {
        channel.data()
    }
}

/// What a packet layer tells about a packet that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where it belongs.
    pub address: Address,
    /// Its sequence number: modulo 2^32 in `native`, modulo 256 in `ftag`.
    pub sequence: u32,
    /// How that number follows the ones before.
    pub order: Order,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_an_address_and_comes_back() {
        for word in 0..=u16::MAX {
            assert_eq!(Address::from_word(word).to_word(), word);
        }
    }

    #[test]
    fn every_byte_is_an_address_and_comes_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(Address::from_byte(byte).to_byte(), Ok(byte));
        }
        let wide = Channel::new(0x80).map(|channel| channel.data().to_byte());
        assert_eq!(wide, Some(Err(NoRoom { side: Side::Head, needed: 2, available: 1 })));
    }

    #[test]
    fn a_channel_has_fifteen_bits() {
        assert_eq!(Channel::new(0x7FFF).map(Channel::get), Some(0x7FFF));
        assert_eq!(Channel::new(0x8000), None);
    }
}
