//! Writing many pieces with few system calls: batches of slices, short writes continued where they stopped.

use std::io::{Error, ErrorKind, IoSlice, Result};

/// Pieces in one call. Below every system's limit (Linux and the BSDs take 1024), and 2 KiB on the thread's stack.
const BATCH: usize = 128;

/// Gives all bytes of `pieces` to `write`, which takes some from the front and tells how many.
///
/// # Errors
/// What `write` returns, except that an interrupted call is made again; `WriteZero` when it takes nothing.
pub(crate) fn write_all(
    pieces: &[&[u8]],
    mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize>,
) -> Result<()> {
    // The next byte to write is pieces[index][offset].
    let (mut index, mut offset) = (0, 0);
    loop {
        let mut batch = [IoSlice::new(&[]); BATCH];
        let mut used = 0;
        let mut from = offset;
        for piece in pieces.iter().skip(index) {
            let rest = piece.get(from..).unwrap_or_default();
            from = 0;
            if rest.is_empty() {
                continue;
            }
            let Some(place) = batch.get_mut(used) else { break };
            *place = IoSlice::new(rest);
            used += 1;
        }
        if used == 0 {
            return Ok(());
        }
        let mut written = match write(&batch[..used]) {
            Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // A `write` that claims more than it was given ends the loop with the pieces.
        while let Some(piece) = pieces.get(index) {
            let left = piece.len() - offset;
            if written < left {
                offset += written;
                break;
            }
            written -= left;
            index += 1;
            offset = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `most` bytes at a time, as a pipe that is nearly full does.
    fn written(pieces: &[&[u8]], most: usize) -> (Vec<u8>, usize) {
        let (mut all, mut calls) = (Vec::new(), 0);
        write_all(pieces, |slices| {
            calls += 1;
            assert!(slices.len() <= 1024 && slices.iter().all(|slice| !slice.is_empty()));
            let mut left = most;
            for slice in slices {
                let taken = left.min(slice.len());
                all.extend_from_slice(&slice[..taken]);
                left -= taken;
            }
            Ok(most - left)
        })
        .unwrap();
        (all, calls)
    }

    #[test]
    fn short_writes_lose_and_repeat_nothing() {
        let pieces: [&[u8]; 7] = [b"", b"one", b"", b"", b"two two", b"3", b""];
        for most in 1..20 {
            assert_eq!(written(&pieces, most).0, b"onetwo two3", "{most}");
        }
    }

    #[test]
    fn more_pieces_than_one_call_takes_need_few_calls() {
        let pieces: Vec<&[u8]> = (0..3000).map(|i| if i % 3 == 0 { &b""[..] } else { &b"ab"[..] }).collect();
        let (all, calls) = written(&pieces, usize::MAX);
        assert_eq!(all, b"ab".repeat(2000));
        assert_eq!(calls, 2000_usize.div_ceil(BATCH));
    }

    #[test]
    fn nothing_to_write_is_no_call() {
        assert_eq!(written(&[], 1).1, 0);
        assert_eq!(written(&[b"", b""], 1).1, 0);
    }

    #[test]
    fn an_interrupted_call_is_made_again_and_one_that_takes_nothing_fails() {
        let mut calls = 0;
        write_all(&[b"abc"], |slices| {
            calls += 1;
            if calls == 1 { Err(Error::from(ErrorKind::Interrupted)) } else { Ok(slices[0].len()) }
        })
        .unwrap();
        assert_eq!(calls, 2);
        let error = write_all(&[b"abc"], |_| Ok(0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}
