//! [`Ack`]: what a receiver tells the sender: how the link does, and what is missing of which object.
//!
//! Every ACK says all that the receiver knows, so one that is lost costs nothing but time, and one that comes twice
//! says nothing new. It is never longer than the memory it was written in: a list that does not fit is cut, and says so.

use packhorse_buffer::{DecodeError, DecodeErrorKind, PacketBuf, Storage, TooShort};
use zerocopy::byteorder::{BE, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::EncodeError;

/// What a receiver has and lacks. All integers are big-endian.
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | kind of message: 02 |
/// | 1 | 1 | version: 1 |
/// | 2 | 2 | flags: bit 0 SESSION END has come; others are sent as 0 and ignored |
/// | 4 | 8 | session id |
/// | 12 | 4 | receiver: a random number of its own |
/// | 16 | 4 | the highest packet sequence number that came in this session |
/// | 20 | 4 | microseconds since that packet came, at most 2^32 - 1 |
/// | 24 | 4 | the receiver's clock when the last packet of the session came, microseconds modulo 2^32 |
/// | 28 | 4 | bytes of the session's packets so far, modulo 2^32 |
/// | 32 | 4 | packets of the session so far, modulo 2^32 |
/// | 36 | 4 | packets whose check failed so far, of any session, modulo 2^32 |
/// | 40 | | entries, one an object, until the end of the message |
///
/// An entry:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 4 | index of the object in its session |
/// | 4 | 1 | state: 0 receiving, 1 everything came, 2 verified, 3 failed: send it again, 4 refused |
/// | 5 | 1 | form: bit 0 the list is cut, bit 1 it counts symbols of source blocks instead of blocks |
/// | 6 | 2 | items in the list |
/// | 8 | 4 | end: what lies below and is not in the list has come |
/// | 12 | 6 an item | u32 the first missing block and u16 how many, or u32 a source block and u16 how many symbols it lacks |
///
/// A list that is not cut is all that is known: what lies at or above `end` has not come. Of a list that is cut,
/// nothing is said about what lies there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack<'a> {
    /// SESSION END has come.
    pub session_ended: bool,
    /// The session.
    pub session: u64,
    /// The receiver.
    pub receiver: u32,
    /// The highest packet sequence number of the session, in the modulus of the profile.
    pub sequence: u32,
    /// Microseconds since the packet with that number came.
    pub held_us: u32,
    /// The receiver's clock in microseconds when the last packet came, modulo 2^32.
    pub clock_us: u32,
    /// Bytes of the session's packets, modulo 2^32.
    pub bytes: u32,
    /// Packets of the session, modulo 2^32.
    pub packets: u32,
    /// Packets whose check failed, modulo 2^32.
    pub damaged: u32,
    /// The entries as they lie on the wire: what [`AckWriter`] wrote.
    pub list: &'a [u8],
}

/// How an object stands with a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckState {
    /// Blocks are missing.
    #[default]
    Receiving,
    /// Everything came and is being verified.
    Whole,
    /// It stands under its name.
    Verified,
    /// Its bytes do not have the hash.
    Failed,
    /// The receiver does not take it.
    Refused,
}

/// What an [`Ack`] says of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckEntry<'a> {
    /// Its index in the session.
    pub index: u32,
    /// How it stands.
    pub state: AckState,
    /// The list counts symbols of source blocks; otherwise it has ranges of blocks.
    pub symbols: bool,
    /// The list was cut.
    pub cut: bool,
    /// What lies below and is not in the list has come.
    pub end: u32,
    items: &'a [u8],
}

impl<'a> Ack<'a> {
    /// Bytes in front of the entries.
    pub const HEADER: usize = size_of::<Fields>();

    /// What it says of each object, in the order in which it was written.
    #[must_use]
    pub const fn entries(&self) -> AckEntries<'a> {
        AckEntries { rest: self.list }
    }

    pub(crate) fn write<S: Storage>(
        &self,
        kind: u8,
        version: u8,
        buf: &mut PacketBuf<S>,
    ) -> Result<(), EncodeError> {
        let fields = Fields {
            kind,
            version,
            flags: U16::from(if self.session_ended { SESSION_ENDED } else { 0 }),
            session: self.session.into(),
            receiver: self.receiver.into(),
            sequence: self.sequence.into(),
            held_us: self.held_us.into(),
            clock_us: self.clock_us.into(),
            bytes: self.bytes.into(),
            packets: self.packets.into(),
            damaged: self.damaged.into(),
        };
        let memory = buf.put(Self::HEADER + self.list.len())?;
        let (header, entries) = memory.split_at_mut(Self::HEADER);
        header.copy_from_slice(fields.as_bytes());
        entries.copy_from_slice(self.list);
        Ok(())
    }

    pub(crate) fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let (fields, entries) = Fields::ref_from_prefix(message)
            .map_err(|_| TooShort { needed: Self::HEADER, available: message.len() }.at("transfer", 0))?;
        let mut rest = entries;
        while !rest.is_empty() {
            let at = message.len() - rest.len();
            (_, rest) = split(rest).map_err(|error| DecodeError { offset: at + error.offset, ..error })?;
        }
        Ok(Self {
            session_ended: fields.flags.get() & SESSION_ENDED != 0,
            session: fields.session.get(),
            receiver: fields.receiver.get(),
            sequence: fields.sequence.get(),
            held_us: fields.held_us.get(),
            clock_us: fields.clock_us.get(),
            bytes: fields.bytes.get(),
            packets: fields.packets.get(),
            damaged: fields.damaged.get(),
            list: entries,
        })
    }
}

impl<'a> AckEntry<'a> {
    /// The list: the first missing block and how many, or a source block and the symbols that it lacks.
    pub fn items(&self) -> impl Iterator<Item = (u32, u16)> + use<'a> {
        self.items
            .chunks_exact(size_of::<Item>())
            .filter_map(|item| Item::ref_from_bytes(item).ok())
            .map(|item| (item.first.get(), item.count.get()))
    }

    /// Items in the list.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len() / size_of::<Item>()
    }

    /// Whether the list is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Iterator over what an [`Ack`] says of each object.
#[derive(Clone, Copy, Debug)]
pub struct AckEntries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for AckEntries<'a> {
    type Item = AckEntry<'a>;

    fn next(&mut self) -> Option<AckEntry<'a>> {
        // Checked when it was read; what was put together wrongly ends here.
        let (entry, rest) = split(self.rest).ok()?;
        self.rest = rest;
        Some(entry)
    }
}

/// Writes the entries of an [`Ack`] into memory that bounds it.
#[derive(Debug)]
pub struct AckWriter<'m> {
    memory: &'m mut [u8],
    len: usize,
}

impl<'m> AckWriter<'m> {
    /// Writes into `memory`, which is the room that the packet has behind [`Ack::HEADER`].
    #[must_use]
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, len: 0 }
    }

    /// Adds an object. As many of `items` as fit; when not all do, the list is cut and ends where its last item ends.
    /// False when there is no room for the object.
    pub fn entry(
        &mut self,
        (index, state): (u32, AckState),
        symbols: bool,
        end: u32,
        items: impl Iterator<Item = (u32, u16)>,
    ) -> bool {
        let Some(room) = self.memory.get_mut(self.len..) else { return false };
        if room.len() < size_of::<EntryFields>() {
            return false;
        }
        let (head, list) = room.split_at_mut(size_of::<EntryFields>());
        let mut slots = list.chunks_exact_mut(size_of::<Item>()).take(usize::from(u16::MAX));
        let (mut count, mut end, mut cut) = (0_u16, end, false);
        let mut below = 0;
        for (first, many) in items {
            let Some(slot) = slots.next() else {
                (end, cut) = (below, true);
                break;
            };
            slot.copy_from_slice(Item { first: first.into(), count: many.into() }.as_bytes());
            below = first.saturating_add(if symbols { 1 } else { u32::from(many) });
            count += 1;
        }
        let form = if cut { CUT } else { 0 } | if symbols { SYMBOLS } else { 0 };
        let fields = EntryFields {
            index: index.into(),
            state: state.to_byte(),
            form,
            count: count.into(),
            end: end.into(),
        };
        head.copy_from_slice(fields.as_bytes());
        self.len += size_of::<EntryFields>() + usize::from(count) * size_of::<Item>();
        true
    }

    /// What was written, for [`Ack::list`].
    #[must_use]
    pub fn finish(self) -> &'m [u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl AckState {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Receiving => 0,
            Self::Whole => 1,
            Self::Verified => 2,
            Self::Failed => 3,
            Self::Refused => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Receiving,
            1 => Self::Whole,
            2 => Self::Verified,
            3 => Self::Failed,
            4 => Self::Refused,
            _ => return None,
        })
    }
}

const SESSION_ENDED: u16 = 1;
const CUT: u8 = 1;
const SYMBOLS: u8 = 2;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fields {
    kind: u8,
    version: u8,
    flags: U16<BE>,
    session: U64<BE>,
    receiver: U32<BE>,
    sequence: U32<BE>,
    held_us: U32<BE>,
    clock_us: U32<BE>,
    bytes: U32<BE>,
    packets: U32<BE>,
    damaged: U32<BE>,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct EntryFields {
    index: U32<BE>,
    state: u8,
    form: u8,
    count: U16<BE>,
    end: U32<BE>,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Item {
    first: U32<BE>,
    count: U16<BE>,
}

/// The entry at the front, and what follows it.
fn split(bytes: &[u8]) -> Result<(AckEntry<'_>, &[u8]), DecodeError> {
    let (fields, rest) = EntryFields::ref_from_prefix(bytes).map_err(|_| {
        TooShort { needed: size_of::<EntryFields>(), available: bytes.len() }.at("transfer", 0)
    })?;
    let state = AckState::from_byte(fields.state).ok_or(DecodeError {
        layer: "transfer",
        offset: 4,
        kind: DecodeErrorKind::Unsupported { value: fields.state.into() },
    })?;
    let len = usize::from(fields.count.get()) * size_of::<Item>();
    let (items, rest) = rest.split_at_checked(len).ok_or_else(|| {
        TooShort { needed: len, available: rest.len() }.at("transfer", size_of::<EntryFields>())
    })?;
    let entry = AckEntry {
        index: fields.index.get(),
        state,
        symbols: fields.form & SYMBOLS != 0,
        cut: fields.form & CUT != 0,
        end: fields.end.get(),
        items,
    };
    Ok((entry, rest))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_list_that_does_not_fit_is_cut_and_says_so() {
        let mut memory = [0; 12 + 3 * 6 + 5];
        let mut writer = AckWriter::new(&mut memory);
        assert!(writer.entry((7, AckState::Receiving), false, 900, (0..10).map(|n| (n * 10, 2))));
        assert!(!writer.entry((8, AckState::Whole), false, 1, core::iter::empty()));
        let ack = Ack { list: writer.finish(), ..Ack::default() };
        let [entry, ..] = &ack.entries().collect::<Vec<_>>()[..] else { panic!("one entry") };
        assert!(entry.cut && !entry.symbols);
        assert_eq!((entry.index, entry.end, entry.len()), (7, 22, 3));
        assert!(entry.items().eq([(0, 2), (10, 2), (20, 2)]));
    }

    #[test]
    fn several_objects_fit_one_message() {
        let mut memory = [0; 64];
        let mut writer = AckWriter::new(&mut memory);
        assert!(writer.entry((0, AckState::Verified), false, 5, core::iter::empty()));
        assert!(writer.entry((1, AckState::Receiving), true, 3, [(0, 4), (2, 1)].into_iter()));
        let ack = Ack { session: 9, receiver: 4, list: writer.finish(), ..Ack::default() };
        let mut buf = PacketBuf::new([0; 128]);
        ack.write(2, 1, &mut buf).unwrap();
        let read = Ack::read(buf.as_slice()).unwrap();
        assert_eq!(read, ack);
        assert_eq!(
            read.entries().map(|entry| entry.state).collect::<Vec<_>>(),
            [AckState::Verified, AckState::Receiving]
        );
        for cut in 1..buf.len() {
            // At the end of an entry it is an ACK that says less; anywhere else it is refused.
            let whole = cut == Ack::HEADER || cut == Ack::HEADER + 12;
            assert_eq!(Ack::read(&buf.as_slice()[..cut]).is_ok(), whole, "{cut}");
        }
    }
}
