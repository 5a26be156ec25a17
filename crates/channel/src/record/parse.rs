//! From the bytes of a run to a record: the only place where a record's header is believed.

use core::ops::Range;

use crate::segment::layout::{PAD, RECORD_CELL, RECORD_HEADER, RecordHeader};

/// What a header says, after it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Nothing: so many cells to skip.
    Pad(u64),
    /// A record of so many cells.
    Record {
        cells: u64,
        /// Where the payload lies, from the start of the run.
        payload: Range<usize>,
        kind: u32,
        nanos: u64,
    },
}

/// Checks a header in front of `available` bytes, its own among them. Nothing when it cannot be true.
#[inline]
pub(crate) fn parse(header: RecordHeader, available: usize) -> Option<Parsed> {
    let cells = header.cells as usize;
    let bytes = cells.checked_mul(RECORD_CELL)?;
    if cells == 0 || bytes > available {
        return None;
    }
    if header.flags & PAD != 0 {
        return Some(Parsed::Pad(cells as u64));
    }
    let start = RECORD_HEADER.checked_add(header.start as usize)?;
    let end = start.checked_add(header.len as usize)?;
    let payload = (end <= bytes).then_some(start..end)?;
    Some(Parsed::Record { cells: cells as u64, payload, kind: header.kind, nanos: header.nanos })
}

/// Cells of a record with so many bytes behind its header; nothing when they are too many to count.
pub(crate) const fn cells_of(room: usize) -> Option<u64> {
    match room.checked_add(RECORD_HEADER) {
        Some(bytes) => Some(bytes.div_ceil(RECORD_CELL) as u64),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(header: RecordHeader, cells: usize) -> Option<Parsed> {
        parse(header, cells * RECORD_CELL)
    }

    #[test]
    fn a_record_that_says_more_than_there_is_is_not_believed() {
        let good = RecordHeader { cells: 2, start: 16, len: 80, kind: 7, ..RecordHeader::default() };
        assert_eq!(record(good, 2), Some(Parsed::Record { cells: 2, payload: 48..128, kind: 7, nanos: 0 }));
        assert_eq!(record(good, 1), None);
        assert_eq!(record(RecordHeader { len: 81, ..good }, 2), None);
        assert_eq!(record(RecordHeader { start: u32::MAX, ..good }, 2), None);
        assert_eq!(record(RecordHeader { len: u32::MAX, ..good }, 2), None);
        assert_eq!(record(RecordHeader { cells: 0, ..good }, 2), None);
        assert_eq!(record(RecordHeader { cells: u32::MAX, ..good }, 2), None);
    }
}
