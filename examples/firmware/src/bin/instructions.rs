//! Counts instructions of what every packet of 64 bytes costs, in an emulator whose clock ticks once an instruction
//! (`-icount shift=0`: a nanosecond each, so 80 of them are a count of SysTick).

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use packhorse_embedded::wire::{Ftag, Native, Rugged, Wire};
use packhorse_firmware::clock::{HERTZ, Ticks};
use packhorse_firmware::{PACKET, report};
use packhorse_link::{Checksum, Crc16SpiFujitsu, Crc32c, Framing as _};

/// So often, that a count more or less does not matter.
const ROUNDS: u32 = 1000;

fn count(clock: &Ticks, name: &str, mut what: impl FnMut()) {
    let before = clock.counts();
    for _ in 0..ROUNDS {
        what();
        // SysTick turns over once a second: it has to be looked at.
        clock.counts();
    }
    let counts = (clock.counts() - before) as u32;
    // Of the loop itself.
    let before = clock.counts();
    for _ in 0..ROUNDS {
        black_box(());
        clock.counts();
    }
    let empty = (clock.counts() - before) as u32;
    report::number(name, counts.saturating_sub(empty) * (1_000_000_000 / HERTZ) / ROUNDS);
}

fn frames<W: Wire>(clock: &Ticks, packet: &[u8; PACKET]) {
    let mut framing = W::framing(PACKET);
    let mut frame = [0; 2 * PACKET + 32];
    count(clock, W::NAME, || {
        let _ = black_box(framing.enframe(black_box(packet), &mut frame));
    });
}

#[entry]
fn main() -> ! {
    let Some(core) = cortex_m::Peripherals::take() else { report::end(false) };
    let clock = Ticks::new(core.SYST);
    let packet: [u8; PACKET] = core::array::from_fn(|at| (at * 7) as u8);
    count(&clock, "crc16", || {
        black_box(Crc16SpiFujitsu::checksum(black_box(&packet)));
    });
    count(&clock, "crc32c", || {
        black_box(Crc32c::checksum(black_box(&packet)));
    });
    frames::<Ftag>(&clock, &packet);
    frames::<Native>(&clock, &packet);
    frames::<Rugged>(&clock, &packet);
    report::end(true)
}
