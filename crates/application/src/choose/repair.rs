//! How much must be sent beside an object's own blocks, so that it arrives with a chance of 99.9 %.

use super::tails::{as_f64, fewer_than};

/// The chance of failure that is left to blocks and symbols; as much is left to announcements and ends.
pub(super) const FAILURE: f64 = 5e-4;
/// Symbols beyond those of the source block with which a RaptorQ code practically never fails (RFC 6330: one in a
/// hundred without, one in ten thousand with one, one in a million with two).
const BEYOND: u64 = 1;
/// Nothing chosen is larger.
const MOST: u32 = 1 << 20;

/// Repair symbols that each of `source_blocks` source blocks of `symbols` source symbols needs beside them, when packets
/// are lost with chance `loss`: none when none are lost.
#[must_use]
pub fn repair_symbols(symbols: u32, source_blocks: u32, loss: f64) -> u32 {
    if symbols == 0 || loss <= 0.0 {
        return 0;
    }
    let failure = FAILURE / f64::from(source_blocks.max(1));
    let fails = |repair: u32| {
        let (sent, needed) = (u64::from(symbols) + u64::from(repair), u64::from(symbols) + BEYOND);
        // With all source symbols there, nothing is decoded.
        let whole = libm::exp(f64::from(symbols) * libm::log1p(-loss));
        (fewer_than(sent, 1.0 - loss, needed) - if repair == 0 { whole } else { 0.0 }) > failure
    };
    least(fails)
}

/// Copies of each of `blocks` blocks beside the first, when packets are lost with chance `loss`.
#[must_use]
pub fn copies(blocks: u32, loss: f64) -> u32 {
    // All copies of a block are lost with this chance, any block's with at most so many times it.
    least(|copies| as_f64(blocks.into()) * libm::pow(loss, f64::from(copies) + 1.0) > FAILURE).min(255)
}

/// How often something must be sent that has to arrive once, of `packets` packets each. Packets of different sendings
/// complete one another.
#[must_use]
pub fn times(packets: u32, loss: f64) -> u32 {
    let fails = |more: u32| f64::from(packets) * libm::pow(loss, f64::from(more) + 1.0) > FAILURE / 10.0;
    1 + least(fails).min(254)
}

/// The least number for which `fails` is false, which it stays above.
fn least(fails: impl Fn(u32) -> bool) -> u32 {
    let mut high = 0;
    while fails(high) {
        if high >= MOST {
            return MOST;
        }
        high = 2 * high + 1;
    }
    let mut low = high / 2;
    while low < high {
        let middle = low.midpoint(high);
        if fails(middle) { low = middle + 1 } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A xorshift generator: chances without a dependency.
    struct Dice(u64);

    impl Dice {
        fn hits(&mut self, p: f64) -> bool {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            as_f64(self.0 >> 11) < p * as_f64(1 << 53)
        }
    }

    #[test]
    fn so_many_repair_symbols_are_enough_in_999_of_1000_and_a_tenth_fewer_are_not() {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for (symbols, loss) in [(977, 0.01), (977, 0.1), (977, 0.5), (100, 0.3), (20, 0.05)] {
            let repair = repair_symbols(symbols, 1, loss);
            let mut failed = |repair: u32| {
                let arrive = |dice: &mut Dice| (0..symbols + repair).filter(|_| !dice.hits(loss)).count();
                (0..2000).filter(|_| arrive(&mut dice) < symbols as usize + 1).count()
            };
            // One of 2,000 is expected; eight are never seen.
            assert!(failed(repair) < 8, "{symbols} {loss}: {repair}");
            assert!(failed(repair * 4 / 5) > 8, "{symbols} {loss}: {repair} is more than needed");
        }
    }

    #[test]
    fn repair_is_near_what_theory_allows() {
        // The table of an ideal code for 99 %: 1.14 and 2.05 with headers.
        assert!((125..160).contains(&repair_symbols(977, 1, 0.1)), "{}", repair_symbols(977, 1, 0.1));
        assert!((1080..1160).contains(&repair_symbols(977, 1, 0.5)), "{}", repair_symbols(977, 1, 0.5));
        assert_eq!(repair_symbols(977, 1, 0.0), 0);
        assert_eq!(repair_symbols(0, 1, 0.5), 0);
        assert!(repair_symbols(977, 1000, 0.1) > repair_symbols(977, 1, 0.1));
    }

    #[test]
    fn copies_are_those_of_the_table_of_repeats() {
        // For 99.95 % instead of 99 %, a copy more at the most.
        assert_eq!(copies(977, 0.01), 3);
        assert_eq!(copies(977, 0.1), 6);
        assert_eq!(copies(700, 0.5), 20);
        assert_eq!(copies(977, 0.0), 0);
    }

    #[test]
    fn announcements_of_several_packets_need_hardly_more_sendings() {
        assert_eq!(times(1, 0.0), 1);
        assert_eq!(times(1, 0.5), 15);
        assert_eq!(times(3, 0.5), 16);
    }

    #[test]
    fn hopeless_links_give_large_numbers_not_endless_loops() {
        assert_eq!(copies(u32::MAX, 0.999_999), 255);
        assert_eq!(times(5, 0.999_999), 255);
        assert!(repair_symbols(8192, 1, 0.999) <= MOST);
    }
}
