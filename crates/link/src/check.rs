//! Checks: whether a packet arrived as it was sent, [`Check`] and [`LengthCheck`], over any [`Checksum`].
//!
//! Against accidents, not against attackers: anybody can compute a CRC.

mod layers;

pub use layers::{Check, LengthCheck};

/// A check value over bytes, at most 32 bits wide.
pub trait Checksum {
    /// Bytes that the value takes on the wire, 1 to 4; it is sent big-endian.
    const WIDTH: usize;

    /// The value of `bytes`, in the lowest `8 * WIDTH` bits; the others are zero.
    fn checksum(bytes: &[u8]) -> u32;
}

/// CRC-32C (CRC-32/ISCSI, Castagnoli): polynomial 1EDC6F41 reflected, initial value and final XOR FFFFFFFF.
/// The value of `"123456789"` is E3069283 (catalogue of parametrised CRC algorithms,
/// reveng.sourceforge.io/crc-catalogue; test vectors of whole packets in RFC 3720, appendix B.4).
///
/// The features `crc-small`, `crc-large` and `crc-fast` trade memory for speed; the value is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crc32c;

/// CRC-16/SPI-FUJITSU: polynomial 1021, initial value 1D0F, no reflection, no final XOR. The value of
/// `"123456789"` is E5CC (catalogue of parametrised CRC algorithms, reveng.sourceforge.io/crc-catalogue).
///
/// The features `crc-small` and `crc-large` trade memory for speed; the value is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crc16SpiFujitsu;

#[cfg(feature = "crc-large")]
type Table = crc::Table<16>;
#[cfg(all(feature = "crc-small", not(feature = "crc-large")))]
type Table = crc::Table<1>;
#[cfg(not(any(feature = "crc-small", feature = "crc-large")))]
type Table = crc::NoTable;

#[cfg(not(feature = "crc-fast"))]
static CRC32C: crc::Crc<u32, Table> = crc::Crc::<u32, Table>::new(&crc::CRC_32_ISCSI);
static CRC16: crc::Crc<u16, Table> = crc::Crc::<u16, Table>::new(&crc::CRC_16_SPI_FUJITSU);

/// The crate gives every width as 64 bits of which the upper ones are zero.
#[cfg(feature = "crc-fast")]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both checks are at most 32 bits wide")]
fn crc_fast_value(algorithm: crc_fast::CrcAlgorithm, bytes: &[u8]) -> u32 {
    crc_fast::checksum(algorithm, bytes) as u32
}

impl Checksum for Crc32c {
    const WIDTH: usize = 4;

    #[inline]
    fn checksum(bytes: &[u8]) -> u32 {
        #[cfg(feature = "crc-fast")]
        return crc_fast_value(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes);
        #[cfg(not(feature = "crc-fast"))]
        CRC32C.checksum(bytes)
    }
}

impl Checksum for Crc16SpiFujitsu {
    const WIDTH: usize = 2;

    #[inline]
    fn checksum(bytes: &[u8]) -> u32 {
        // Below, setting up the vector registers costs more than a table (`cargo bench -p packhorse-link`).
        #[cfg(feature = "crc-fast")]
        if bytes.len() >= 256 {
            return crc_fast_value(crc_fast::CrcAlgorithm::Crc16SpiFujitsu, bytes);
        }
        u32::from(CRC16.checksum(bytes))
    }
}

impl Crc16SpiFujitsu {
    /// Goes on from `state`, the value of the bytes before `bytes`. No final XOR, so value and state are one.
    #[inline]
    pub(crate) fn resume(state: u16, bytes: &[u8]) -> u16 {
        let mut digest = CRC16.digest_with_initial(state);
        digest.update(bytes);
        digest.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_values_hold() {
        assert_eq!(Crc32c::checksum(b"123456789"), 0xE306_9283);
        assert_eq!(Crc16SpiFujitsu::checksum(b"123456789"), 0xE5CC);
    }

    #[test]
    fn every_way_to_compute_gives_the_same_value() {
        let plain32 = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISCSI);
        let plain16 = crc::Crc::<u16, crc::NoTable>::new(&crc::CRC_16_SPI_FUJITSU);
        let bytes: [u8; 700] = core::array::from_fn(|at| u8::try_from(at * 31 % 251).unwrap());
        for length in 0..bytes.len() {
            let bytes = &bytes[length / 3..length];
            assert_eq!(Crc32c::checksum(bytes), plain32.checksum(bytes));
            assert_eq!(Crc16SpiFujitsu::checksum(bytes), u32::from(plain16.checksum(bytes)));
        }
    }

    #[test]
    fn resuming_gives_the_value_of_the_whole() {
        let front = u16::try_from(Crc16SpiFujitsu::checksum(b"1234")).unwrap();
        assert_eq!(Crc16SpiFujitsu::resume(front, b"56789"), 0xE5CC);
    }
}
