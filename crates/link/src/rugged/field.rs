//! GF(256): bytes as elements of a field, by tables of powers and logarithms (768 bytes, 512 without
//! `rs-large`).
//!
//! Not polynomials of them: those are in `code` and `correct`. The field is the one of x^8 + x^4 + x^3 + x^2 + 1 (11D),
//! with 2 as its generator, as in QR codes and CCSDS-like links (ISO/IEC 18004).

/// Powers in the table: twice around where room does not matter, so that a sum of two logarithms needs no modulo.
const COUNT: usize = if cfg!(feature = "rs-large") { 510 } else { 255 };
/// `POWERS[e]` is 2 to the power of `e`.
const POWERS: [u8; COUNT] = powers();
/// `LOGS[a]` is the logarithm of `a`, below 255; that of 0 does not exist and is 0 here.
const LOGS: [u8; 256] = logs();

/// The product.
#[inline]
pub(super) const fn mul(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 { 0 } else { exp(log(a) + log(b)) }
}

/// `a / b`; 0 when `b` is 0.
#[inline]
pub(super) const fn div(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 { 0 } else { exp(log(a) + 255 - log(b)) }
}

/// 2 to the power of `e`.
#[inline]
pub(super) const fn power(e: usize) -> u8 {
    POWERS[e % 255]
}

/// The logarithm of `a`, which is not 0: below 255.
#[inline]
pub(super) const fn log(a: u8) -> usize {
    LOGS[a as usize] as usize
}

/// 2 to the power of `e`, which is below 510.
#[inline]
const fn exp(e: usize) -> u8 {
    POWERS[if COUNT == 255 && e >= 255 { e - 255 } else { e }]
}

const fn powers() -> [u8; COUNT] {
    let mut powers = [0; COUNT];
    let (mut e, mut x) = (0, 1_u16);
    while e < COUNT {
        powers[e] = x.to_be_bytes()[1];
        x <<= 1;
        if x & 0x100 != 0 {
            x ^= 0x11D;
        }
        e += 1;
    }
    powers
}

const fn logs() -> [u8; 256] {
    let mut logs = [0; 256];
    let mut e = 0_u8;
    while e < 255 {
        logs[POWERS[e as usize] as usize] = e;
        e += 1;
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quotient_times_its_divisor_is_the_dividend() {
        for a in 0..=255 {
            for b in 1..=255 {
                assert_eq!(mul(div(a, b), b), a);
                assert_eq!(mul(a, b), mul(b, a));
            }
        }
    }

    #[test]
    fn a_product_is_that_of_the_polynomials() {
        for a in 0..=255_u8 {
            for b in 0..=255_u8 {
                let mut product = 0_u16;
                for bit in 0..8 {
                    product ^= if b >> bit & 1 == 1 { u16::from(a) << bit } else { 0 };
                }
                for bit in (8..15).rev() {
                    product ^= if product >> bit & 1 == 1 { 0x11D << (bit - 8) } else { 0 };
                }
                assert_eq!(u16::from(mul(a, b)), product);
            }
        }
    }
}
