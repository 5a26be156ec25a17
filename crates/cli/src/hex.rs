//! `packhorse hex`: bytes as lines of hex digits and back, for links that pass only text.
//!
//! ```text
//!   stdin   | 32 bytes            | 32 bytes            | 7 bytes   |
//!   stdout  | 64 digits, newline  | 64 digits, newline  | 14 digits, newline
//! ```
//! What was read is written before more is read: on an interactive link nothing waits for a line to fill.

use std::io::{Read, Write};

use anyhow::{Context as _, bail};

use crate::args::{HexArgs, HexWay};
use crate::exit::{self, Exit};
use crate::stdio::{CHUNK, Input, Output};

/// Bytes in a line.
const LINE: usize = 32;

pub(crate) fn run(args: &HexArgs) -> anyhow::Result<Exit> {
    let (input, output) = (Input::stdin()?, Output::stdout()?);
    exit::filter(match args.way {
        HexWay::Encode => encode(input, output),
        HexWay::Decode => decode(input, output),
    })
}

fn encode(mut input: impl Read, mut output: impl Write) -> anyhow::Result<()> {
    let mut bytes = vec![0; CHUNK];
    let mut digits = Vec::with_capacity(CHUNK / LINE * (2 * LINE + 1) + 2 * LINE);
    // Bytes already in the line under way.
    let mut column = 0;
    loop {
        let len = input.read(&mut bytes).context("cannot read standard input")?;
        digits.clear();
        if len == 0 {
            if column > 0 {
                digits.push(b'\n');
            }
            return output.write_all(&digits).context("cannot write to standard output");
        }
        column = encode_run(&bytes[..len], column, &mut digits);
        output.write_all(&digits).context("cannot write to standard output")?;
    }
}

/// Appends the digits of `bytes`, of which the first goes to `column`; returns the next one's column.
fn encode_run(bytes: &[u8], mut column: usize, digits: &mut Vec<u8>) -> usize {
    let (front, rest) = bytes.split_at((LINE - column).min(bytes.len()));
    for byte in front {
        digits.extend_from_slice(&PAIRS[usize::from(*byte)]);
    }
    column += front.len();
    if column < LINE {
        return column;
    }
    digits.push(b'\n');
    let (lines, rest) = rest.as_chunks::<LINE>();
    for line in lines {
        // One bounds check and one append a line.
        let mut text = [b'\n'; 2 * LINE + 1];
        for (pair, byte) in text.chunks_exact_mut(2).zip(line) {
            pair.copy_from_slice(&PAIRS[usize::from(*byte)]);
        }
        digits.extend_from_slice(&text);
    }
    for byte in rest {
        digits.extend_from_slice(&PAIRS[usize::from(*byte)]);
    }
    rest.len()
}

fn decode(mut input: impl Read, mut output: impl Write) -> anyhow::Result<()> {
    let mut text = vec![0; CHUNK];
    let mut bytes = Vec::with_capacity(CHUNK / 2 + 1);
    let mut decoder = Decoder::default();
    loop {
        let len = input.read(&mut text).context("cannot read standard input")?;
        bytes.clear();
        let outcome = if len == 0 { decoder.finish() } else { decoder.decode(&text[..len], &mut bytes) };
        // Everything in front of the error is good.
        output.write_all(&bytes).context("cannot write to standard output")?;
        outcome?;
        if len == 0 {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Decoder {
    /// Characters of the input in front of what is decoded next.
    offset: u64,
    /// The first digit of a byte whose second has not come yet.
    high: Option<u8>,
}

impl Decoder {
    fn decode(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            if self.high.is_none() {
                // Whole lines of digits; anything else goes the careful way, character by character.
                while let Some(line) = rest.first_chunk::<{ 2 * LINE }>().and_then(decode_line) {
                    bytes.extend_from_slice(&line);
                    self.offset += 2 * LINE as u64;
                    rest = &rest[2 * LINE..];
                }
            }
            let Some((character, after)) = rest.split_first() else { break };
            match (VALUES[usize::from(*character)], self.high.take()) {
                (BLANK, high) => self.high = high,
                (BAD, _) => bail!(
                    "the input has {} at offset {}, which is no hex digit; is it the output of packhorse hex encode?",
                    name(*character),
                    self.offset
                ),
                (low, Some(high)) => bytes.push(high << 4 | low),
                (high, None) => self.high = Some(high),
            }
            self.offset += 1;
            rest = after;
        }
        Ok(())
    }

    fn finish(&self) -> anyhow::Result<()> {
        if self.high.is_some() {
            bail!(
                "the input ends at offset {} with half a byte (an odd number of digits); it was cut off",
                self.offset
            );
        }
        Ok(())
    }
}

fn decode_line(text: &[u8; 2 * LINE]) -> Option<[u8; LINE]> {
    let mut bytes = [0; LINE];
    let mut all = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        *byte = high << 4 | low & 0xF;
        all |= high | low;
    }
    (all < 0x10).then_some(bytes)
}

fn name(character: u8) -> String {
    if character.is_ascii_graphic() {
        format!("'{}'", char::from(character))
    } else {
        format!("byte {character:#04x}")
    }
}

/// Not a digit: a blank.
const BLANK: u8 = 0x20;
/// Neither a digit nor a blank.
const BAD: u8 = 0x40;

/// What each character stands for.
static VALUES: [u8; 256] = {
    let mut values = [BAD; 256];
    let blanks = b" \t\r\n\x0B\x0C";
    let mut i = 0;
    while i < blanks.len() {
        values[blanks[i] as usize] = BLANK;
        i += 1;
    }
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 15]];
        byte += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(bytes, &mut out).unwrap();
        out
    }

    fn decoded(text: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        decode(text, &mut out).map(|()| out).map_err(|error| error.to_string())
    }

    /// Gives few bytes a read.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let len = self.1.min(self.0.len()).min(into.len());
            let (front, rest) = self.0.split_at(len);
            into[..len].copy_from_slice(front);
            self.0 = rest;
            Ok(len)
        }
    }

    #[test]
    fn lines_have_64_digits_and_the_last_one_ends_too() {
        assert_eq!(encoded(b""), b"");
        assert_eq!(encoded(b"\x00\xff\x1a"), b"00ff1a\n");
        let text = String::from_utf8(encoded(&[0xAB; 70])).unwrap();
        let lengths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [64, 64, 12]);
        assert!(text.ends_with('\n'));
        assert_eq!(encoded(&[1; 64]).len(), 130);
    }

    #[test]
    fn however_the_input_is_cut_the_lines_are_the_same_and_come_back() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let whole = encoded(&bytes);
        for step in [1, 7, 31, 32, 33, 64, 65, 999] {
            let mut text = Vec::new();
            encode(Slow(&bytes, step), &mut text).unwrap();
            assert_eq!(text, whole, "{step}");
            let mut back = Vec::new();
            decode(Slow(&text, step), &mut back).unwrap();
            assert_eq!(back, bytes, "{step}");
        }
    }

    #[test]
    fn decoding_takes_any_case_blanks_and_line_ends() {
        assert_eq!(decoded(b"00Ff\r\n 1 A\t"), Ok(vec![0, 255, 0x1A]));
        let windows = String::from_utf8(encoded(&[0xCD; 200])).unwrap().to_uppercase().replace('\n', "\r\n");
        assert_eq!(decoded(windows.as_bytes()), Ok(vec![0xCD; 200]));
    }

    #[test]
    fn errors_name_the_place() {
        assert!(decoded(b"00fg").unwrap_err().contains("'g' at offset 3"));
        let late = [&encoded(&[7; 1000])[..], b"\x00"].concat();
        assert!(decoded(&late).unwrap_err().contains("byte 0x00 at offset 2032"));
        let in_line = [&[b'0'; 64][..], b"\n", &[b'0'; 40], b"-", &[b'0'; 60]].concat();
        assert!(decoded(&in_line).unwrap_err().contains("'-' at offset 105"));
        assert!(decoded(b"00f\n").unwrap_err().contains("half a byte"));
    }
}
