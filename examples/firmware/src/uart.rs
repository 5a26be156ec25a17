//! UART 0 of the LM3S6965: a PL011, polled. The only file that changes for an RP2040, whose UARTs are PL011s too.

use core::convert::Infallible;
use core::ptr::{read_volatile, write_volatile};

pub(crate) const BASE: usize = 0x4000_C000;
const DATA: *mut u32 = BASE as *mut u32;
const FLAGS: *const u32 = (BASE + 0x18) as *const u32;
const CONTROL: *mut u32 = (BASE + 0x30) as *mut u32;
/// Nothing has come.
pub(crate) const RECEIVE_EMPTY: u32 = 1 << 4;
/// No room for another byte.
pub(crate) const SEND_FULL: u32 = 1 << 5;

/// Its place in the table of interrupts.
pub const INTERRUPT: usize = 5;

/// Both directions of the line.
#[derive(Debug)]
pub struct Uart(());

impl Uart {
    /// Switches it on.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: the control register of UART 0: enable, send, receive.
        unsafe { write_volatile(CONTROL, 0x301) };
        Self(())
    }

    pub(crate) fn flags(&self) -> u32 {
        // SAFETY: reading the flag register changes nothing.
        unsafe { read_volatile(FLAGS) }
    }
}

impl Default for Uart {
    fn default() -> Self {
        Self::new()
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.flags() & RECEIVE_EMPTY == 0)
    }
}

impl embedded_io::WriteReady for Uart {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.flags() & SEND_FULL == 0)
    }
}

impl embedded_io::Read for Uart {
    /// Takes what is there, and waits for the first byte.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let mut n = 0;
        while n < into.len() && (n == 0 || self.flags() & RECEIVE_EMPTY == 0) {
            while self.flags() & RECEIVE_EMPTY != 0 {}
            // SAFETY: a byte is there; reading takes it.
            into[n] = unsafe { read_volatile(DATA) } as u8;
            n += 1;
        }
        Ok(n)
    }
}

impl embedded_io::Write for Uart {
    /// Writes as long as there is room, and waits for the first byte's.
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        let mut n = 0;
        while n < from.len() && (n == 0 || self.flags() & SEND_FULL == 0) {
            while self.flags() & SEND_FULL != 0 {}
            // SAFETY: there is room for a byte.
            unsafe { write_volatile(DATA, u32::from(from[n])) };
            n += 1;
        }
        Ok(n)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
