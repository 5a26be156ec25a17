//! [`Greeting`]: what both ends of a network channel say before the first message, and whether the two fit.
//!
//! ```text
//!   | "PHCH" | version u16 | role u8 | mode u8 | type u32 | message_max u32 | capacity u64 | pressure u8 | 0 x 7 |
//! ```
//!
//! Big-endian; 32 bytes. The end that connects speaks first. Not the link layer's version: that is in each frame.

use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{BackPressure, ModeName};

/// Version of packets and greetings.
pub(crate) const VERSION: u16 = 1;
const MAGIC: [u8; 4] = *b"PHCH";

/// Which end of the channel somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sender = 1,
    Receiver = 2,
}

/// What one end is, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) role: Role,
    pub(crate) mode: ModeName,
    /// The one type of the channel's messages; `None`: each message says its own.
    pub(crate) kind: Option<u32>,
    /// Bytes of the longest message that is sent, or accepted.
    pub(crate) message_max: u32,
    /// Bytes that wait at this end at most.
    pub(crate) capacity: u64,
    pub(crate) back_pressure: BackPressure,
}

/// On the wire, a type of 0 is "many".
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    magic: [u8; 4],
    version: U16,
    role: u8,
    mode: u8,
    kind: U32,
    message_max: U32,
    capacity: U64,
    back_pressure: u8,
    zero: [u8; 7],
}

/// Bytes of a greeting.
pub(crate) const GREETING: usize = size_of::<Wire>();

impl Greeting {
    pub(crate) fn encode(&self) -> [u8; GREETING] {
        zerocopy::transmute!(Wire {
            magic: MAGIC,
            version: U16::new(VERSION),
            role: self.role as u8,
            mode: mode_code(self.mode),
            kind: U32::new(self.kind.unwrap_or(0)),
            message_max: U32::new(self.message_max),
            capacity: U64::new(self.capacity),
            back_pressure: pressure_code(self.back_pressure),
            zero: [0; 7],
        })
    }

    /// Whether the greeting of the other end, `theirs`, fits this one.
    pub(crate) fn agree(&self, theirs: &[u8]) -> Result<(), Refusal> {
        let wire = Wire::ref_from_bytes(theirs).map_err(|_| Refusal::Foreign)?;
        if wire.magic != MAGIC {
            return Err(Refusal::Foreign);
        }
        if wire.version.get() != VERSION {
            return Err(Refusal::Version);
        }
        if wire.role == self.role as u8 {
            return Err(Refusal::Role);
        }
        if wire.mode != mode_code(self.mode) {
            return Err(Refusal::Mode);
        }
        if wire.kind.get() != self.kind.unwrap_or(0) {
            return Err(Refusal::Type);
        }
        if wire.back_pressure != pressure_code(self.back_pressure) {
            return Err(Refusal::BackPressure);
        }
        let (ours, their) = (self.message_max, wire.message_max.get());
        let (sent, taken) = if self.role == Role::Sender { (ours, their) } else { (their, ours) };
        if sent > taken { Err(Refusal::MessageMax) } else { Ok(()) }
    }
}

fn mode_code(mode: ModeName) -> u8 {
    ModeName::ALL.iter().zip(1..).find(|(known, _)| **known == mode).map_or(0, |(_, code)| code)
}

/// How long somebody waits is its own matter; what happens then must be the same at both ends.
const fn pressure_code(back_pressure: BackPressure) -> u8 {
    match back_pressure {
        BackPressure::Block => 1,
        BackPressure::BlockFor(_) => 2,
        BackPressure::DropNewest => 3,
        BackPressure::DropOldest => 4,
        BackPressure::Error => 5,
    }
}

/// Why two ends do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is something else that speaks there.
    #[error("what is there is no channel of Packhorse")]
    Foreign,
    /// Another version of the protocol.
    #[error(
        "the other end speaks another version of the protocol: use one version of Packhorse at both ends"
    )]
    Version,
    /// Two senders, or two receivers.
    #[error("both ends are senders, or both receivers")]
    Role,
    /// Another mode.
    #[error("the other end is in another mode: open both in one")]
    Mode,
    /// Another type of message.
    #[error("the other end's messages are of another type: open both ends for one")]
    Type,
    /// The receiver takes shorter messages than the sender may send.
    #[error("the sender's messages may be longer than the receiver takes: give both ends one message_max")]
    MessageMax,
    /// Another answer to a full channel.
    #[error("the other end has another back pressure policy: give both ends one")]
    BackPressure,
    /// The mode allows one, and there is one.
    #[error("the place is taken: the mode allows one, and there is one")]
    Occupied,
    /// A number that this version does not know.
    #[error("the other end refused, for a reason that this version does not know")]
    Unknown,
}

impl Refusal {
    const KNOWN: [Self; 8] = [
        Self::Foreign,
        Self::Version,
        Self::Role,
        Self::Mode,
        Self::Type,
        Self::MessageMax,
        Self::BackPressure,
        Self::Occupied,
    ];

    /// As the body of a packet.
    pub(crate) fn encode(self) -> [u8; 8] {
        let code = Self::KNOWN.iter().zip(1_u32..).find(|(known, _)| **known == self);
        let [a, b, c, d] = code.map_or(0, |(_, code)| code).to_be_bytes();
        [a, b, c, d, 0, 0, 0, 0]
    }

    pub(crate) fn decode(body: &[u8]) -> Self {
        let code = body.first_chunk().map(|code| u32::from_be_bytes(*code));
        Self::KNOWN
            .into_iter()
            .zip(1..)
            .find(|(_, known)| Some(*known) == code)
            .map_or(Self::Unknown, |(r, _)| r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Greeting = Greeting {
        role: Role::Sender,
        mode: ModeName::Spsc,
        kind: None,
        message_max: 1000,
        capacity: 1 << 20,
        back_pressure: BackPressure::Block,
    };
    const RECEIVER: Greeting = Greeting { role: Role::Receiver, ..SENDER };

    #[test]
    fn two_ends_that_fit_agree() {
        assert_eq!(SENDER.agree(&RECEIVER.encode()), Ok(()));
        assert_eq!(RECEIVER.agree(&SENDER.encode()), Ok(()));
        let larger = Greeting { message_max: 2000, ..RECEIVER };
        assert_eq!(SENDER.agree(&larger.encode()), Ok(()));
    }

    #[test]
    fn each_difference_has_its_own_refusal_at_both_ends() {
        let different = [
            (Greeting { role: Role::Sender, ..RECEIVER }, Refusal::Role),
            (Greeting { mode: ModeName::Mpsc, ..RECEIVER }, Refusal::Mode),
            (Greeting { kind: Some(7), ..RECEIVER }, Refusal::Type),
            (Greeting { message_max: 999, ..RECEIVER }, Refusal::MessageMax),
            (Greeting { back_pressure: BackPressure::DropOldest, ..RECEIVER }, Refusal::BackPressure),
        ];
        for (other, refusal) in different {
            assert_eq!(SENDER.agree(&other.encode()), Err(refusal));
            assert_eq!(other.agree(&SENDER.encode()), Err(refusal));
            assert_eq!(Refusal::decode(&refusal.encode()), refusal);
        }
        let mut version = RECEIVER.encode();
        version[5] += 1;
        assert_eq!(SENDER.agree(&version), Err(Refusal::Version));
        assert_eq!(SENDER.agree(b"GET / HTTP/1.1\r\n\r\n"), Err(Refusal::Foreign));
        assert_eq!(Refusal::decode(&[0xFF; 8]), Refusal::Unknown);
        assert_eq!(Refusal::decode(&[]), Refusal::Unknown);
    }
}
