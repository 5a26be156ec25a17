//! What the layers of profile `native` cost a packet, beside the check itself and beside a stack that copies the packet
//! at every layer. `cargo xtask bench layers` runs it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no users; a failed unwrap ends it")]

use core::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use packhorse::buffer::{Layer, NoRoom, Over, PacketBuf, Storage};
use packhorse::link::{Check, Checksum, Crc32c, Framing as _, LengthPrefixed};
use packhorse::packet::{Channel, native::PacketLayer};
use packhorse::transfer::{BlockHeader, native::BlockLayer};

/// The trailer without the work of the checksum.
#[derive(Clone, Copy, Debug, Default)]
struct NoChecksum;

impl Checksum for NoChecksum {
    const WIDTH: usize = 4;
    #[inline]
    fn checksum(bytes: &[u8]) -> u32 {
        u32::from(bytes.first().copied().unwrap_or_default())
    }
}

type Stack<C> = Over<BlockLayer, Over<PacketLayer, Check<C>>>;

/// Room for the frame header and the stack's headers.
const ROOM: usize = 20;

#[inline]
fn push<C: Checksum>(
    stack: &mut Stack<C>,
    framing: &mut LengthPrefixed,
    buf: &mut PacketBuf<impl Storage>,
    payload: usize,
) -> Result<(), NoRoom>
where
    Stack<C>: Layer<Tx = (BlockHeader, (packhorse::packet::Address, ()))>,
{
    buf.set_range(ROOM..ROOM + payload)?;
    stack.push((BlockHeader { tag: 7, number: 42 }, (Channel::TRANSFER.data(), ())), buf)?;
    framing.frame_in_place(buf)
}

/// The same headers by a stack in which every layer makes a new packet around the one it was given.
fn copy(payload: &[u8], sequence: u32) -> Vec<u8> {
    let around = |header: &[u8], body: &[u8], trailer: &[u8]| [header, body, trailer].concat();
    let transfer = around(&[0, 7, 0, 0, 0, 42], payload, &[]);
    let [a, b, c, d] = sequence.to_be_bytes();
    let packet = around(&[0, 1, a, b, c, d], &transfer, &[]);
    let check = around(&[], &packet, &NoChecksum::checksum(&packet).to_be_bytes());
    let header = LengthPrefixed::new(1 << 20).header(check.len()).unwrap();
    around(&header, &check, &[])
}

fn layers(criterion: &mut Criterion) {
    for payload in [64, 1024] {
        let mut group = criterion.benchmark_group(format!("native headers around {payload} bytes"));
        let mut framing = LengthPrefixed::new(1 << 20);
        let mut memory = vec![0xA5; ROOM + payload + 4];
        let mut buf = PacketBuf::new(&mut memory[..]);
        let mut stack: Stack<NoChecksum> = Stack::default();
        group.bench_function("pushed in place, without the checksum", |bencher| {
            bencher.iter(|| push(&mut stack, &mut framing, black_box(&mut buf), payload).unwrap());
        });
        let mut stack: Stack<Crc32c> = Stack::default();
        group.bench_function("pushed in place, with CRC-32C", |bencher| {
            bencher.iter(|| push(&mut stack, &mut framing, black_box(&mut buf), payload).unwrap());
        });
        let bytes = vec![0xA5; payload];
        let mut sequence = 0;
        group.bench_function("copied at every layer, without the checksum", |bencher| {
            bencher.iter(|| {
                sequence += 1;
                copy(black_box(&bytes), sequence)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, layers);
criterion_main!(benches);
