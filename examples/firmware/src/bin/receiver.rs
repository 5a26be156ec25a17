//! Receives one object over the UART into (simulated) flash, verifies it, and reports what it was. What is too large, damaged or
//! incomplete is reported too, and the next object may come.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embedded_io::{Read as _, ReadReady as _};
use packhorse_buffer::Clock as _;
use packhorse_embedded::Inbound;
use packhorse_embedded::inbound::Event;
use packhorse_firmware::chip::{BITMAP, Chip, MESSAGE, chip};
use packhorse_firmware::clock::Ticks;
use packhorse_firmware::uart::Uart;
use packhorse_firmware::{FRAME, Profile, report};

/// Two frames; a bit for each of 768 blocks.
type Receiving = Inbound<Profile, { 2 * FRAME }, MESSAGE, BITMAP>;

/// Makes the receiver where it stays: its parts are on the stack only here.
#[inline(never)]
fn receiving() -> Option<(&'static mut Receiving, &'static mut Chip)> {
    let flash = chip()?;
    let inbound = cortex_m::singleton!(RECEIVING: Receiving = Receiving::new(flash.capacity()))?;
    Some((inbound, flash))
}

#[entry]
fn main() -> ! {
    let (Some(core), Some((inbound, flash))) = (cortex_m::Peripherals::take(), receiving()) else {
        report::end(false)
    };
    receive(inbound, flash, &Ticks::new(core.SYST), Uart::new())
}

/// Receives, and never ends but for a report.
#[inline(never)]
fn receive(inbound: &mut Receiving, flash: &mut Chip, clock: &Ticks, mut uart: Uart) -> ! {
    let mut messages = 0;
    loop {
        let ready = uart.read_ready().unwrap_or(false);
        if !ready && !inbound.is_verifying() {
            continue;
        }
        let Ok(len) = if ready { uart.read(inbound.spare()) } else { Ok(0) };
        let mut done = false;
        inbound.take(clock.now(), len, flash, &mut |event| match event {
            Event::Announced { size, .. } => {
                report::number("announced", u32::try_from(size).unwrap_or(u32::MAX));
            }
            Event::Verified { size } => {
                report::number("verified", u32::try_from(size).unwrap_or(u32::MAX));
                done = true;
            }
            Event::Message { .. } => messages += 1,
            Event::Refused { .. } => report::number("refused", 1),
            // What is missing may still come.
            Event::Incomplete { .. } => {}
            Event::Failed(_) => report::number("failed", 1),
        });
        if done && cfg!(feature = "report") {
            report::number("messages", messages);
            report::number("damaged", u32::try_from(inbound.stats().damaged).unwrap_or(u32::MAX));
            report::number("stack", report::stack_used());
            report::end(true);
        }
    }
}
