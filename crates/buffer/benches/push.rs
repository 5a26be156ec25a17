//! What it costs to push the headers of the native stack: 6 bytes of transfer and 6 of packet in front, a trailer of
//! 4, and 8 bytes of frame in front; beside the same layers in a stack that copies the packet at every layer.
//!
//! The check itself is left out on both sides: its bytes are a constant. `cargo bench -p packhorse-buffer`

use core::hint::black_box;
use core::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use packhorse_buffer::{
    HeapPool, Layer, NoProbe, NoRoom, Over, PacketBuf, Pool, Stopwatch, Storage, Timed, TooShort,
};

/// Tag and block number.
#[derive(Default)]
struct Transfer;

/// Channel and sequence number.
#[derive(Default)]
struct Packet {
    sequence: u32,
}

/// A trailer in the place of the check.
#[derive(Default)]
struct Trailer;

/// Magic, version, length and a check of these.
#[derive(Default)]
struct Frame;

impl Layer for Transfer {
    const HEADROOM: usize = 6;
    const TAILROOM: usize = 0;
    type Tx = (u16, u32);
    type Rx = (u16, u32);
    type Error = TooShort;

    #[inline]
    fn push<S: Storage>(&mut self, (tag, number): (u16, u32), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = buf.push_array::<6>()?;
        header[..2].copy_from_slice(&tag.to_be_bytes());
        header[2..].copy_from_slice(&number.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(u16, u32), TooShort> {
        let [a, b, c, d, e, f] = *buf.pull_array()?;
        Ok((u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])))
    }
}

impl Layer for Packet {
    const HEADROOM: usize = 6;
    const TAILROOM: usize = 0;
    type Tx = u16;
    type Rx = (u16, u32);
    type Error = TooShort;

    #[inline]
    fn push<S: Storage>(&mut self, channel: u16, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = buf.push_array::<6>()?;
        header[..2].copy_from_slice(&channel.to_be_bytes());
        header[2..].copy_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(u16, u32), TooShort> {
        let [a, b, c, d, e, f] = *buf.pull_array()?;
        Ok((u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])))
    }
}

impl Layer for Trailer {
    const HEADROOM: usize = 0;
    const TAILROOM: usize = 4;
    type Tx = ();
    type Rx = u32;
    type Error = TooShort;

    #[inline]
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        *buf.put_array()? = [1, 2, 3, 4];
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<u32, TooShort> {
        Ok(u32::from_be_bytes(*buf.trim_array()?))
    }
}

impl Layer for Frame {
    const HEADROOM: usize = 8;
    const TAILROOM: usize = 0;
    type Tx = ();
    type Rx = u16;
    type Error = TooShort;

    #[inline]
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let length = u32::try_from(buf.len()).unwrap_or(u32::MAX).to_be_bytes();
        *buf.push_array()? = [0x50, 0x48, 1, length[1], length[2], length[3], 5, 6];
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<u16, TooShort> {
        let [.., c, d] = *buf.pull_array::<8>()?;
        Ok(u16::from_be_bytes([c, d]))
    }
}

type Stack = Over<Transfer, Over<Packet, Over<Trailer, Frame>>>;
type Timing<P> = Over<Timed<Transfer, P>, Over<Timed<Packet, P>, Over<Timed<Trailer, P>, Timed<Frame, P>>>>;

/// A stack in which every layer makes itself a packet: what the layers above gave it, with room for its own bytes.
fn copying(payload: &[u8], tag: u16, number: u32, channel: u16, sequence: u32) -> Vec<u8> {
    let mut transfer = Vec::with_capacity(payload.len() + 6);
    transfer.extend_from_slice(&tag.to_be_bytes());
    transfer.extend_from_slice(&number.to_be_bytes());
    transfer.extend_from_slice(payload);
    let transfer = black_box(transfer);
    let mut packet = Vec::with_capacity(transfer.len() + 6);
    packet.extend_from_slice(&channel.to_be_bytes());
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&transfer);
    let packet = black_box(packet);
    let mut checked = Vec::with_capacity(packet.len() + 4);
    checked.extend_from_slice(&packet);
    checked.extend_from_slice(&[1, 2, 3, 4]);
    let checked = black_box(checked);
    let length = u32::try_from(checked.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(checked.len() + 8);
    frame.extend_from_slice(&[0x50, 0x48, 1, length[1], length[2], length[3], 5, 6]);
    frame.extend_from_slice(&checked);
    frame
}

/// The headers around a payload that already lies in the buffer: what sending a packet costs the layers.
fn push<L, S: Storage>(stack: &mut L, buf: &mut PacketBuf<S>, payload: usize)
where
    L: Layer<Tx = ((u16, u32), (u16, ((), ())))>,
{
    let fits = buf.set_range(L::HEADROOM..L::HEADROOM + payload);
    let pushed = stack.push(black_box(((7, 9), (1, ((), ())))), buf);
    assert!(fits.is_ok() && pushed.is_ok());
    black_box(buf.as_slice());
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push 4 headers");
    for payload in [64_usize, 1024] {
        let id = |name: &str| BenchmarkId::new(name.to_owned(), payload);
        let pool = HeapPool::new(2, 2048);
        let Some(slot) = pool.take() else { return };
        let mut buf = PacketBuf::new(slot);
        let mut stack = Stack::default();
        group.bench_function(id("in place"), |bencher| {
            bencher.iter(|| push(&mut stack, &mut buf, payload));
        });

        let mut silent: Timing<NoProbe> = Timing::default();
        group.bench_function(id("in place, NoProbe"), |bencher| {
            bencher.iter(|| push(&mut silent, &mut buf, payload));
        });

        let mut timed: Timing<Stopwatch> = Timing::default();
        group.bench_function(id("in place, Stopwatch"), |bencher| {
            bencher.iter(|| push(&mut timed, &mut buf, payload));
        });

        let bytes = vec![0; payload];
        let mut sequence = 0;
        group.bench_function(id("copy per layer"), |bencher| {
            bencher.iter(|| {
                sequence += 1;
                copying(black_box(&bytes), 7, 9, 1, sequence)
            });
        });

        group.bench_function(id("push and pull"), |bencher| {
            bencher.iter(|| {
                push(&mut stack, &mut buf, payload);
                let pulled = stack.pull(&mut buf);
                assert!(pulled.is_ok());
                black_box(pulled)
            });
        });
    }
    group.finish();
}

fn pools(criterion: &mut Criterion) {
    static POOL: Pool<256, 64> = Pool::new();
    let mut group = criterion.benchmark_group("take and drop a slot");
    group.bench_function("Pool", |bencher| {
        bencher.iter(|| black_box(POOL.take()));
    });
    let heap = HeapPool::new(256, 2048);
    group.bench_function("HeapPool", |bencher| {
        bencher.iter(|| black_box(heap.take()));
    });
    group.bench_function("Vec of 2048", |bencher| {
        bencher.iter(|| black_box(Vec::<u8>::with_capacity(2048)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = headers, pools
}
criterion_main!(benches);
