//! The log shim: one set of macros for every crate above, which end at `tracing`, at `defmt` or nowhere.
//!
//! `tracing` without std needs an allocator, so crates that run without one cannot call it. They call these
//! macros, and the features `tracing` and `defmt` of *this* crate decide where the lines go. With neither, the
//! text is still checked against its arguments, but nothing is evaluated and no code is made.
//!
//! Only what `tracing` and `defmt` both understand: a literal with `{}`, `{:?}`, `{:x}` and arguments by position,
//! each a number, a `bool`, a `&str`, or one of this crate's small types (errors, `Instant`). No spans, no fields.
//!
//! ```
//! use packhorse_buffer::{log_debug, log_warn};
//! log_debug!("block {} of {}", 3, 12);
//! log_warn!("the other side went away");
//! ```

#[doc(hidden)]
#[cfg(feature = "defmt")]
pub use defmt;
#[doc(hidden)]
#[cfg(feature = "tracing")]
pub use tracing;

/// The one place that knows where lines go; `$level` is the name of a macro in both `tracing` and `defmt`.
#[doc(hidden)]
#[cfg(feature = "tracing")]
#[macro_export]
macro_rules! __log {
    ($level:ident, $text:literal $(, $argument:expr)*) => {
        $crate::log::tracing::$level!($text $(, $argument)*)
    };
}

/// The macros of `defmt` name their crate without a path, so it is brought into sight around each call.
#[doc(hidden)]
#[cfg(all(feature = "defmt", not(feature = "tracing")))]
#[macro_export]
macro_rules! __log {
    ($level:ident, $text:literal $(, $argument:expr)*) => {{
        use $crate::log::defmt;
        defmt::$level!($text $(, $argument)*);
    }};
}

/// Checked, never run: arguments count as used, mistakes in the text are found, and no code is left.
#[doc(hidden)]
#[cfg(not(any(feature = "defmt", feature = "tracing")))]
#[macro_export]
macro_rules! __log {
    ($level:ident, $text:literal $(, $argument:expr)*) => {
        if false {
            let _ = ::core::format_args!($text $(, $argument)*);
        }
    };
}

/// Logs what happens to every packet. See [the shim](crate::log) for what text and arguments may be.
#[macro_export]
macro_rules! log_trace {
    ($text:literal $(, $argument:expr)* $(,)?) => { $crate::__log!(trace, $text $(, $argument)*) };
}

/// Logs what a developer looks for: why a packet was dropped. See [the shim](crate::log).
#[macro_export]
macro_rules! log_debug {
    ($text:literal $(, $argument:expr)* $(,)?) => { $crate::__log!(debug, $text $(, $argument)*) };
}

/// Logs what a user may want to know: a transfer started, ended. See [the shim](crate::log).
#[macro_export]
macro_rules! log_info {
    ($text:literal $(, $argument:expr)* $(,)?) => { $crate::__log!(info, $text $(, $argument)*) };
}

/// Logs what is wrong but survived: a second META that differs. See [the shim](crate::log).
#[macro_export]
macro_rules! log_warn {
    ($text:literal $(, $argument:expr)* $(,)?) => { $crate::__log!(warn, $text $(, $argument)*) };
}

/// Logs what ends a transfer. See [the shim](crate::log).
#[macro_export]
macro_rules! log_error {
    ($text:literal $(, $argument:expr)* $(,)?) => { $crate::__log!(error, $text $(, $argument)*) };
}
