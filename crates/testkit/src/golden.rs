//! Golden vectors: files and the streams that the public radio toolkit makes of them.
//!
//! The wire format is described in the book, profile `ftag`; here are only bytes. Every stream has block size 50,
//! three repeats, eight METAs first, one META every 50 ticks, and the file name `NAME.bin` in the META.
//!
//! | vector | file | stream |
//! |---|---|---|
//! | `one`, `hundred`, `stuffing` | 1, 100 and 173 bytes | come with the description of the wire format |
//! | `metas` | 3000 random bytes | captured from the output of the public toolkit's own sender |
//! | `border` | 2400 bytes, byte `i` is `(i * 7) & 255` | captured likewise |

pub mod spead;

/// A file and what goes over the wire for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Golden {
    /// What the vector is called. The file's name on the wire is this with `.bin` behind it.
    pub name: &'static str,
    /// The file.
    pub file: &'static [u8],
    /// The stream, from the first opening `FF` to the last closing one.
    pub stream: &'static [u8],
}

impl Golden {
    /// Bytes of the file in one block, in every vector here.
    pub const FTAG_BLOCK: u8 = 50;
    /// How often a block is repeated after it was sent once, in every vector here.
    pub const FTAG_REPEATS: u32 = 3;

    /// The file's name on the wire.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.bin", self.name)
    }
}

macro_rules! vector {
    ($name:literal) => {
        Golden {
            name: $name,
            file: include_bytes!(concat!("../golden/ftag/", $name, ".bin")),
            stream: include_bytes!(concat!("../golden/ftag/", $name, ".stream")),
        }
    };
}

const FTAG: &[Golden] =
    &[vector!("one"), vector!("hundred"), vector!("stuffing"), vector!("metas"), vector!("border")];

/// The vectors of profile `ftag`: one byte; the bytes 0 to 99; 173 bytes that all need care in stuffing;
/// 3000 bytes with METAs between the blocks; 2400 bytes whose last META stands right before END.
#[must_use]
pub fn ftag() -> &'static [Golden] {
    FTAG
}

/// The vector of that name.
///
/// # Panics
/// When there is none: the name is wrong.
#[must_use]
pub fn ftag_named(name: &str) -> &'static Golden {
    let found = FTAG.iter().find(|golden| golden.name == name);
    found.unwrap_or_else(|| panic!("there is no golden vector {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_a_run_of_framed_packets() {
        for golden in ftag() {
            assert!(!golden.file.is_empty(), "{}", golden.name);
            assert_eq!(golden.stream.first(), Some(&0xFF), "{}", golden.name);
            assert_eq!(golden.stream.last(), Some(&0xFF), "{}", golden.name);
            let borders = golden.stream.iter().filter(|&&byte| byte == 0xFF).count();
            assert_eq!(borders % 2, 0, "{}", golden.name);
        }
    }

    #[test]
    fn the_name_on_the_wire_ends_in_bin_and_a_zero() {
        for golden in ftag() {
            let mut name = golden.file_name().into_bytes();
            name.push(0);
            assert!(golden.stream.windows(name.len()).any(|run| run == name), "{}", golden.name);
        }
    }

    #[test]
    fn the_file_of_border_is_as_described() {
        let byte = |i: usize| u8::try_from((i * 7) & 255).unwrap_or_default();
        assert_eq!(ftag_named("border").file, (0..2400).map(byte).collect::<Vec<_>>());
        assert_eq!(ftag_named("metas").file.len(), 3000);
    }

    #[test]
    fn a_vector_is_found_by_its_name() {
        assert_eq!(ftag_named("one").file.len(), 1);
        assert_eq!(ftag_named("hundred").file.len(), 100);
    }
}
