//! What `sender` does, as two tasks of embassy's executor: one takes a reading every 10 ms, the other one has the line. The
//! processor sleeps when both wait.

#![no_std]
#![no_main]

use core::cell::Cell;

use critical_section::Mutex;
use embassy_executor::Executor;
use embedded_io_async::Write as _;
use packhorse_buffer::{Clock as _, PacketBuf};
use packhorse_embedded::Polled;
use packhorse_firmware::asynchronous::{AsyncUart, Beats};
use packhorse_firmware::outbound::{Sending, begin, sending};
use packhorse_firmware::{FRAME, PICTURE, READING_EVERY_US, report};
use packhorse_packet::Channel;

/// A reading that waits for the line, and when it was due.
static READING: Mutex<Cell<Option<(u32, u32)>>> = Mutex::new(Cell::new(None));

/// Takes readings.
#[embassy_executor::task]
async fn sensor(clock: Beats) {
    let mut due = READING_EVERY_US;
    for reading in 0.. {
        while clock.micros() < due {
            clock.next(0).await;
        }
        critical_section::with(|section| READING.borrow(section).set(Some((reading, due))));
        due += READING_EVERY_US;
    }
}

/// Sends readings first, then the picture.
#[embassy_executor::task]
async fn line(outbound: &'static mut Sending, mut uart: AsyncUart, clock: Beats) {
    let mut frame = PacketBuf::new([0; FRAME]);
    let mut source = &PICTURE[..];
    let (mut frames, mut bytes, mut readings, mut late) = (0, 0, 0, 0);
    loop {
        if let Some((reading, due)) = critical_section::with(|section| READING.borrow(section).take()) {
            let reading = u32::to_be_bytes(reading);
            if outbound.message(clock.now(), Channel::TELEMETRY, &reading, &mut frame).is_err() {
                report::end(false);
            }
            late = u32::max(late, clock.micros() - due);
            readings += 1;
        } else {
            match outbound.poll(clock.now(), &mut source, &mut frame) {
                Ok(Polled::Frame) => {}
                Ok(Polled::Wait(_)) => {
                    clock.next(1).await;
                    continue;
                }
                Ok(Polled::Done) => break,
                Err(_) => report::end(false),
            }
        }
        frames += 1;
        bytes += frame.len() as u32;
        match uart.write_all(frame.as_slice()).await {
            Ok(()) => {}
        }
    }
    report::number("frames", frames);
    report::number("bytes", bytes);
    report::number("readings", readings);
    report::number("late_us", late);
    report::number("stack", report::stack_used());
    report::end(true)
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let (Some(core), Some(outbound)) = (cortex_m::Peripherals::take(), sending()) else { report::end(false) };
    if !begin(outbound) {
        report::end(false);
    }
    let Some(executor) = cortex_m::singleton!(EXECUTOR: Executor = Executor::new()) else {
        report::end(false)
    };
    let (clock, uart) = (Beats::new(core.SYST), AsyncUart::new());
    executor.run(|spawner| match (sensor(clock), line(outbound, uart, clock)) {
        (Ok(sensor), Ok(line)) => {
            spawner.spawn(sensor);
            spawner.spawn(line);
        }
        _ => report::end(false),
    })
}
