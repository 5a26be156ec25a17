//! Sends the picture until the far end has it: selective repeat, with the answers of the host on the same UART. When nobody answers, it
//! says so to the person at the debugger and begins again, for ever.

#![no_std]
#![no_main]

use core::time::Duration;

use cortex_m_rt::entry;
use embedded_io::{Read as _, ReadReady as _};
use packhorse_buffer::{Clock as _, Pool};
use packhorse_embedded::modes::Acknowledged;
use packhorse_embedded::{Outbound, OutboundError, Outbox, Polled, WayBack};
use packhorse_firmware::clock::Ticks;
use packhorse_firmware::outbound::picture;
use packhorse_firmware::uart::Uart;
use packhorse_firmware::{FRAME, MESSAGE, PACKET, PICTURE, Profile, report};
use packhorse_transfer::{AckState, SenderConfig};

/// At most 32 blocks under way.
type Sending = Outbound<'static, Profile, PACKET, MESSAGE, Acknowledged<32, 16>>;
/// The answers to so many: at most 16 gaps.
type Answers = WayBack<Profile, 192>;

/// Nobody has to wait for longer than this before the device begins again.
const PATIENCE: Duration = Duration::from_secs(3);

static POOL: Pool<4, FRAME> = Pool::new();

/// Makes the sender where it stays: its parts are on the stack only here.
#[inline(never)]
fn sending() -> Option<(&'static mut Sending, &'static mut Answers)> {
    // Another number after every start: a device takes it from its generator of random numbers, or counts its starts. The
    // emulator starts only once.
    let session = picture().id();
    let outbound =
        cortex_m::singleton!(SENDING: Sending = Sending::acknowledged(SenderConfig::arq(), session))?;
    let answers = cortex_m::singleton!(ANSWERS: Answers = Answers::new())?;
    outbound.mode().set_patience(PATIENCE);
    Some((outbound, answers))
}

#[entry]
fn main() -> ! {
    let (Some(core), Some((outbound, answers))) = (cortex_m::Peripherals::take(), sending()) else {
        report::end(false)
    };
    send(outbound, answers, &Ticks::new(core.SYST), Uart::new())
}

/// Sends until the far end has everything.
#[inline(never)]
fn send(outbound: &mut Sending, answers: &mut Answers, clock: &Ticks, mut uart: Uart) -> ! {
    let mut outbox = Outbox::new(&POOL);
    let (mut silent, mut heard) = (0, 0);
    loop {
        if outbound.begin(picture()).is_err() {
            report::end(false);
        }
        outbound.end_session();
        if object(outbound, answers, clock, &mut uart, &mut outbox, &mut heard) {
            break;
        }
        silent += 1;
    }
    report::number("silent", silent);
    report::number("answers", heard);
    report::number("verified", u32::from(outbound.outcome() == Some(AckState::Verified)));
    report::number("stack", report::stack_used());
    report::end(true)
}

/// Sends the object that was begun. False when nobody answers.
fn object(
    outbound: &mut Sending,
    answers: &mut Answers,
    clock: &Ticks,
    uart: &mut Uart,
    outbox: &mut Outbox<'static, 4, FRAME>,
    heard: &mut u32,
) -> bool {
    let mut source = &PICTURE[..];
    let mut done = false;
    while !done || !outbox.is_empty() {
        while !done && let Some(mut frame) = outbox.slot() {
            match outbound.poll(clock.now(), &mut source, &mut frame) {
                Ok(Polled::Frame) => {}
                Ok(Polled::Wait(_)) => break,
                Ok(Polled::Done) => {
                    done = true;
                    break;
                }
                Err(OutboundError::NoAnswer) => return false,
                Err(_) => report::end(false),
            }
            if outbox.push(frame).is_err() {
                report::end(false);
            }
        }
        match outbox.drain(uart) {
            Ok(_) => {}
        }
        if uart.read_ready().unwrap_or(false) {
            let Ok(len) = uart.read(answers.spare());
            let now = clock.now();
            answers.take(len, &mut |message| *heard += u32::from(outbound.handle_answer(now, message)));
        }
    }
    true
}
