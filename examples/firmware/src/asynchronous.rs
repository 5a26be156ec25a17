//! What async programs wait for: the UART, by its interrupt, and the next millisecond, by that of SysTick.
//!
//! ```text
//!   task --polls--> not ready: leaves its waker here, unmasks the interrupt, sleeps
//!   interrupt ----> masks itself, takes the waker, wakes the task
//! ```

use core::cell::Cell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::ptr::write_volatile;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use packhorse_buffer::{Clock, Instant};

use crate::clock::HERTZ;
use crate::uart::{BASE, INTERRUPT, RECEIVE_EMPTY, SEND_FULL, Uart};

const MASK: *mut u32 = (BASE + 0x38) as *mut u32;
/// Something has come, a while ago or much of it; there is room to send.
const RECEIVE: u32 = 1 << 4 | 1 << 6;
const SEND: u32 = 1 << 5;
/// Enables interrupts 0 to 31.
const ENABLE: *mut u32 = 0xE000_E100 as *mut u32;

/// A task that waits.
struct Waiting(Mutex<Cell<Option<Waker>>>);

impl Waiting {
    const fn new() -> Self {
        Self(Mutex::new(Cell::new(None)))
    }

    fn wait(&self, context: &Context<'_>) {
        critical_section::with(|section| self.0.borrow(section).set(Some(context.waker().clone())));
    }

    fn wake(&self) {
        if let Some(waker) = critical_section::with(|section| self.0.borrow(section).take()) {
            waker.wake();
        }
    }
}

static LINE: Waiting = Waiting::new();
static BEATS: AtomicU32 = AtomicU32::new(0);
static ON_BEAT: [Waiting; 2] = [const { Waiting::new() }; 2];

/// Milliseconds since the start, by interrupt.
#[derive(Clone, Copy, Debug)]
pub struct Beats(());

impl Beats {
    /// Starts SysTick.
    #[must_use]
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(HERTZ / 1000 - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        Self(())
    }

    /// Microseconds since the start.
    pub fn micros(self) -> u32 {
        loop {
            let beats = BEATS.load(Ordering::Relaxed);
            let counts = HERTZ / 1000 - 1 - SYST::get_current();
            if BEATS.load(Ordering::Relaxed) == beats {
                return beats * 1000 + counts * 1000 / (HERTZ / 1000);
            }
        }
    }

    /// Waits for the next millisecond. Each of two tasks has a `place`.
    pub async fn next(self, place: usize) {
        let before = BEATS.load(Ordering::Relaxed);
        poll_fn(|context| {
            if BEATS.load(Ordering::Relaxed) != before {
                return Poll::Ready(());
            }
            ON_BEAT[place].wait(context);
            Poll::Pending
        })
        .await;
    }
}

impl Clock for Beats {
    fn now(&self) -> Instant {
        Instant::from_nanos(u64::from(self.micros()) * 1000)
    }
}

#[exception]
fn SysTick() {
    BEATS.store(BEATS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    ON_BEAT.iter().for_each(Waiting::wake);
}

/// The UART of the polled programs, awaited.
#[derive(Debug)]
pub struct AsyncUart(Uart);

impl AsyncUart {
    /// Switches it and its interrupt on.
    #[must_use]
    pub fn new() -> Self {
        let uart = Uart::new();
        // SAFETY: nothing is unmasked in the UART yet, and its handler is below.
        unsafe { write_volatile(ENABLE, 1 << INTERRUPT) };
        Self(uart)
    }

    /// Waits until `busy` is not set any more.
    async fn ready(&self, busy: u32, interrupt: u32) {
        poll_fn(|context| {
            if self.0.flags() & busy == 0 {
                return Poll::Ready(());
            }
            LINE.wait(context);
            // SAFETY: the mask register of UART 0; the handler masks again.
            unsafe { write_volatile(MASK, interrupt) };
            Poll::Pending
        })
        .await;
    }
}

impl Default for AsyncUart {
    fn default() -> Self {
        Self::new()
    }
}

#[unsafe(no_mangle)]
extern "C" fn UART0() {
    // SAFETY: the mask register of UART 0: nothing until a task waits again.
    unsafe { write_volatile(MASK, 0) };
    LINE.wake();
}

impl embedded_io::ErrorType for AsyncUart {
    type Error = Infallible;
}

impl embedded_io_async::Read for AsyncUart {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        self.ready(RECEIVE_EMPTY, RECEIVE).await;
        embedded_io::Read::read(&mut self.0, into)
    }
}

impl embedded_io_async::Write for AsyncUart {
    /// Gives the other tasks a turn before each piece: a UART that always has room would keep them waiting.
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        let mut turn = false;
        poll_fn(|context| {
            if core::mem::replace(&mut turn, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.ready(SEND_FULL, SEND).await;
        embedded_io::Write::write(&mut self.0, from)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
