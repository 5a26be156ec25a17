//! The remainder of a codeword by the generator polynomial: what a sender puts behind the data, and what is zero at a
//! receiver when nothing was damaged. Here the time goes.
//!
//! ```text
//!   codeword   | data ......... | parity |        the sum over i of byte i * x^(length - 1 - i) divides by
//!                                                 g(x) = (x - 2^0) (x - 2^1) ... (x - 2^(parity - 1))
//! ```
//! With feature `rs-large` a table of 256 remainders for each of the sixteen codes (80 KiB in all) takes one look-up a
//! byte; without it `parity` multiplications a byte and 512 bytes of tables do. The bytes are the same.

use super::PARITY_MAX;
use super::field::{mul, power};

/// A remainder, highest power first; bytes behind the code's parity are zero.
pub(super) type Remainder = [u8; PARITY_MAX];

/// The remainders of `LANES` neighbouring codewords of an interleaved block: `rows` holds their data, a row of `depth`
/// bytes for each byte of a codeword, and the codewords are those in columns `from..from + LANES`. Data only, or the
/// parity with it.
///
/// `tail` is the last, shorter row; columns that it does not reach are one byte shorter.
pub(super) fn of_lanes<const LANES: usize>(
    parity: usize,
    rows: &[u8],
    depth: usize,
    from: usize,
    tail: &[u8],
) -> [Remainder; LANES] {
    #[cfg(feature = "rs-large")]
    return tables::of_lanes(parity, rows, depth, from, tail);
    #[cfg(not(feature = "rs-large"))]
    {
        let generator = &generator(parity);
        let mut remainders = [[0; PARITY_MAX]; LANES];
        for row in rows.chunks_exact(depth) {
            for (remainder, byte) in remainders.iter_mut().zip(&row[from..]) {
                step(generator, parity, remainder, *byte);
            }
        }
        for (remainder, byte) in remainders.iter_mut().zip(tail.get(from..).unwrap_or_default()) {
            step(generator, parity, remainder, *byte);
        }
        remainders
    }
}

/// Takes one more byte into a remainder.
#[cfg(not(feature = "rs-large"))]
fn step(generator: &Remainder, parity: usize, remainder: &mut Remainder, byte: u8) {
    let lead = remainder[0] ^ byte;
    remainder.copy_within(1..parity, 0);
    remainder[parity - 1] = 0;
    for (to, factor) in remainder[..parity].iter_mut().zip(generator) {
        *to ^= mul(lead, *factor);
    }
}

/// The generator polynomial of a code without its leading 1, highest power first.
const fn generator(parity: usize) -> Remainder {
    let mut product = [0_u8; PARITY_MAX + 1];
    product[0] = 1;
    let mut degree = 0;
    while degree < parity {
        let root = power(degree);
        let mut at = degree + 1;
        while at > 0 {
            product[at] = product[at - 1] ^ mul(product[at], root);
            at -= 1;
        }
        product[0] = mul(product[0], root);
        degree += 1;
    }
    let mut generator = [0; PARITY_MAX];
    let mut at = 0;
    while at < parity {
        generator[at] = product[parity - 1 - at];
        at += 1;
    }
    generator
}

#[cfg(feature = "rs-large")]
mod tables {
    use super::{PARITY_MAX, Remainder, generator, mul};

    /// A remainder in words, highest power in the highest byte of the first.
    type Words<const W: usize> = [u64; W];
    /// What a leading byte leaves.
    type Table<const W: usize> = [Words<W>; 256];

    pub(super) fn of_lanes<const LANES: usize>(
        parity: usize,
        rows: &[u8],
        depth: usize,
        from: usize,
        tail: &[u8],
    ) -> [Remainder; LANES] {
        macro_rules! with_table {
            ($($parity:literal $words:literal),*) => { match parity {
                $( $parity => {
                    static TABLE: Table<$words> = table($parity);
                    divide(&TABLE, rows, depth, from, tail)
                } )*
                _ => [[0; PARITY_MAX]; LANES],
            } };
        }
        with_table!(
            2 1, 4 1, 6 1, 8 1, 10 2, 12 2, 14 2, 16 2, 18 3, 20 3, 22 3, 24 3, 26 4, 28 4, 30 4, 32 4
        )
    }

    #[inline]
    fn divide<const W: usize, const LANES: usize>(
        table: &Table<W>,
        rows: &[u8],
        depth: usize,
        from: usize,
        tail: &[u8],
    ) -> [Remainder; LANES] {
        let mut lanes = [[0; W]; LANES];
        for row in rows.chunks_exact(depth) {
            let Some(bytes) = row.get(from..).and_then(<[u8]>::first_chunk::<LANES>) else { break };
            for (lane, byte) in lanes.iter_mut().zip(bytes) {
                step(table, lane, *byte);
            }
        }
        for (lane, byte) in lanes.iter_mut().zip(tail.get(from..).unwrap_or_default()) {
            step(table, lane, *byte);
        }
        lanes.map(|lane| {
            let mut remainder = [0; PARITY_MAX];
            for (to, word) in remainder.chunks_exact_mut(8).zip(lane) {
                to.copy_from_slice(&word.to_be_bytes());
            }
            remainder
        })
    }

    /// Takes one more byte into a remainder.
    #[inline]
    fn step<const W: usize>(table: &Table<W>, lane: &mut Words<W>, byte: u8) {
        let left = &table[usize::from(lane[0].to_be_bytes()[0] ^ byte)];
        for at in 0..W {
            let next = if at + 1 < W { lane[at + 1] >> 56 } else { 0 };
            lane[at] = (lane[at] << 8 | next) ^ left[at];
        }
    }

    const fn table<const W: usize>(parity: usize) -> Table<W> {
        let generator = generator(parity);
        let mut table = [[0; W]; 256];
        let mut lead = 0_u8;
        loop {
            let mut at = 0;
            while at < parity {
                table[lead as usize][at / 8] |= (mul(lead, generator[at]) as u64) << (56 - at % 8 * 8);
                at += 1;
            }
            if lead == 255 {
                return table;
            }
            lead += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(polynomial: &[u8], x: u8) -> u8 {
        polynomial.iter().fold(0, |sum, byte| mul(sum, x) ^ byte)
    }

    #[test]
    fn data_with_its_remainder_is_zero_at_every_root() {
        let data: [u8; 200] = core::array::from_fn(|at| power(at * 7).wrapping_add(at.to_le_bytes()[0]));
        for parity in (2..=PARITY_MAX).step_by(2) {
            let [remainder] = of_lanes::<1>(parity, &data, 1, 0, &[]);
            assert!(remainder[parity..].iter().all(|byte| *byte == 0));
            let mut whole = [0; 200 + PARITY_MAX];
            whole[..200].copy_from_slice(&data);
            whole[200..200 + parity].copy_from_slice(&remainder[..parity]);
            let whole = &whole[..200 + parity];
            for root in 0..parity {
                assert_eq!(value(whole, power(root)), 0, "parity {parity}, root {root}");
            }
            assert_ne!(value(whole, power(parity)), 0);
            assert_eq!(of_lanes::<1>(parity, whole, 1, 0, &[]), [[0; PARITY_MAX]]);
        }
    }

    #[test]
    fn lanes_side_by_side_are_what_each_is_alone() {
        let block: [u8; 59] = core::array::from_fn(|at| power(at * at));
        let (rows, tail) = block.split_at(56);
        for parity in [2, 8, 10, 18, 32] {
            let lanes = of_lanes::<4>(parity, rows, 8, 1, tail);
            for (lane, remainder) in lanes.iter().enumerate() {
                let mut alone = [0; 8];
                let len =
                    block[1 + lane..].iter().step_by(8).zip(&mut alone).map(|(from, to)| *to = *from).count();
                assert_eq!([*remainder], of_lanes::<1>(parity, &alone[..len], 1, 0, &[]));
            }
        }
    }
}
