//! The machine: its interrupts, and what happens when the program panics.

/// What stands in the table of interrupts: the address of a handler, or nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub union Vector {
    handler: unsafe extern "C" fn(),
    reserved: usize,
}

unsafe extern "C" {
    fn DefaultHandler();
    fn UART0();
}

/// Interrupts of the LM3S6965. Only that of UART 0 is used; the table of a chip without a list of its own would have 240.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Vector; 44] = {
    let mut table = [Vector { handler: DefaultHandler }; 44];
    table[crate::uart::INTERRUPT] = Vector { handler: UART0 };
    table[41] = Vector { reserved: 0 };
    table
};

/// A panic is a bug of ours: stop where a debugger sees it.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    crate::report::end(false)
}
