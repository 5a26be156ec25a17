//! [`Snapshot`]: a copy of cells that their writer may write over meanwhile.
//!
//! The copy is taken word by word with volatile reads; whether it is whole, the ring says afterwards
//! ([`Consume::is_overtaken`](crate::ring::Consume::is_overtaken)). Until then nobody looks at it.
//!
//! By the letter of the memory model a volatile read that meets a plain store of another thread is a data race, whatever is done with
//! its result. It is what sequence locks in Rust do as long as there is no copy of atomic bytes; compilers turn it into
//! plain loads, and writers that fill a cell in place cannot store atomically.

use super::Segment;
use crate::ring::Run;

/// As cells are aligned.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(128))]
struct Line([u64; 16]);

/// Memory for a copy; grows to the largest run that it held.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    lines: Vec<Line>,
}

impl Snapshot {
    /// Copies the cells of a run, which does not cross the end of the ring.
    #[allow(unsafe_code)]
    pub(crate) fn take(&mut self, segment: &Segment, run: Run) {
        let from = segment.bytes(run);
        let bytes = from.len();
        let lines = bytes.div_ceil(size_of::<Line>());
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; 16]));
        }
        let into = self.lines.as_mut_ptr().cast::<u8>();
        let from = from.cast::<u8>();
        // Cells of small types stand anywhere.
        let words = if from.cast::<u64>().is_aligned() { bytes / 8 } else { 0 };
        for word in 0..words {
            // SAFETY: both runs have `bytes` bytes. The read may race with the writer's and give anything: any
            // bytes are a u64, and the ring tells afterwards that they are nothing.
            unsafe { into.cast::<u64>().add(word).write(from.cast::<u64>().add(word).read_volatile()) };
        }
        for byte in words * 8..bytes {
            // SAFETY: as above.
            unsafe { into.add(byte).write(from.add(byte).read_volatile()) };
        }
    }

    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.lines.as_ptr().cast_mut().cast()
    }
}
