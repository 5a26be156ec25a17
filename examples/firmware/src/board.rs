//! The machine: what happens when the program panics or ends.

/// A panic is a bug of ours: stop where a debugger sees it.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    crate::report::end(false)
}
