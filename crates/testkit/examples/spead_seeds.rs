//! Writes the seeds of the SPEAD targets into `fuzz/corpus`: captured packets, descriptors of every kind, orders for
//! heaps whose packets come in any order, and capture files.
//!
//! `cargo run -p packhorse-testkit --features fuzz --example spead_seeds`.

use std::path::Path;

use packhorse::spead::descriptor::Dimension;
use packhorse::spead::receive::Packet;
use packhorse::spead::{BugCompat, Descriptor, Flavour, Format};
use packhorse_testkit::captures::{self, pcap, words};
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
        // Tidy places in order, flags of packets in any order, one item, and places in error.
        for (rules, kind) in [
            (0b1010_0000_u8, "in-order"),
            (0b1110_1010, "pieces"),
            (0b1100_1100, "item"),
            (0b1110_1001, "wild"),
        ] {
            write("spead_chunks", &format!("{name}-{kind}"), &[&[rules], &orders[..]].concat());
        }
    }
    descriptors();
    captures();
}

fn captures() {
    let frames: Vec<Vec<u8>> = ["heap1", "heap2", "split", "stop"]
        .iter()
        .flat_map(|name| datagrams(golden::spead::named(name)))
        .collect();
    let cooked: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0], &frame[14..]].concat())
        .collect();
    let plain: Vec<Vec<u8>> = frames.iter().map(|frame| frame[14..].to_vec()).collect();
    for (name, link, frames) in [("ethernet", 1, &frames), ("cooked", 113, &cooked), ("plain", 101, &plain)] {
        write("spead_pcap", name, &pcap(link, frames));
    }
    write("spead_pcap", "pcapng", &pcapng(&frames));
    let whole = pcap(1, &frames);
    write("spead_pcap", "cut", &whole[..whole.len() - 3]);
}

/// Ethernet frames with the packets of a captured stream, each in a datagram.
fn datagrams(mut packets: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Ok((packet, behind)) = Packet::parse_first(packets) {
        let datagram = captures::ip_udp(8888, &packets[..packet.len()]);
        frames.push([&[2; 6][..], &[1; 6], &[8, 0], &datagram].concat());
        packets = behind;
    }
    frames
}

fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let len = 12 + u32::try_from(body.len().next_multiple_of(4)).expect("short");
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        [&words(&[kind, len])[..], body, &padding, &words(&[len])].concat()
    };
    let mut file = block(0x0A0D_0D0A, &words(&[0x1A2B_3C4D, 1, u32::MAX, u32::MAX]));
    file.extend(block(1, &words(&[1, 65_535])));
    for frame in frames {
        let len = u32::try_from(frame.len()).expect("short");
        file.extend(block(6, &[words(&[0, 0, 0, len, len]), frame.clone()].concat()));
    }
    file
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
