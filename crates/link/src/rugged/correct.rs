//! Which bytes of a codeword are wrong, and by how much, from its remainder: syndromes, Berlekamp-Massey, Chien, Forney
//! (S. Lin and D. Costello, "Error Control Coding", 2nd edition, chapters 6 and 7).
//!
//! Finds up to half as many errors as there is parity. Beyond that it mostly says so, and sometimes finds a wrong
//! codeword: the check inside the frame has the last word.

use super::PARITY_MAX;
use super::field::{div, log, mul, power};
use super::remainder::Remainder;

/// Errors that can be found at most.
const ERRORS_MAX: usize = PARITY_MAX / 2;

/// The errors of a codeword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Errors {
    found: [(u8, u8); ERRORS_MAX],
    count: usize,
}

impl Errors {
    /// Bytes from the start of the codeword, and what to add to (XOR into) the byte there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        self.found[..self.count].iter().map(|(at, change)| (usize::from(*at), *change))
    }

    /// How many.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    fn add(&mut self, at: usize, change: u8) {
        if let (Some(slot), Ok(at)) = (self.found.get_mut(self.count), u8::try_from(at)) {
            *slot = (at, change);
            self.count += 1;
        }
    }
}

/// The errors of a codeword of `len` bytes, at most 255, with this remainder (of the codeword times x^parity); `None` when there are too many.
pub(super) fn errors(remainder: &Remainder, parity: usize, len: usize) -> Option<Errors> {
    let mut syndromes = [0; PARITY_MAX];
    let mut any = 0;
    for (root, syndrome) in syndromes[..parity].iter_mut().enumerate() {
        let x = power(root);
        let value = remainder[..parity].iter().fold(0, |sum, byte| mul(sum, x) ^ byte);
        *syndrome = div(value, power(root * parity));
        any |= *syndrome;
    }
    let mut errors = Errors::default();
    if any == 0 {
        return Some(errors);
    }
    let (locator, count) = locator(&syndromes[..parity]);
    if count == 0 || count > parity / 2 {
        return None;
    }
    let evaluator = evaluator(&syndromes[..parity], &locator, count);
    if count == 1 {
        // By far the most frequent: the root of 1 + cx is at 1/c.
        let at = log(locator[1]);
        if locator[1] == 0 || at >= len {
            return None;
        }
        errors.add(len - 1 - at, evaluator[0]);
        return Some(errors);
    }
    // terms[i] is coefficient i times x^-(i * e): the locator's value at 2^-e is their sum.
    let mut terms = locator;
    for e in 0..len {
        let value = terms[..=count].iter().fold(0, |sum, term| sum ^ term);
        if value == 0 {
            errors.add(len - 1 - e, magnitude(&evaluator, &locator, count, e));
            if errors.count == count {
                break;
            }
        }
        for (i, term) in terms[1..=count].iter_mut().enumerate() {
            *term = div(*term, power(i + 1));
        }
    }
    (errors.count == count).then_some(errors)
}

type Polynomial = [u8; ERRORS_MAX + 1];

/// The shortest locator polynomial, lowest power first, and its degree (Berlekamp-Massey).
fn locator(syndromes: &[u8]) -> (Polynomial, usize) {
    const LEN: usize = PARITY_MAX + 1;
    let (mut current, mut previous) = ([0_u8; LEN], [0_u8; LEN]);
    current[0] = 1;
    previous[0] = 1;
    let (mut degree, mut since, mut last) = (0, 1, 1);
    for n in 0..syndromes.len() {
        let mut discrepancy = syndromes[n];
        for i in 1..=degree {
            discrepancy ^= mul(current[i], syndromes[n - i]);
        }
        if discrepancy == 0 {
            since += 1;
            continue;
        }
        let factor = div(discrepancy, last);
        let before = current;
        for i in since..LEN {
            current[i] ^= mul(factor, previous[i - since]);
        }
        if 2 * degree <= n {
            degree = n + 1 - degree;
            previous = before;
            last = discrepancy;
            since = 1;
        } else {
            since += 1;
        }
    }
    let mut locator = [0; ERRORS_MAX + 1];
    locator.copy_from_slice(&current[..=ERRORS_MAX]);
    (locator, degree)
}

/// The evaluator polynomial, lowest power first: syndromes times locator, below power `count`.
fn evaluator(syndromes: &[u8], locator: &Polynomial, count: usize) -> Polynomial {
    let mut evaluator = [0; ERRORS_MAX + 1];
    for (power, to) in evaluator[..count].iter_mut().enumerate() {
        *to = (0..=power).fold(0, |sum, i| sum ^ mul(locator[i], syndromes[power - i]));
    }
    evaluator
}

/// What the error `e` bytes from the codeword's end adds (Forney).
fn magnitude(evaluator: &Polynomial, locator: &Polynomial, count: usize, e: usize) -> u8 {
    let inverse = div(1, power(e));
    let (mut above, mut below, mut x) = (0, 0, 1);
    for i in 0..=count {
        above ^= mul(evaluator[i], x);
        // The derivative has the odd coefficients, one power lower.
        if i % 2 == 1 {
            below ^= mul(locator[i], div(x, inverse));
        }
        x = mul(x, inverse);
    }
    mul(power(e), div(above, below))
}
