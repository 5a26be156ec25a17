//! Whitening: frames are sent XORed with a fixed sequence, so that no payload, not even a recording of such frames, looks
//! like a marker for long, and a byte lost from a run of equal bytes is noticed.
//!
//! The sequence is that of the CCSDS pseudo-randomiser (CCSDS 131.0-B, chapter "Pseudo-randomizer"): x^8 + x^7 + x^5 +
//! x^3 + 1, all ones at the start, first bit in the highest place; it repeats after 255 bytes and begins FF 48 0E C0.

/// Bytes after which the sequence repeats.
const PERIOD: usize = 255;

/// XORs the sequence from its start into `bytes`; the same again takes it off.
pub(super) fn whiten(bytes: &mut [u8]) {
    whiten_from(0, bytes);
}

/// As [`whiten`], for bytes that lie `offset` behind the start.
#[cfg(feature = "rs-large")]
pub(super) fn whiten_from(offset: usize, bytes: &mut [u8]) {
    static SEQUENCE: [u8; PERIOD] = sequence();
    let add = |bytes: &mut [u8], sequence: &[u8]| {
        bytes.iter_mut().zip(sequence).for_each(|(byte, mask)| *byte ^= mask);
    };
    let (first, rest) = bytes.split_at_mut(bytes.len().min(PERIOD - offset % PERIOD));
    add(first, &SEQUENCE[offset % PERIOD..]);
    rest.chunks_mut(PERIOD).for_each(|run| add(run, &SEQUENCE));
}

/// As [`whiten`], for bytes that lie `offset` behind the start. Without a table: bit by bit.
#[cfg(not(feature = "rs-large"))]
pub(super) fn whiten_from(offset: usize, bytes: &mut [u8]) {
    let mut state = START;
    for _ in 0..offset % PERIOD {
        next(&mut state);
    }
    bytes.iter_mut().for_each(|byte| *byte ^= next(&mut state));
}

const START: u8 = 0xFF;

/// The next byte of the sequence: the state's bits leave at the low end, the first one into the highest place.
const fn next(state: &mut u8) -> u8 {
    let byte = state.reverse_bits();
    let mut bit = 0;
    while bit < 8 {
        let feedback = (*state ^ *state >> 3 ^ *state >> 5 ^ *state >> 7) & 1;
        *state = *state >> 1 | feedback << 7;
        bit += 1;
    }
    byte
}

#[cfg(any(test, feature = "rs-large"))]
const fn sequence() -> [u8; PERIOD] {
    let mut sequence = [0; PERIOD];
    let mut state = START;
    let mut at = 0;
    while at < PERIOD {
        sequence[at] = next(&mut state);
        at += 1;
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: [u8; PERIOD] = sequence();

    #[test]
    fn the_sequence_is_the_published_one() {
        assert_eq!(SEQUENCE[..5], [0xFF, 0x48, 0x0E, 0xC0, 0x9A]);
    }

    #[test]
    fn a_part_is_whitened_as_in_the_whole() {
        for offset in 0..600 {
            let (mut whole, mut parts) = ([0; 600], [0; 600]);
            whiten(&mut whole);
            let (front, behind) = parts.split_at_mut(offset);
            whiten(front);
            whiten_from(offset, behind);
            assert!(whole == parts, "{offset}");
        }
    }

    #[test]
    fn the_sequence_and_itself_shifted_agree_in_no_byte() {
        // So a recording of frames in a payload, whitened twice with a shift between, hides all of its markers.
        for shift in 1..PERIOD {
            assert!((0..PERIOD).all(|at| SEQUENCE[at] != SEQUENCE[(at + shift) % PERIOD]));
        }
        assert!(SEQUENCE.iter().all(|byte| *byte != 0));
    }
}
