//! The body of a frame: the packet, and behind it the parity of the codewords into which both are dealt.
//!
//! ```text
//!   depth 4, parity 2    | 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 | 3 0 1 2 3 0 1 2 |     the codeword of each byte
//!                        | packet, 15 bytes in order     | parity, 4 * 2   |
//! ```
//! Byte `i` belongs to codeword `i` modulo depth. So a packet lies in the body as it is, and a run of `depth` wrong bytes
//! is one wrong byte in each codeword.

use super::correct::errors;
use super::remainder::{Remainder, of_lanes};
use super::{CODEWORD_MAX, DEPTH_MAX, PARITY_MAX};

/// Most bytes of a packet in any frame: what the header's field can say.
pub(super) const DATA_MAX: usize = (1 << 14) - 1;

/// How strong frames are: parity bytes of a codeword, and how many codewords share a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    parity: u8,
    depth: u8,
}

impl Code {
    /// Half as many wrong bytes as `parity`, an even number from 2 to 32, are corrected in each of `depth` codewords, 1
    /// to 64; `None` for other numbers.
    #[must_use]
    pub const fn new(parity: usize, depth: usize) -> Option<Self> {
        if parity < 2 || parity > PARITY_MAX || !parity.is_multiple_of(2) || depth == 0 || depth > DEPTH_MAX {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked the lines before")]
        Some(Self { parity: parity as u8, depth: depth as u8 })
    }

    /// Parity bytes of a codeword: twice the errors that are corrected in it.
    #[must_use]
    pub const fn parity(self) -> usize {
        self.parity as usize
    }

    /// Codewords in a frame: a run of so many wrong bytes hits each once.
    #[must_use]
    pub const fn depth(self) -> usize {
        self.depth as usize
    }

    /// Bytes of the longest packet in such a frame.
    #[must_use]
    pub const fn packet_max(self) -> usize {
        let most = self.depth() * (CODEWORD_MAX - self.parity());
        if most < DATA_MAX { most } else { DATA_MAX }
    }

    /// The code for a packet of `len` bytes: less depth for short packets, so that their parity does not outgrow them,
    /// and more for long ones, so that they fit. `None` above what the greatest depth takes.
    pub(super) const fn fitting(self, len: usize) -> Option<Self> {
        /// Bytes of a short packet that a codeword has at least.
        const SHORT: usize = 48;
        let least = len.div_ceil(CODEWORD_MAX - self.parity());
        let sensible = len.div_ceil(SHORT);
        let depth = if sensible < self.depth() { sensible } else { self.depth() };
        let depth = if depth < least { least } else { depth };
        if len > DATA_MAX { None } else { Self::new(self.parity(), if depth == 0 { 1 } else { depth }) }
    }
}

impl Default for Code {
    /// Parity 8 in depth 8: for one wrong byte in a thousand, single or in runs of twenty.
    fn default() -> Self {
        Self { parity: 8, depth: 8 }
    }
}

/// What lies in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of the packet, at most [`DATA_MAX`].
    pub(super) data: usize,
    pub(super) code: Code,
}

impl Geometry {
    /// `None` when the codewords would be longer than there are.
    pub(super) const fn new(data: usize, code: Code) -> Option<Self> {
        let longest = data.div_ceil(code.depth()) + code.parity();
        if data > DATA_MAX || longest > CODEWORD_MAX { None } else { Some(Self { data, code }) }
    }

    /// Bytes of packet and parity.
    pub(super) const fn len(self) -> usize {
        self.data + self.code.parity() * self.code.depth()
    }

    /// Bytes of the codeword in this lane, 0 to depth - 1, with its parity.
    const fn codeword(self, lane: usize) -> usize {
        (self.len() - lane).div_ceil(self.code.depth())
    }
}

/// Writes the parity of the packet at the front of `body`, which is [`Geometry::len`] long, behind it.
pub(super) fn protect(geometry: Geometry, body: &mut [u8]) {
    let depth = geometry.code.depth();
    let (data, parity) = body.split_at_mut(geometry.data);
    remainders(geometry, data, |lane, remainder| {
        // The first parity byte in this lane.
        let first = (lane + depth - geometry.data % depth) % depth;
        for (to, byte) in parity.iter_mut().skip(first).step_by(depth).zip(remainder) {
            *to = *byte;
        }
    });
}

/// What was wrong in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Bytes, those of the parity included.
    pub(super) bytes: usize,
    /// Whether there were any in the parity: then it may be that bytes are missing, and the next frame begins in it.
    pub(super) in_parity: bool,
}

/// Corrects the packet in `body` in place and says what was wrong; `None`, and nothing changed, when that is impossible.
/// The parity stays as it came.
pub(super) fn restore(geometry: Geometry, body: &mut [u8]) -> Option<Wrong> {
    let (parity, depth) = (geometry.code.parity(), geometry.code.depth());
    let mut damaged = 0_u64;
    let mut possible = true;
    remainders(geometry, body, |lane, remainder| {
        if *remainder != [0; PARITY_MAX] {
            damaged |= 1 << lane;
            possible = possible && errors(remainder, parity, geometry.codeword(lane)).is_some();
        }
    });
    if !possible {
        return None;
    }
    let mut wrong = Wrong::default();
    while damaged != 0 {
        let lane = damaged.trailing_zeros() as usize;
        damaged &= damaged - 1;
        let (rows, tail) = body.split_at(body.len() / depth * depth);
        let [remainder] = of_lanes::<1>(parity, rows, depth, lane, tail);
        if let Some(errors) = errors(&remainder, parity, geometry.codeword(lane)) {
            wrong.bytes += errors.count();
            for (row, change) in errors.iter() {
                match body[..geometry.data].get_mut(lane + row * depth) {
                    Some(byte) => *byte ^= change,
                    None => wrong.in_parity = true,
                }
            }
        }
    }
    Some(wrong)
}

/// Calls `each` with the remainder of every codeword, of its bytes in `bytes`.
fn remainders(geometry: Geometry, bytes: &[u8], mut each: impl FnMut(usize, &Remainder)) {
    let (parity, depth) = (geometry.code.parity(), geometry.code.depth());
    let (rows, tail) = bytes.split_at(bytes.len() / depth * depth);
    let mut lane = 0;
    // Where there is room for tables, time counts and not the program.
    while cfg!(feature = "rs-large") && lane + 4 <= depth {
        let four = of_lanes::<4>(parity, rows, depth, lane, tail);
        four.iter().enumerate().for_each(|(at, remainder)| each(lane + at, remainder));
        lane += 4;
    }
    while lane < depth {
        let [remainder] = of_lanes::<1>(parity, rows, depth, lane, tail);
        each(lane, &remainder);
        lane += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(data: usize, parity: usize, depth: usize) -> (Geometry, [u8; 2000], usize) {
        let geometry = Geometry::new(data, Code::new(parity, depth).unwrap()).unwrap();
        let mut body = [0; 2000];
        for (at, byte) in body[..data].iter_mut().enumerate() {
            *byte = (at * 31 + at / 7).to_le_bytes()[0];
        }
        let len = geometry.len();
        protect(geometry, &mut body[..len]);
        (geometry, body, len)
    }

    #[test]
    fn as_many_errors_as_the_code_corrects_in_every_codeword() {
        for (data, parity, depth) in
            [(1, 2, 1), (253, 2, 1), (15, 2, 4), (900, 8, 4), (1000, 12, 5), (500, 32, 7), (70, 20, 64)]
        {
            let (geometry, sound, len) = body(data, parity, depth);
            let mut hurt = sound;
            assert_eq!(restore(geometry, &mut hurt[..len]), Some(Wrong::default()));
            // The same count in each lane, in neighbouring rows from the front, and from the end.
            let run = (parity / 2 * depth).min(len);
            for from in [0, (len - run) / 2, len - run] {
                hurt[from..from + run].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(3) ^ 0x5B);
                let wrong = hurt.iter().zip(&sound).filter(|(hurt, byte)| hurt != byte).count();
                let found = restore(geometry, &mut hurt[..len]).unwrap();
                let in_parity = hurt[data..len] != sound[data..len];
                assert_eq!((found.bytes, found.in_parity), (wrong, in_parity));
                assert!(hurt[..data] == sound[..data], "{data} {parity} {depth}");
                hurt = sound;
            }
        }
    }

    #[test]
    fn too_many_errors_change_nothing_or_are_taken_for_few() {
        let (geometry, sound, len) = body(900, 8, 4);
        for at in 0..50 {
            let mut hurt = sound;
            // Seven in one lane.
            (0..7).for_each(|i| hurt[(at + i * i) * 4] ^= 0x77);
            let before = hurt;
            if restore(geometry, &mut hurt[..len]).is_none() {
                assert!(hurt == before);
            }
        }
    }
}
