//! Framing and deframing: bytes a second on large packets, time a packet on small ones, without special bytes
//! ("clean") and on random bytes. `cargo bench -p packhorse-link --bench framing`
#![allow(clippy::unwrap_used, reason = "a bench that cannot run says so")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use core::hint::black_box;
use core::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use packhorse_link::rugged::Code;
use packhorse_link::{Cobs, FfStuffing, Framing, LengthPrefixed, Rugged};

const PACKET_MAX: usize = 1 << 17;

/// Packets of pseudo-random bytes (xorshift), mapped to the bytes that no framing replaces if `clean`.
fn packets(length: usize, clean: bool) -> Vec<Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [.., byte] = state.to_be_bytes();
        if clean { byte % 0xF0 + 1 } else { byte }
    };
    // About as much in all as a receiver reads at once.
    let count = (65_536 / length).max(1);
    (0..count).map(|_| (0..length).map(|_| byte()).collect()).collect()
}

fn framing<F: Framing>(criterion: &mut Criterion, name: &str, lengths: [usize; 3], make: impl Fn() -> F) {
    for length in lengths {
        for (kind, clean) in [("clean", true), ("random", false)] {
            let packets = packets(length, clean);
            let mut group = criterion.benchmark_group(format!("{name}/{length}"));
            group.throughput(Throughput::Bytes((packets.len() * length) as u64));
            let mut out = vec![0; make().frame_len_max(length)];
            let mut stream = Vec::new();
            for packet in &packets {
                let length = make().enframe(packet, &mut out).unwrap();
                stream.extend(&out[..length]);
            }
            let mut framing = make();
            group.bench_function(format!("enframe {} packets, {kind}", packets.len()), |bencher| {
                bencher.iter(|| {
                    for packet in &packets {
                        black_box(framing.enframe(packet, black_box(&mut out)).unwrap());
                    }
                });
            });
            let mut framing = make();
            group.bench_function(format!("deframe {} packets, {kind}", packets.len()), |bencher| {
                bencher.iter_batched_ref(
                    || stream.clone(),
                    |stream| {
                        let mut at = 0;
                        while at < stream.len() {
                            at += black_box(framing.deframe(&mut stream[at..])).consumed();
                        }
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
}

/// Finding the next marker in bytes without one, and frames whose wrong bytes are corrected.
fn damaged(criterion: &mut Criterion) {
    let noise = packets(65_536, false).remove(0);
    let mut group = criterion.benchmark_group("rugged/damaged");
    group.throughput(Throughput::Bytes(noise.len() as u64));
    group.bench_function("search in noise", |bencher| {
        bencher.iter_batched_ref(
            || (Rugged::new(4000, Code::default()), noise.clone()),
            |(framing, noise)| black_box(framing.deframe(noise)),
            BatchSize::LargeInput,
        );
    });
    for (parity, rate) in [(8, 1000), (24, 100)] {
        let code = Code::new(parity, 8).unwrap();
        let packet = &noise[..8 * (255 - parity)];
        let mut frame = vec![0; Rugged::frame_len(packet.len(), code).unwrap()];
        Rugged::new(4000, code).enframe(packet, &mut frame).unwrap();
        // Not periodic in the codewords.
        (rate / 2..frame.len()).step_by(rate + 1).for_each(|at| frame[at] ^= 0x55);
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(format!("parity {parity}, a wrong byte in {rate}"), |bencher| {
            bencher.iter_batched_ref(
                || (Rugged::new(4000, code), frame.clone()),
                |(framing, frame)| black_box(framing.deframe(frame)),
                BatchSize::LargeInput,
            );
        });
    }
}

fn all(criterion: &mut Criterion) {
    const SIZES: [usize; 3] = [57, 1472, 65_536];
    framing(criterion, "FF stuffing", SIZES, || FfStuffing::new(PACKET_MAX));
    framing(criterion, "COBS", SIZES, || Cobs::new(PACKET_MAX));
    framing(criterion, "length prefix", SIZES, || LengthPrefixed::new(PACKET_MAX));
    for parity in [4, 8, 16, 32] {
        let code = Code::new(parity, 8).unwrap();
        let sizes = [57, 1472, code.packet_max()];
        framing(criterion, &format!("rugged, parity {parity}"), sizes, || Rugged::new(PACKET_MAX, code));
    }
    damaged(criterion);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = all
}
criterion_main!(benches);
