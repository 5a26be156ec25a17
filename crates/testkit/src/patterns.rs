//! Bytes to test with: random, constant, text, and full of the values that framings care about.
//!
//! The same seed gives the same bytes on every machine and in every version of this crate, so a test
//! that fails prints its seed and nothing else. Not for secrets.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// What fresh test buffers are filled with, so that nobody relies on zeroes.
pub const FRESH: u8 = 0xA5;

/// Lengths around which length fields, stuffing blocks, pages and pipes go wrong.
pub const LENGTHS: &[usize] = &[
    0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 49, 50, 51, 63, 64, 65, 127, 128, 249, 250, 251, 253, 254, 255, 256,
    257, 507, 508, 509, 510, 511, 512, 1023, 1024, 1471, 1472, 1473, 4095, 4096, 4097, 65_535, 65_536,
    65_537,
];

/// A fresh buffer: `N` bytes of [`FRESH`].
#[must_use]
pub const fn fresh<const N: usize>() -> [u8; N] {
    [FRESH; N]
}

/// Random bytes, every value equally likely.
pub fn fill_random(seed: u64, bytes: &mut [u8]) {
    Xoshiro256PlusPlus::seed_from_u64(seed).fill_bytes(bytes);
}

/// `len` random bytes, every value equally likely: what no compressor and no special case helps with.
#[must_use]
pub fn random(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![FRESH; len];
    fill_random(seed, &mut bytes);
    bytes
}

/// `len` zeros: what every byte of COBS turns into a code, and what a hole in a file looks like.
#[must_use]
pub fn zeros(len: usize) -> Vec<u8> {
    vec![0; len]
}

/// The bytes 0, 1, .. 255, 0, ..: a lost or moved byte shows at once.
#[must_use]
pub fn counting(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(len).collect()
}

/// `len` bytes of lower-case words and lines: ASCII without any special byte.
#[must_use]
pub fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut word, mut line) = (0_u32, 0_u32);
    let mut bytes = Vec::with_capacity(len);
    for _ in 0..len {
        line += 1;
        if word > 0 {
            word -= 1;
            bytes.push(b'a' + below(&mut random, 26));
        } else {
            word = 1 + u32::from(below(&mut random, 9));
            let end = line > 70;
            line = if end { 0 } else { line };
            bytes.push(if end { b'\n' } else { b' ' });
        }
    }
    bytes
}

/// `len` bytes that are mostly the special ones of the framings (`FF FE FD FC 00 01`, the magic `PH`),
/// in runs and mixed with others: the worst case for stuffing, and full of false starts.
#[must_use]
pub fn specials(seed: u64, len: usize) -> Vec<u8> {
    const SPECIALS: [u8; 8] = [0xFF, 0xFE, 0xFD, 0xFC, 0x00, 0x01, b'P', b'H'];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut bytes = Vec::with_capacity(len + 16);
    while bytes.len() < len {
        match below(&mut random, 8) {
            // A run of one special, as in a picture's background.
            0 => {
                let special = SPECIALS[usize::from(below(&mut random, 8))];
                let run = usize::from(below(&mut random, 16));
                bytes.resize(bytes.len() + run, special);
            }
            1 => bytes.push(random.next_u64().to_le_bytes()[0]),
            _ => bytes.push(SPECIALS[usize::from(below(&mut random, 8))]),
        }
    }
    bytes.truncate(len);
    bytes
}

/// Every kind of bytes above, `len` of each, with its name for messages.
#[must_use]
pub fn all(seed: u64, len: usize) -> [(&'static str, Vec<u8>); 6] {
    [
        ("random", random(seed, len)),
        ("zeros", zeros(len)),
        ("ones", vec![0xFF; len]),
        ("counting", counting(len)),
        ("text", text(seed, len)),
        ("specials", specials(seed, len)),
    ]
}

/// A value below `limit`; the bias of 2^-56 is of no concern to a test.
fn below(random: &mut Xoshiro256PlusPlus, limit: u8) -> u8 {
    let scaled = (u128::from(random.next_u64()) * u128::from(limit)) >> 64;
    u8::try_from(scaled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        assert_eq!(all(7, 1000), all(7, 1000));
        assert_ne!(random(7, 1000), random(8, 1000));
        assert_ne!(text(7, 1000), text(8, 1000));
        assert_ne!(specials(7, 1000), specials(8, 1000));
    }

    #[test]
    fn the_bytes_of_a_seed_never_change() {
        // Recorded when this was written: a generator that gives others makes the seeds of old failures worthless.
        assert_eq!(random(1, 8), [155, 194, 3, 111, 127, 208, 197, 207]);
    }

    #[test]
    fn every_pattern_has_the_asked_length() {
        for &len in LENGTHS {
            for (name, bytes) in all(3, len) {
                assert_eq!(bytes.len(), len, "{name}");
            }
        }
    }

    #[test]
    fn text_has_no_special_bytes_and_specials_have_all_of_them() {
        assert!(text(1, 10_000).iter().all(|byte| byte.is_ascii_lowercase() || b" \n".contains(byte)));
        let specials = specials(1, 10_000);
        for special in [0xFF, 0xFE, 0xFD, 0xFC, 0x00, 0x01, b'P', b'H'] {
            assert!(specials.iter().filter(|&&byte| byte == special).count() > 500, "{special:02x}");
        }
    }
}
