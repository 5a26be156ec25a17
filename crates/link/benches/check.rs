//! The checks by packet length, with the features that are switched on.
//! `cargo bench -p packhorse-link --features crc-fast --bench check`
#![allow(clippy::unwrap_used, reason = "a bench that cannot run says so")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use packhorse_buffer::{Layer, PacketBuf};
use packhorse_link::{Check, Checksum, Crc16SpiFujitsu, Crc32c, LengthPrefixed};

fn checksum<C: Checksum>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group(name);
    for length in [6, 20, 32, 57, 64, 256, 1024, 1472, 65_536] {
        let bytes = vec![0x5A; length];
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(format!("{length}"), |bencher| {
            bencher.iter(|| C::checksum(black_box(&bytes)));
        });
    }
}

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers");
    let (mut check, mut frame) = (Check::<Crc32c>::new(), LengthPrefixed::new(2000));
    let mut buf = PacketBuf::with_headroom(vec![0x5A; 1600], 64).unwrap();
    buf.put(1472).unwrap();
    group.bench_function("push and pull the check of 1472 bytes", |bencher| {
        bencher.iter(|| {
            check.push((), black_box(&mut buf)).unwrap();
            check.pull(black_box(&mut buf)).unwrap();
        });
    });
    group.bench_function("push and pull the frame header", |bencher| {
        bencher.iter(|| {
            frame.push((), black_box(&mut buf)).unwrap();
            frame.pull(black_box(&mut buf)).unwrap();
        });
    });
}

fn all(criterion: &mut Criterion) {
    checksum::<Crc32c>(criterion, "CRC-32C");
    checksum::<Crc16SpiFujitsu>(criterion, "CRC-16/SPI-FUJITSU");
    layers(criterion);
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
