//! [`Encoder`]: the block encoders of the C library, behind slices. The only place of this crate where C is called.
//!
//! ```text
//!   LZ4_stream_t (16 KiB)      hash table of the fast encoder       one a worker, used again for every block
//!   LZ4_streamHC_t (256 KiB)   tables of the high-compression one   the same
//! ```
//! The C side keeps pointers to what it compressed last. Every call here begins by forgetting them, so that no
//! pointer outlives the slice it was made from.

use alloc::sync::Arc;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::NonNull;

use super::{LONGEST, Level, WINDOW};

/// Opaque `LZ4_stream_t`.
#[repr(C)]
struct Stream(c_void);
/// Opaque `LZ4_streamHC_t`.
#[repr(C)]
struct StreamHc(c_void);

// Declared here because lz4-sys, whose static library holds them, declares only a part: lz4.h and lz4hc.h of 1.10.
unsafe extern "C" {
    fn LZ4_createStream() -> *mut Stream;
    fn LZ4_freeStream(stream: *mut Stream) -> c_int;
    fn LZ4_sizeofState() -> c_int;
    fn LZ4_initStream(memory: *mut c_void, size: usize) -> *mut Stream;
    fn LZ4_loadDict(stream: *mut Stream, dictionary: *const c_char, len: c_int) -> c_int;
    fn LZ4_loadDictSlow(stream: *mut Stream, dictionary: *const c_char, len: c_int) -> c_int;
    fn LZ4_attach_dictionary(working: *mut Stream, dictionary: *const Stream);
    fn LZ4_compress_fast_extState(
        state: *mut c_void,
        from: *const c_char,
        to: *mut c_char,
        len: c_int,
        room: c_int,
        acceleration: c_int,
    ) -> c_int;
    fn LZ4_compress_fast_continue(
        stream: *mut Stream,
        from: *const c_char,
        to: *mut c_char,
        len: c_int,
        room: c_int,
        acceleration: c_int,
    ) -> c_int;

    fn LZ4_createStreamHC() -> *mut StreamHc;
    fn LZ4_freeStreamHC(stream: *mut StreamHc) -> c_int;
    fn LZ4_resetStreamHC_fast(stream: *mut StreamHc, level: c_int);
    fn LZ4_loadDictHC(stream: *mut StreamHc, dictionary: *const c_char, len: c_int) -> c_int;
    fn LZ4_attach_HC_dictionary(working: *mut StreamHc, dictionary: *const StreamHc);
    fn LZ4_compress_HC_continue(
        stream: *mut StreamHc,
        from: *const c_char,
        to: *mut c_char,
        len: c_int,
        room: c_int,
    ) -> c_int;
}

/// Compresses into `output` without any state of its own, skipping more the higher `acceleration` is; `None` when that
/// has no room.
pub(crate) fn compress_fast(input: &[u8], output: &mut [u8], acceleration: u32) -> Option<usize> {
    let (len, room) = (c_len(input)?, c_room(output));
    let (from, to) = (input.as_ptr().cast(), output.as_mut_ptr().cast());
    let acceleration = c_int::try_from(acceleration).unwrap_or(c_int::MAX);
    // SAFETY: both pointers come from slices of the lengths given, which do not overlap, and C keeps neither.
    let written = unsafe { lz4_sys::LZ4_compress_fast(from, to, len, room, acceleration) };
    positive(written)
}

/// Compresses blocks, one after another, each as if it were the first.
pub(crate) struct Encoder {
    level: Level,
    state: State,
}

enum State {
    Fast(FastState),
    High(HighState),
}

impl Encoder {
    /// An encoder of this level.
    pub(crate) fn new(level: Level) -> Self {
        Self { level, state: State::new(level) }
    }

    /// Compresses `input[at..]`; what is before `at` is known to the decoder. `None` when `output` has no room.
    ///
    /// # Panics
    /// When `at` lies outside `input`.
    pub(crate) fn after(&mut self, input: &[u8], at: usize, output: &mut [u8]) -> Option<usize> {
        let (history, data) = input.split_at(at);
        let history = &history[history.len().saturating_sub(WINDOW)..];
        let (len, room) = (c_len(data)?, c_room(output));
        let (from, to) = (data.as_ptr().cast(), output.as_mut_ptr().cast());
        let acceleration = self.level.acceleration();
        // SAFETY (of each call below): the stream is alive and this encoder's own; all pointers come from slices of
        // the lengths given, which outlive the call; `history` ends where `data` starts, as the C side assumes. What
        // it remembers of them is forgotten at the start of the next call: by `extState`, `loadDict` or the reset.
        let written = match &mut self.state {
            State::Fast(stream) if history.is_empty() => {
                // SAFETY: as said above; `extState` takes memory of `LZ4_sizeofState` bytes, which a stream has.
                unsafe {
                    LZ4_compress_fast_extState(stream.0.as_ptr().cast(), from, to, len, room, acceleration)
                }
            }
            State::Fast(stream) => {
                // SAFETY: as said above.
                unsafe {
                    LZ4_loadDict(stream.0.as_ptr(), history.as_ptr().cast(), c_len(history)?);
                    LZ4_compress_fast_continue(stream.0.as_ptr(), from, to, len, room, acceleration)
                }
            }
            State::High(stream) => {
                // SAFETY: as said above.
                unsafe {
                    LZ4_resetStreamHC_fast(stream.0.as_ptr(), self.level.number());
                    if !history.is_empty() {
                        LZ4_loadDictHC(stream.0.as_ptr(), history.as_ptr().cast(), c_len(history)?);
                    }
                    LZ4_compress_HC_continue(stream.0.as_ptr(), from, to, len, room)
                }
            }
        };
        positive(written)
    }

    /// Compresses `input` as if `dictionary` stood before it. `None` when `output` has no room.
    pub(crate) fn with(&mut self, dictionary: &Loaded, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let (len, room) = (c_len(input)?, c_room(output));
        let (from, to) = (input.as_ptr().cast(), output.as_mut_ptr().cast());
        let written = match (&mut self.state, &dictionary.state) {
            (State::Fast(stream), State::Fast(loaded)) => {
                // SAFETY: both streams are alive; initialising forgets what `stream` knew; `loaded` and the bytes it
                // points to are borrowed for the call, after which C drops the attachment by itself.
                unsafe {
                    let size = usize::try_from(LZ4_sizeofState()).ok()?;
                    LZ4_initStream(stream.0.as_ptr().cast(), size);
                    LZ4_attach_dictionary(stream.0.as_ptr(), loaded.0.as_ptr());
                    LZ4_compress_fast_continue(
                        stream.0.as_ptr(),
                        from,
                        to,
                        len,
                        room,
                        self.level.acceleration(),
                    )
                }
            }
            (State::High(stream), State::High(loaded)) => {
                // SAFETY: as above; the next use of `stream` begins with a reset, which drops the attachment.
                unsafe {
                    LZ4_resetStreamHC_fast(stream.0.as_ptr(), self.level.number());
                    LZ4_attach_HC_dictionary(stream.0.as_ptr(), loaded.0.as_ptr());
                    LZ4_compress_HC_continue(stream.0.as_ptr(), from, to, len, room)
                }
            }
            // A dictionary is loaded for the level it is used with.
            _ => return None,
        };
        positive(written)
    }
}

/// A dictionary made ready for one kind of encoder: read by all workers, changed by none.
pub(crate) struct Loaded {
    state: State,
    /// What `state` points into.
    _bytes: Arc<[u8]>,
}

impl Loaded {
    /// Reads the last 64 KiB of `bytes` into the tables that `level` uses.
    pub(crate) fn new(bytes: &Arc<[u8]>, level: Level) -> Self {
        let bytes = Arc::clone(bytes);
        let state = State::new(level);
        let tail = &bytes[bytes.len().saturating_sub(WINDOW)..];
        let (at, len) = (tail.as_ptr().cast(), c_len(tail).unwrap_or(0));
        // SAFETY: the stream is new and alive; `tail` lies in memory that `_bytes` keeps alive, in place and unchanged
        // for as long as the stream, whose tables point to it.
        unsafe {
            match &state {
                State::Fast(stream) => LZ4_loadDictSlow(stream.0.as_ptr(), at, len),
                State::High(stream) => {
                    LZ4_resetStreamHC_fast(stream.0.as_ptr(), level.number());
                    LZ4_loadDictHC(stream.0.as_ptr(), at, len)
                }
            };
        }
        Self { state, _bytes: bytes }
    }
}

impl State {
    fn new(level: Level) -> Self {
        if level.is_high() { Self::High(HighState::new()) } else { Self::Fast(FastState::new()) }
    }
}

struct FastState(NonNull<Stream>);

impl FastState {
    fn new() -> Self {
        // SAFETY: takes nothing; the result is checked.
        Self(alive(unsafe { LZ4_createStream() }))
    }
}

impl Drop for FastState {
    fn drop(&mut self) {
        // SAFETY: it came from `LZ4_createStream` and is freed once.
        unsafe { LZ4_freeStream(self.0.as_ptr()) };
    }
}

struct HighState(NonNull<StreamHc>);

impl HighState {
    fn new() -> Self {
        // SAFETY: takes nothing; the result is checked.
        Self(alive(unsafe { LZ4_createStreamHC() }))
    }
}

impl Drop for HighState {
    fn drop(&mut self) {
        // SAFETY: it came from `LZ4_createStreamHC` and is freed once.
        unsafe { LZ4_freeStreamHC(self.0.as_ptr()) };
    }
}

// SAFETY: a stream is memory of its own without ties to a thread, and only `&mut Encoder` changes it. A `Loaded` is
// not changed after `new`; the C side takes it as const.
unsafe impl Send for State {}
// SAFETY: as for `Send`; through a shared reference it is only read.
unsafe impl Sync for State {}

/// The C library allocates with malloc: out of memory ends the program here as everywhere.
fn alive<T>(stream: *mut T) -> NonNull<T> {
    NonNull::new(stream)
        .unwrap_or_else(|| alloc::alloc::handle_alloc_error(core::alloc::Layout::new::<usize>()))
}

/// The length of an input, if the C library takes one so long.
fn c_len(input: &[u8]) -> Option<c_int> {
    if input.len() > LONGEST { None } else { c_int::try_from(input.len()).ok() }
}

/// The room in an output; more than the C library can name is more than it needs.
fn c_room(output: &[u8]) -> c_int {
    c_int::try_from(output.len()).unwrap_or(c_int::MAX)
}

fn positive(written: c_int) -> Option<usize> {
    usize::try_from(written).ok().filter(|written| *written > 0)
}
