//! [`Blake3`]: the function of the BLAKE3 paper (section 2), small instead of fast, for objects of a stated size.
//!
//! ```text
//!   chunks of 1 KiB    | 0 | 1 | 2 | 3 | 4 | 5 .            chunk 5 is being filled
//!   stack              [ parent of 0..4 ] [ 4 ]             one value for each bit of 5: at most DEPTH
//! ```
//! A third of a kilobyte where the crate `blake3` keeps 1.9: there the stack is made for 2^54 chunks.

use super::ObjectHash;
use packhorse_transfer::HashKind;

/// BLAKE3 of objects of at most 2^`DEPTH` KiB, in 32 * `DEPTH` + 120 bytes.
#[derive(Clone, Debug)]
pub struct Blake3<const DEPTH: usize> {
    /// Chaining values of finished subtrees, largest first.
    stack: [Value; DEPTH],
    chunk: Chunk,
    /// Finished chunks.
    chunks: u32,
}

impl<const DEPTH: usize> Default for Blake3<DEPTH> {
    // Not inlined: it is made where it stays, not copied there.
    #[inline(never)]
    fn default() -> Self {
        const { assert!(0 < DEPTH && DEPTH < 32, "a tree of 1 to 31 levels") };
        Self { stack: [[0; 8]; DEPTH], chunk: Chunk::default(), chunks: 0 }
    }
}

impl<const DEPTH: usize> ObjectHash for Blake3<DEPTH> {
    const KIND: HashKind = HashKind::Blake3;
    const MOST: u64 = 1024 << DEPTH;

    /// Bytes beyond [`MOST`](ObjectHash::MOST) make the hash a wrong one.
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.chunk.len == CHUNK {
                self.add();
            }
            let n = bytes.len().min(usize::from(CHUNK - self.chunk.len));
            self.chunk.update(&bytes[..n], self.chunks);
            bytes = &bytes[n..];
        }
    }

    // Not inlined, as the two below: what each computes with is on the stack one after the other, not side by side.
    #[inline(never)]
    fn finish(&mut self) -> [u8; 32] {
        let mut output = self.chunk.output(self.chunks);
        let held = self.chunks.count_ones() as usize;
        for left in self.stack.iter().take(held).rev() {
            output.become_parent(left);
        }
        let mut hash = [0; 32];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(output.compress(ROOT)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        // What is on the stack is not read before it is written.
        self.chunks = 0;
        self.chunk.restart();
        hash
    }
}

impl<const DEPTH: usize> Blake3<DEPTH> {
    /// A chunk is finished: joins it with the subtrees of its own size.
    #[inline(never)]
    fn add(&mut self) {
        let mut output = self.chunk.output(self.chunks);
        self.chunk.restart();
        self.chunks += 1;
        let merges = self.chunks.trailing_zeros() as usize;
        // Before this chunk there was one more for each merge.
        let held = (self.chunks - 1).count_ones() as usize;
        let stays = held.saturating_sub(merges);
        for left in self.stack.iter().take(held).skip(stays).rev() {
            output.become_parent(left);
        }
        if let Some(place) = self.stack.get_mut(stays) {
            *place = output.compress(0);
        }
    }
}

type Value = [u32; 8];

/// Bytes of a chunk.
const CHUNK: u16 = 1024;

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

/// The first words of the fractional parts of the square roots of the first eight primes, as in SHA-256.
const IV: Value =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];

/// Where each word of the message goes between two rounds.
const PERMUTATION: [u8; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

/// The words that a quarter round mixes: columns, then diagonals.
const QUARTERS: [[u8; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// The chunk that is being filled. Its last block waits until more comes, or the end.
#[derive(Clone, Debug)]
struct Chunk {
    value: Value,
    block: [u8; 64],
    /// Bytes of the chunk so far.
    len: u16,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { value: IV, block: [0; 64], len: 0 }
    }
}

impl Chunk {
    /// In place: another one is not on the stack beside it.
    fn restart(&mut self) {
        self.value = IV;
        self.block.fill(0);
        self.len = 0;
    }

    #[inline(never)]
    fn update(&mut self, mut bytes: &[u8], number: u32) {
        while !bytes.is_empty() {
            let mut at = usize::from(self.len % 64);
            if at == 0 && self.len > 0 {
                let mut output = self.output(number);
                output.flags = self.start(64);
                self.value = output.compress(0);
                self.block = [0; 64];
                at = 0;
            }
            let n = bytes.len().min(64 - at);
            self.block[at..at + n].copy_from_slice(&bytes[..n]);
            // At most 1024.
            self.len += u16::try_from(n).unwrap_or(0);
            bytes = &bytes[n..];
        }
    }

    /// The flag of the chunk's first block, when the block under way ends `self.len` bytes into the chunk.
    fn start(&self, block: u16) -> u32 {
        if self.len <= block { CHUNK_START } else { 0 }
    }

    fn output(&self, number: u32) -> Output {
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        let len = match self.len % 64 {
            0 if self.len > 0 => 64,
            rest => u32::from(rest),
        };
        let flags = self.start(64) | CHUNK_END;
        Output { value: self.value, words, counter: number, len, flags }
    }
}

/// What goes into the last compression of a node, which the root does with one more flag.
struct Output {
    value: Value,
    words: [u32; 16],
    counter: u32,
    len: u32,
    flags: u32,
}

impl Output {
    /// BLAKE3 paper, section 2.2: seven rounds over the value, the message and what is known about it. Its first half, which is
    /// all that hashes of 32 bytes need.
    #[inline(never)]
    fn compress(&self, more_flags: u32) -> Value {
        let mut state = [0; 16];
        state[..8].copy_from_slice(&self.value);
        state[8..12].copy_from_slice(&IV[..4]);
        state[12..].copy_from_slice(&[self.counter, 0, self.len, self.flags | more_flags]);
        // Where the words of the message are by now, instead of the words.
        let mut order: [u8; 16] = core::array::from_fn(|at| at.to_le_bytes()[0]);
        for round in 0..7 {
            if round > 0 {
                order = PERMUTATION.map(|from| order[usize::from(from)]);
            }
            for (quarter, words) in QUARTERS.iter().zip(order.chunks_exact(2)) {
                let word = |at: u8| self.words[usize::from(at)];
                mix(&mut state, quarter.map(usize::from), word(words[0]), word(words[1]));
            }
        }
        core::array::from_fn(|at| state[at] ^ state[at + 8])
    }

    /// The node above this one and its left neighbour.
    fn become_parent(&mut self, left: &Value) {
        let right = self.compress(0);
        self.words[..8].copy_from_slice(left);
        self.words[8..].copy_from_slice(&right);
        (self.value, self.counter, self.len, self.flags) = (IV, 0, 64, PARENT);
    }
}

fn mix(state: &mut [u32; 16], [a, b, c, d]: [usize; 4], x: u32, y: u32) {
    for (word, [first, second]) in [(x, [16, 12]), (y, [8, 7])] {
        state[a] = state[a].wrapping_add(state[b]).wrapping_add(word);
        state[d] = (state[d] ^ state[a]).rotate_right(first);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_right(second);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn ours(bytes: &[u8], piece: usize) -> [u8; 32] {
        let mut hash = Blake3::<6>::default();
        bytes.chunks(piece).for_each(|piece| hash.update(piece));
        hash.finish()
    }

    #[test]
    fn the_hash_is_that_of_the_crate_at_every_border() {
        let bytes: Vec<u8> = (0..64 * 1024_u32).map(|n| (n % 251) as u8).collect();
        for len in [0, 1, 63, 64, 65, 128, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 5120, 7168, 8192, 31_744]
            .into_iter()
            .chain([65_535, 65_536])
        {
            for piece in [1, 7, 48, 64, 1024, 5000] {
                assert_eq!(
                    ours(&bytes[..len], piece),
                    *::blake3::hash(&bytes[..len]).as_bytes(),
                    "{len} bytes in pieces of {piece}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn the_hash_is_that_of_the_crate(bytes in proptest::collection::vec(0_u8.., 0..9000), piece in 1_usize..2000) {
            proptest::prop_assert_eq!(ours(&bytes, piece), *::blake3::hash(&bytes).as_bytes());
        }
    }
}
