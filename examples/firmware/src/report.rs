//! Numbers for the person at the debugger, without the formatting of `core`, which is larger than the program.

/// Prints `name=value`. Nothing without the feature `report`.
#[cfg(feature = "report")]
pub fn number(name: &str, mut value: u32) {
    let mut text = [0; 64];
    let mut end = name.len().min(48);
    text[..end].copy_from_slice(&name.as_bytes()[..end]);
    text[end] = b'=';
    end += 1;
    let mut digits = [0; 10];
    let mut at = digits.len();
    while at == digits.len() || value > 0 {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let len = digits.len() - at;
    text[end..end + len].copy_from_slice(&digits[at..]);
    text[end + len] = b'\n';
    if let Ok(mut out) = cortex_m_semihosting::hio::hstdout() {
        let _ = out.write_all(&text[..=end + len]);
    }
}

/// Nothing is printed.
#[cfg(not(feature = "report"))]
pub fn number(_name: &str, _value: u32) {}

/// Ends the emulator.
#[cfg(feature = "report")]
pub fn end(well: bool) -> ! {
    use cortex_m_semihosting::debug;
    debug::exit(if well { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}

/// Waits for ever.
#[cfg(not(feature = "report"))]
pub fn end(_well: bool) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

unsafe extern "C" {
    static mut __sheap: u32;
    static mut _stack_start: u32;
}

/// Bytes of stack that were ever used: what start-up painted and nobody wrote over lies below.
#[must_use]
pub fn stack_used() -> u32 {
    let (low, high) = (&raw const __sheap as usize, &raw const _stack_start as usize);
    let mut at = low;
    // SAFETY: from the end of the static memory to the start of the stack is RAM of this machine, aligned to words; it is
    // only read.
    while at < high && unsafe { core::ptr::read_volatile(at as *const u32) } == cortex_m_rt::STACK_PAINT_VALUE
    {
        at += 4;
    }
    (high - at) as u32
}
