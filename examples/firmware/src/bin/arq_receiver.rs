//! Receives into (simulated) flash and answers, over the UART: the host sends again what is missing, and learns what became of its
//! files. What the flash does not take has failed, and the next file may come.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embedded_io::{Read as _, ReadReady as _, Write as _, WriteReady as _};
use packhorse_buffer::{Clock as _, PacketBuf};
use packhorse_embedded::Inbound;
use packhorse_embedded::answers::Answers;
use packhorse_embedded::inbound::Event;
use packhorse_firmware::chip::{BITMAP, Chip, MESSAGE, chip};
use packhorse_firmware::clock::Ticks;
use packhorse_firmware::uart::Uart;
use packhorse_firmware::{FRAME, Profile, report};

type Receiving = Inbound<Profile, { 2 * FRAME }, MESSAGE, BITMAP, Answers>;

/// Bytes of the longest answer in its frame.
const ANSWER: usize = 140;

/// Makes the receiver where it stays: its parts are on the stack only here.
#[inline(never)]
fn receiving(number: u32) -> Option<(&'static mut Receiving, &'static mut Chip)> {
    let flash = chip()?;
    let inbound =
        cortex_m::singleton!(RECEIVING: Receiving = Receiving::answering(flash.capacity(), number))?;
    Some((inbound, flash))
}

#[entry]
fn main() -> ! {
    let Some(core) = cortex_m::Peripherals::take() else { report::end(false) };
    let (clock, mut uart) = (Ticks::new(core.SYST), Uart::new());
    while !uart.read_ready().unwrap_or(false) {
        clock.counts();
    }
    // When the first byte came: another number at every start.
    let Some((inbound, flash)) = receiving(clock.counts() as u32) else { report::end(false) };
    receive(inbound, flash, &clock, uart)
}

/// Receives, and never ends but for a report.
#[inline(never)]
fn receive(inbound: &mut Receiving, flash: &mut Chip, clock: &Ticks, mut uart: Uart) -> ! {
    let mut answer = PacketBuf::new([0; ANSWER]);
    let (mut verified, mut failed, mut answers) = (0, 0, 0);
    loop {
        let ready = uart.read_ready().unwrap_or(false);
        if ready || inbound.is_verifying() {
            let Ok(len) = if ready { uart.read(inbound.spare()) } else { Ok(0) };
            inbound.take(clock.now(), len, flash, &mut |event| match event {
                Event::Verified { size } => {
                    report::number("verified", u32::try_from(size).unwrap_or(u32::MAX));
                    verified += 1;
                }
                Event::Failed(_) => failed += 1,
                Event::Refused { .. } => report::number("refused", 1),
                Event::Announced { .. } | Event::Message { .. } | Event::Incomplete { .. } => {}
            });
        }
        if answer.is_empty() && inbound.poll_answer(clock.now(), &mut answer).unwrap_or(false) {
            answers += 1;
        }
        if !answer.is_empty() && uart.write_ready().unwrap_or(false) {
            let Ok(len) = uart.write(answer.as_slice());
            let _ = answer.pull(len);
        }
        if cfg!(feature = "report") && verified > 0 && answer.is_empty() && inbound.answers().may_leave() {
            report::number("files", verified);
            report::number("failed", failed);
            report::number("answers", answers);
            report::number("stack", report::stack_used());
            report::end(true);
        }
    }
}
