//! Sends the picture from the program's image over the UART, and a reading beside it every 10 ms, in a poll loop: while the UART
//! takes one frame, the next ones are made. `async_sender` is the same as async tasks.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use packhorse_buffer::{Clock as _, Pool};
use packhorse_embedded::{Outbox, Polled};
use packhorse_firmware::clock::Ticks;
use packhorse_firmware::outbound::{Sending, begin, sending};
use packhorse_firmware::uart::Uart;
use packhorse_firmware::{FRAME, PICTURE, READING_EVERY_US, report};
use packhorse_packet::Channel;

static POOL: Pool<4, FRAME> = Pool::new();

#[entry]
fn main() -> ! {
    let (Some(core), Some(outbound)) = (cortex_m::Peripherals::take(), sending()) else { report::end(false) };
    if !begin(outbound) {
        report::end(false);
    }
    send(outbound, &Ticks::new(core.SYST), Uart::new())
}

/// Sends until everything is sent.
#[inline(never)]
fn send(outbound: &mut Sending, clock: &Ticks, mut uart: Uart) -> ! {
    let mut outbox = Outbox::new(&POOL);
    let mut source = &PICTURE[..];
    let (mut frames, mut bytes, mut done) = (0_u32, 0_u32, false);
    // When the next reading is due, and how late the latest one was.
    let (mut due, mut late) = (READING_EVERY_US, 0);
    while !done || !outbox.is_empty() {
        while !done && let Some(mut frame) = outbox.slot() {
            let now = clock.micros();
            if now >= due {
                late = late.max(now - due);
                due += READING_EVERY_US;
                let reading = frames.to_be_bytes();
                if outbound.message(clock.now(), Channel::TELEMETRY, &reading, &mut frame).is_err() {
                    report::end(false);
                }
            } else {
                match outbound.poll(clock.now(), &mut source, &mut frame) {
                    Ok(Polled::Frame) => {}
                    Ok(Polled::Wait(_)) => break,
                    Ok(Polled::Done) => {
                        done = true;
                        break;
                    }
                    Err(_) => report::end(false),
                }
            }
            frames += 1;
            bytes += frame.len() as u32;
            if outbox.push(frame).is_err() {
                report::end(false);
            }
        }
        match outbox.drain(&mut uart) {
            Ok(_) => {}
        }
    }
    report::number("frames", frames);
    report::number("bytes", bytes);
    report::number("readings", due / READING_EVERY_US - 1);
    report::number("late_us", late);
    report::number("stack", report::stack_used());
    report::end(true)
}
