//! Writes the seeds of the SPEAD targets into `fuzz/corpus`: captured packets, descriptors of every kind, and orders
//! for heaps whose packets come in any order.
//!
//! `cargo run -p packhorse-testkit --features fuzz --example spead_seeds`.

use std::path::Path;

use packhorse::spead::descriptor::Dimension;
use packhorse::spead::{BugCompat, Descriptor, Flavour, Format};
use packhorse_testkit::golden;

fn main() {
    for (name, packets) in golden::spead::all() {
        write("spead_packet", name, packets);
        // The rules: four heaps, any length, stop at a stop heap; in order, and in any.
        write("spead_heaps", &format!("{name}-in-order"), &[&[0b0011_0011], *packets].concat());
        write("spead_heaps", &format!("{name}-any-order"), &[&[0b0101_1111], *packets].concat());
    }
    let order = |what: u8, length: u8, offset: u8, len: u8| [what, length, offset, len];
    let halves = [order(1, 0, 12, 12), order(2, 0, 0, 16), order(1, 0, 0, 12), order(2, 0, 16, 16)].concat();
    let gaps = [order(1, 0, 0, 4), order(1, 0, 8, 4), order(1, 0, 4, 4), order(1, 0, 12, 255)].concat();
    let without_length: Vec<u8> = (0..6).flat_map(|n| order(33, 0, n * 4, 4)).collect();
    let control =
        [order(0, 0, 0, 255), order(192, 0, 0, 255), order(194, 0, 0, 255), order(1, 0, 0, 255)].concat();
    let long = [order(5, 255, 0, 255), order(5, 255, 255, 255), order(21, 0, 0, 255)].concat();
    let seeds = [
        ("halves", halves),
        ("gaps", gaps),
        ("without-length", without_length),
        ("control", control),
        ("long", long),
    ];
    for (name, orders) in seeds {
        for (rules, kind) in [(0b1011_0001_u8, "in-order"), (0b1101_1111, "any-order")] {
            write("spead_heaps", &format!("{name}-{kind}"), &[&[rules], &orders[..]].concat());
        }
    }
    descriptors();
}

fn descriptors() {
    let variable =
        Descriptor::with_format(0x1000, "rows", "Rows of pairs", [Format::unsigned(12), Format::signed(4)])
            .shaped([Dimension::Variable, Dimension::Fixed(3)]);
    let kinds = [
        (
            "timestamp",
            Descriptor::with_format(0x1600, "timestamp", "Index of the first sample", [Format::unsigned(40)]),
        ),
        ("samples", Descriptor::array::<i8>(0x3300, "adc_samples", "ADC converter output", &[16])),
        ("complex", Descriptor::array::<[f32; 2]>(0x3301, "spectrum", "", &[4, 1024])),
        ("variable", variable),
    ];
    for (name, descriptor) in kinds {
        for (suffix, bug_compat) in [("", BugCompat::NONE), ("-pyspead", BugCompat::PYSPEAD_0_5_2)] {
            let encoded = descriptor.encode(Flavour::SPEAD_64_48.with_bug_compat(bug_compat));
            write("spead_descriptor", &format!("{name}{suffix}"), &encoded.expect("seeds can be encoded"));
        }
    }
}

fn write(target: &str, seed: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    std::fs::write(folder.join(seed), bytes).expect("the corpus can be written");
}
