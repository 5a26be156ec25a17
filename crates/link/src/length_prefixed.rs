//! [`LengthPrefixed`]: frames that say their length in front, in a header with a check of its own.
//!
//! ```text
//!   0      2         3              6              8
//!   | 5048 | version | length (u24) | check (u16)  | packet, length bytes |
//!     "PH"   1                        CRC-16/SPI-FUJITSU of bytes 0 to 5          all big-endian
//! ```
//!
//! For streams that lose nothing by themselves (pipe, TCP): nothing is stuffed, packets stay where they are. If
//! bytes are damaged all the same, a header that does not hold is junk and the next one that does is searched. If
//! bytes are missing from a packet, its frame reaches into the next ones. What stands behind a refused frame tells
//! the two apart:
//!
//! ```text
//!   | header | packet, refused      | header ...         nothing is missing: the packet is skipped
//!   | header | packet, refused      |                    the stream ends here: the same
//!   | header | packet, refu | header | pac | ket ...     no header behind: the search goes on inside
//! ```
//!
//! On links that lose bytes often use a framing with marks: a packet from which bytes are missing and that carries
//! recorded frames as its payload gives those frames away. Source: `docs/src/wire-format.md`, profile `native`.

use memchr::memchr;
use packhorse_buffer::{DecodeError, DecodeErrorKind, Layer, NoRoom, PacketBuf, Side, Storage, log_debug};

use crate::check::{Checksum, Crc16SpiFujitsu};
use crate::credit::Credit;
use crate::{FrameStats, Framing, Reject, Step};

const MAGIC: [u8; 2] = *b"PH";
const VERSION: u8 = 1;
/// Bytes in the header.
const HEADER: usize = 8;
/// What the u24 can say.
const LENGTH_MAX: usize = 0x00FF_FFFF;
/// Frames with a checked length in front: see the [module](self). As a [`Layer`] it pushes the same header in place.
#[derive(Clone, Debug)]
pub struct LengthPrefixed {
    packet_max: usize,
    /// Bytes of the frame at the front, header included, once its header has been checked.
    whole: Option<usize>,
    /// Bytes at the front that cannot start a frame: the header of one that was given up.
    skip: usize,
    /// Bytes of the last frame handed on, header included.
    last: usize,
    /// The refused frame at the front, until the bytes behind it are there.
    refused: Option<Refused>,
    /// Whether the bytes before the front were junk.
    in_junk: bool,
    credit: Credit,
    stats: FrameStats,
}

/// A frame that the check inside refused and that was given back.
#[derive(Clone, Copy, Debug)]
struct Refused {
    /// Bytes from the front to the end that its header states.
    len: usize,
    /// Whether the bytes that are there end exactly with it.
    is_last: bool,
}

impl LengthPrefixed {
    /// A framing that neither sends nor accepts packets longer than `packet_max` bytes, 2^24 - 1 at most.
    #[must_use]
    pub const fn new(packet_max: usize) -> Self {
        let packet_max = if packet_max < LENGTH_MAX { packet_max } else { LENGTH_MAX };
        Self {
            packet_max,
            whole: None,
            skip: 0,
            last: 0,
            refused: None,
            in_junk: false,
            credit: Credit::new(packet_max + HEADER),
            stats: FrameStats::new(),
        }
    }

    /// The header for a packet of `length` bytes, for those who send header and packet as two pieces.
    ///
    /// # Errors
    /// [`NoRoom`] on [`Side::Tail`] when the packet is longer than this framing allows.
    #[inline]
    pub fn header(&self, length: usize) -> Result<[u8; HEADER], NoRoom> {
        let too_long = NoRoom { side: Side::Tail, needed: length, available: self.packet_max };
        if length > self.packet_max {
            return Err(too_long);
        }
        let [_, high, middle, low] = u32::try_from(length).map_err(|_| too_long)?.to_be_bytes();
        let [first, second] = check(&[high, middle, low]).to_be_bytes();
        Ok([MAGIC[0], MAGIC[1], VERSION, high, middle, low, first, second])
    }

    /// The next header in `bytes`: how many bytes of junk are in front of it, and the length of its packet unless
    /// the header is not whole yet.
    fn seek(&mut self, bytes: &[u8]) -> (usize, Option<usize>) {
        // On a sound stream the header is right here.
        if let Some(Ok(length)) = bytes.first_chunk().map(parse)
            && length <= self.packet_max
        {
            return (0, Some(length));
        }
        let mut at = 0;
        loop {
            match memchr(MAGIC[0], &bytes[at..]) {
                Some(junk) => at += junk,
                None => return (bytes.len(), None),
            }
            match (bytes.get(at + 1), bytes[at..].first_chunk()) {
                (Some(second), _) if *second != MAGIC[1] => at += 1,
                (_, None) => return (at, None),
                (_, Some(header)) => {
                    match parse(header) {
                        Ok(length) if length <= self.packet_max => return (at, Some(length)),
                        Ok(length) => {
                            log_debug!("header of a packet that is too long: {} bytes", length);
                            self.stats.long += 1;
                        }
                        Err(error) => {
                            log_debug!("header refused: {:?}", error);
                            self.stats.bad_length += 1;
                        }
                    }
                    at += MAGIC.len();
                }
            }
        }
    }

    /// Logged once for each run of junk, wherever that is cut.
    #[inline]
    fn count_junk(&mut self, bytes: usize) {
        self.stats.junk_bytes += bytes as u64;
        if bytes > 0 && !self.in_junk {
            log_debug!("junk, {} bytes or more: searching for a header", bytes);
        }
        self.in_junk = bytes > 0 && self.whole.is_none();
    }
}

impl Framing for LengthPrefixed {
    const IN_PLACE: Option<usize> = Some(HEADER);

    #[inline]
    fn frame_in_place<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        self.push((), buf)
    }

    fn frame_len_max(&self, packet: usize) -> usize {
        packet.saturating_add(HEADER)
    }

    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let header = self.header(packet.len())?;
        let needed = HEADER + packet.len();
        let available = out.len();
        let Some(out) = out.get_mut(..needed) else {
            return Err(NoRoom { side: Side::Tail, needed, available });
        };
        out[..HEADER].copy_from_slice(&header);
        out[HEADER..].copy_from_slice(packet);
        Ok(needed)
    }

    fn deframe(&mut self, bytes: &mut [u8]) -> Step {
        if let Some(refused) = &mut self.refused {
            let Some(behind) = bytes.get(refused.len..).and_then(<[u8]>::first_chunk) else {
                refused.is_last = refused.len == bytes.len();
                return Step::More { consumed: 0 };
            };
            if parse(behind).is_ok() {
                self.skip = refused.len;
            }
            self.refused = None;
        }
        let mut at = core::mem::take(&mut self.skip).min(bytes.len());
        if self.whole.is_none() {
            let (junk, length) = self.seek(&bytes[at..]);
            at += junk;
            self.whole = length.map(|length| HEADER + length);
        }
        self.count_junk(at);
        match self.whole {
            Some(whole) if whole <= bytes.len() - at => {
                self.whole = None;
                self.last = whole;
                self.stats.frames += 1;
                let end = at + whole;
                self.credit.consume(end);
                Step::Frame { packet: at + HEADER..end, consumed: end }
            }
            _ => {
                self.last = 0;
                self.credit.consume(at);
                Step::More { consumed: at }
            }
        }
    }

    fn reject(&mut self, why: Reject) -> usize {
        if why != Reject::Damaged {
            if let Some(refused) = self.refused.take() {
                // Its first byte is the version, which starts no header.
                self.skip = if why == Reject::Ended && refused.is_last { refused.len } else { 1 };
            } else if self.whole.take().is_some() {
                self.stats.cut(why);
                self.skip = MAGIC.len();
            } else {
                self.skip = 1;
            }
            return 0;
        }
        // The next header can start behind the magic of this one.
        let back = core::mem::take(&mut self.last).saturating_sub(MAGIC.len());
        if back == 0 || !self.credit.give_back(back) {
            return 0;
        }
        self.refused = Some(Refused { len: back, is_last: false });
        back
    }

    fn reset(&mut self) {
        if self.whole.take().is_some() {
            self.stats.cut(Reject::Ended);
        }
        self.skip = 0;
        self.last = 0;
        self.refused = None;
        self.in_junk = false;
        self.credit.forget();
    }

    fn stats(&self) -> &FrameStats {
        &self.stats
    }
}

impl Layer for LengthPrefixed {
    const HEADROOM: usize = HEADER;
    const TAILROOM: usize = 0;
    type Tx = ();
    type Rx = ();
    type Error = DecodeError;

    /// # Errors
    /// Besides too small a buffer, a packet that is longer than this framing allows: see [`LengthPrefixed::header`].
    #[inline]
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = self.header(buf.len())?;
        buf.push(HEADER)?.copy_from_slice(&header);
        Ok(())
    }

    /// # Errors
    /// When the buffer is not exactly one frame: [`Truncated`](DecodeErrorKind::Truncated) header,
    /// [`BadValue`](DecodeErrorKind::BadValue) of the magic, [`BadCheck`](DecodeErrorKind::BadCheck) of the header,
    /// [`Unsupported`](DecodeErrorKind::Unsupported) version, [`BadLength`](DecodeErrorKind::BadLength).
    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), DecodeError> {
        let header = buf.pull(HEADER).map_err(|short| short.at("link", 0))?;
        let mut copy = [0; HEADER];
        copy.copy_from_slice(header);
        let stated = parse(&copy)?;
        let expected = buf.len();
        if stated != expected || stated > self.packet_max {
            let kind = DecodeErrorKind::BadLength { stated, expected: expected.min(self.packet_max) };
            return Err(DecodeError { layer: "link", offset: 3, kind });
        }
        Ok(())
    }
}

/// The length that a header states, if it holds.
#[inline]
fn parse(header: &[u8; HEADER]) -> Result<usize, DecodeError> {
    let refuse = |offset, kind| Err(DecodeError { layer: "link", offset, kind });
    let [p, h, version, high, middle, low, first, second] = *header;
    if [p, h] != MAGIC {
        let value = u64::from(u16::from_be_bytes([p, h]));
        return refuse(0, DecodeErrorKind::BadValue { value });
    }
    let stated = u16::from_be_bytes([first, second]);
    let computed = if version == VERSION {
        u32::from(check(&[high, middle, low]))
    } else {
        Crc16SpiFujitsu::checksum(&header[..HEADER - 2])
    };
    if u32::from(stated) != computed {
        return refuse(6, DecodeErrorKind::BadCheck { stated: u32::from(stated), computed });
    }
    if version != VERSION {
        return refuse(2, DecodeErrorKind::Unsupported { value: u64::from(version) });
    }
    Ok(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

/// The check of a header of this version with these length bytes. Magic and version never change, so the check
/// goes on from theirs.
#[inline]
fn check(length: &[u8; 3]) -> u16 {
    const FRONT: u16 =
        crc::Crc::<u16, crc::NoTable>::new(&crc::CRC_16_SPI_FUJITSU).checksum(&[MAGIC[0], MAGIC[1], VERSION]);
    Crc16SpiFujitsu::resume(FRONT, length)
}
