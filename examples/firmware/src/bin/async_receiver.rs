//! `receiver` as an async task: woken by the UART, asleep otherwise, and hashing what is there while nothing comes.

#![no_std]
#![no_main]

use core::cell::Cell;

use embassy_executor::Executor;
use packhorse_embedded::inbound::Event;
use packhorse_embedded::{Inbound, receive};
use packhorse_firmware::asynchronous::{AsyncUart, Beats};
use packhorse_firmware::chip::{BITMAP, Chip, MESSAGE, chip};
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

/// Receives one object after the other, and never ends but for a report.
#[embassy_executor::task]
async fn line(inbound: &'static mut Receiving, flash: &'static mut Chip, mut uart: AsyncUart, clock: Beats) {
    let messages = Cell::new(0);
    let see = &mut |event: Event<'_>| match event {
        Event::Announced { size, .. } => {
            report::number("announced", u32::try_from(size).unwrap_or(u32::MAX));
        }
        Event::Verified { size } => {
            report::number("verified", u32::try_from(size).unwrap_or(u32::MAX));
            if cfg!(feature = "report") {
                report::number("messages", messages.get());
                report::number("stack", report::stack_used());
                report::end(true);
            }
        }
        Event::Message { .. } => messages.set(messages.get() + 1),
        Event::Refused { .. } => report::number("refused", 1),
        // What is missing may still come.
        Event::Incomplete { .. } => {}
        Event::Failed(_) => report::number("failed", 1),
    };
    loop {
        // This line never ends.
        receive(inbound, flash, &mut uart, &clock, see).await;
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let (Some(core), Some((inbound, flash))) = (cortex_m::Peripherals::take(), receiving()) else {
        report::end(false)
    };
    let Some(executor) = cortex_m::singleton!(EXECUTOR: Executor = Executor::new()) else {
        report::end(false)
    };
    let (clock, uart) = (Beats::new(core.SYST), AsyncUart::new());
    executor.run(|spawner| match line(inbound, flash, uart, clock) {
        Ok(line) => spawner.spawn(line),
        Err(_) => report::end(false),
    })
}
