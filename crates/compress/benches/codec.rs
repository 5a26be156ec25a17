//! Encoding and decoding of single blocks: ours, lz4_flex and the C library, on text and on bytes that hardly repeat.
#![allow(missing_docs, reason = "criterion makes public functions")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so in any way")]

use core::hint::black_box;
use core::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use packhorse_compress::block;
use packhorse_testkit::patterns;

const BLOCK: usize = 1 << 20;

fn codec(criterion: &mut Criterion) {
    for (name, content) in [("text", text()), ("mixed", mixed())] {
        let mut coded = vec![0; block::max_len(BLOCK)];
        let len = block::compress_into(&content, &mut coded).unwrap();
        let mut output = vec![0; block::max_len(BLOCK)];
        let mut group = criterion.benchmark_group(format!("{name} encode"));
        settle(&mut group);
        group.bench_function("packhorse", |b| {
            b.iter(|| block::compress_into(black_box(&content), &mut output));
        });
        group.bench_function("lz4_flex", |b| {
            b.iter(|| lz4_flex::block::compress_into(black_box(&content), &mut output).unwrap());
        });
        group.finish();
        let mut group = criterion.benchmark_group(format!("{name} decode"));
        settle(&mut group);
        group.bench_function("packhorse", |b| {
            b.iter(|| block::decompress_into(black_box(&coded[..len]), &mut output).unwrap());
        });
        group.bench_function("C library", |b| {
            let size = Some(i32::try_from(BLOCK).unwrap());
            b.iter(|| lz4::block::decompress_to_buffer(black_box(&coded[..len]), size, &mut output).unwrap());
        });
        group.finish();
    }
}

fn settle(group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    group.throughput(Throughput::Bytes(BLOCK as u64)).warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1)).sample_size(20);
}

/// The sources of this crate, again and again.
fn text() -> Vec<u8> {
    [include_str!("codec.rs"), include_str!("../src/brick.rs"), include_str!("../src/frame/parser.rs")]
        .concat()
        .into_bytes()
        .into_iter()
        .cycle()
        .take(BLOCK)
        .collect()
}

/// Words of random letters.
fn mixed() -> Vec<u8> {
    patterns::text(1, BLOCK)
}

criterion_group!(benches, codec);
criterion_main!(benches);
