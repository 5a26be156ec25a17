//! How fast the transports are here: `cargo run --release -p packhorse-transport --example speed`.
//!
//! Medians of five runs each. Compare within one run only: other programs share the machine.

use std::time::Instant;

use packhorse_link::Transport as _;
use packhorse_transport::damage::BadFault;
use packhorse_transport::{Faults, Faulty, Loopback, Memory, Noise, PipeWriter};

const TOTAL: usize = 512 << 20;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    for size in [4 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20] {
        report(&format!("pipe, {} KiB writes and reads", size >> 10), TOTAL, || pipe(size, 1));
    }
    report("pipe, 256 KiB in 180 pieces, gathered", TOTAL, || {
        pipe(256 << 10, 180);
    });
    report("memory link, 1472-byte packets, two threads", TOTAL / 4, memory);
    report("loopback, 1472-byte packets, there and back", TOTAL, loopback);
    let mut bytes = vec![0; 256 << 10];
    let rare = Faults { byte_error: 1e-6, bit_error: 1e-7, drop: 1e-5, ..Faults::NONE };
    let often = Faults { byte_error: 0.01, drop: 0.05, dup: 0.02, ..Faults::NONE };
    for (name, faults) in
        [("no", Faults::NONE), ("rare", rare), ("1 in 100 bytes and 1 in 20 pieces of", often)]
    {
        let mut noise = Noise::new(1, &faults)?;
        // A filter writes what is left; copying stands for that.
        let mut out = Vec::with_capacity(bytes.len() * 2);
        report(&format!("noise, {name} faults, and one copy"), TOTAL, || {
            for _ in 0..TOTAL / bytes.len() {
                out.clear();
                noise.apply(&mut bytes, |run| out.extend_from_slice(run));
                core::hint::black_box(&mut out);
            }
        });
    }
    faulty()?;
    Ok(())
}

fn report(name: &str, bytes: usize, mut work: impl FnMut()) {
    let mut seconds = [0.0; 5];
    for slot in &mut seconds {
        let start = Instant::now();
        work();
        *slot = start.elapsed().as_secs_f64();
    }
    seconds.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let rate = bytes as f64 / seconds[2] / 1e9;
    println!("{rate:7.2} GB/s  {name}");
}

fn pipe(size: usize, pieces: usize) {
    let Ok((mut reader, mut writer)) = PipeWriter::pair() else {
        return;
    };
    let far = std::thread::spawn(move || {
        let mut into = vec![0; size];
        while reader.receive(&mut into).is_ok_and(|len| len > 0) {}
    });
    let bytes = vec![1; size];
    let pieces: Vec<&[u8]> = bytes.chunks(size.div_ceil(pieces)).collect();
    for _ in 0..TOTAL / size {
        let sent = if pieces.len() == 1 { writer.send(&bytes) } else { writer.send_gather(&pieces) };
        assert!(sent.is_ok());
    }
    drop(writer);
    assert!(far.join().is_ok());
}

fn memory() {
    let (mut here, mut there) = Memory::pair(1472, 256);
    let far = std::thread::spawn(move || while there.receive(&mut [0; 1472]).is_ok() {});
    for _ in 0..TOTAL / 4 / 1472 {
        assert!(here.send(&[1; 1472]).is_ok());
    }
    drop(here);
    assert!(far.join().is_ok());
}

fn loopback() {
    let mut link = Loopback::<1472, 64>::new();
    let (packet, mut into) = ([1; 1472], [0; 1472]);
    for _ in 0..TOTAL / 1472 / 32 {
        for _ in 0..32 {
            assert!(link.send(&packet).is_ok());
        }
        while link.receive(&mut into).is_ok() {}
    }
}

fn faulty() -> Result<(), BadFault> {
    let faults = Faults { byte_error: 1e-5, drop: 0.01, reorder: 0.01, ..Faults::NONE };
    let mut link = Faulty::new(Loopback::<1472, 64>::new(), 1, &faults)?;
    let (packet, mut into) = ([1; 1472], [0; 1472]);
    report("the same through a faulty link", TOTAL, || {
        for _ in 0..TOTAL / 1472 / 32 {
            for _ in 0..32 {
                assert!(link.send(&packet).is_ok());
            }
            while link.receive(&mut into).is_ok() {}
        }
    });
    Ok(())
}
