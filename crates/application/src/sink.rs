//! Where the blocks of one object go: a partial file in the inbox, or a byte stream that must be in order.

use alloc::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;

use crate::check::{FileCheck, FinishedFile, StreamCheck, Verdict, is_bad};
use crate::extents::Extents;
use crate::partial::PartialFile;

/// Blocks below this are gathered in memory before they are written.
const GATHER_BELOW: usize = 4096;
/// Bytes gathered, at most.
const GATHER: usize = 64 * 1024;
/// Most pieces that one system call writes.
const IOV_MAX: usize = 1024;

/// A partial file with its hash and the blocks that wait to be written.
///
/// Large blocks go to the system from where they were received; small ones are copied together once, so that
/// neither the write nor the hash works on crumbs.
pub(crate) struct FileSink {
    partial: PartialFile,
    check: FileCheck,
    gathered: Vec<u8>,
    /// Where the gathered bytes belong.
    at: u64,
}

impl FileSink {
    pub(crate) fn new(partial: PartialFile, check: FileCheck) -> Self {
        Self { partial, check, gathered: Vec::new(), at: 0 }
    }

    /// What an earlier receiver left of it, verified.
    pub(crate) fn restore(&mut self) -> Extents {
        self.partial.restore(self.check.hasher())
    }

    /// Time passes: what waits in the memory is written, too, when the journal is due.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        self.flush()?;
        self.partial.tick();
        Ok(())
    }

    /// Writes pieces that follow one another, the first at `offset`.
    pub(crate) fn write(&mut self, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        if pieces.first().is_some_and(|piece| piece.len() < GATHER_BELOW) {
            let mut at = offset;
            for piece in pieces {
                if at != self.at + self.gathered.len() as u64 || self.gathered.len() + piece.len() > GATHER {
                    self.flush()?;
                    self.at = at;
                }
                self.gathered.extend_from_slice(piece);
                at += piece.len() as u64;
            }
            return Ok(());
        }
        self.flush()?;
        let mut at = offset;
        for piece in pieces {
            offer(&mut self.check, &mut self.partial, at, piece)?;
            at += piece.len() as u64;
        }
        let mut at = offset;
        for batch in pieces.chunks(IOV_MAX) {
            at = write_all_gathered(self.partial.file(), batch, at)?;
        }
        self.partial.note(offset, at - offset);
        Ok(())
    }

    /// Writes repair symbols in the place of missing blocks: neither hashed nor remembered.
    pub(crate) fn write_repair(&mut self, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        self.flush()?;
        write_all_gathered(self.partial.file(), pieces, offset).map(drop)
    }

    /// Fills `into` from what was written; zero behind its end.
    pub(crate) fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.flush()?;
        read_or_zero(self.partial.file(), offset, into)
    }

    /// Writes what is gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            offer(&mut self.check, &mut self.partial, self.at, &self.gathered)?;
            self.partial.file().write_all_at(&self.gathered, self.at)?;
            self.partial.note(self.at, self.gathered.len() as u64);
            self.gathered.clear();
        }
        Ok(())
    }

    /// Nothing more comes for now: a later receiver finds what did.
    pub(crate) fn abandon(mut self) {
        // What cannot be written is not in the journal either, and has to come again.
        let _ = self.flush();
    }

    /// Bytes that wait in the memory for small blocks.
    #[cfg(test)]
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.len()
    }

    /// The file, whole, with the hash of what is in its first `size` bytes.
    pub(crate) fn finish(mut self, size: u64) -> io::Result<FinishedFile> {
        self.flush()?;
        // Cuts off what a damaged or hostile sender may have put behind the end.
        self.partial.file().set_len(size)?;
        self.check.finish(self.partial, size)
    }
}

/// Bytes came, perhaps the next ones. Those of a content that cannot be are thrown away with all before them.
fn offer(check: &mut FileCheck, partial: &mut PartialFile, at: u64, bytes: &[u8]) -> io::Result<()> {
    let offered = check.offer(at, bytes, partial.name());
    // A full disk is no fault of the content: what came is kept.
    if offered.as_ref().is_err_and(is_bad) {
        partial.spoil();
    }
    offered
}

/// Bytes in order to a writer that cannot seek; what comes too early waits in a file without a name.
pub(crate) struct OrderedSink<W> {
    /// Missing while an earlier object has it: then everything waits.
    out: Option<W>,
    check: StreamCheck,
    /// Bytes taken so far, from the start of the object.
    next: u64,
    /// What waits: where it begins and how long it is, in a file at the same offsets.
    early: BTreeMap<u64, u64>,
    spool: Option<File>,
    /// Everything is kept in the spool, also what was written in order.
    keeps: bool,
}

impl<W: Write> OrderedSink<W> {
    /// With `keeps`, everything that was written can be [`read`](Self::read) back.
    pub(crate) fn new(out: Option<W>, check: StreamCheck, keeps: bool) -> Self {
        Self { out, check, next: 0, early: BTreeMap::new(), spool: None, keeps }
    }

    /// Writes repair symbols in the place of missing blocks.
    pub(crate) fn write_repair(&mut self, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        write_all_gathered(self.spool()?, pieces, offset).map(drop)
    }

    /// Fills `into` from what was written, if it is kept; zero behind its end.
    pub(crate) fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        read_or_zero(self.spool()?, offset, into)
    }

    fn spool(&mut self) -> io::Result<&File> {
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => tempfile::tempfile()?,
        };
        Ok(self.spool.insert(spool))
    }

    /// It is this object's turn: what waited is written.
    pub(crate) fn turn(&mut self, out: W) -> io::Result<()> {
        self.out = Some(out);
        self.emit_early()
    }

    /// Takes the bytes at `offset`: writes them if they are the next ones, keeps them otherwise.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset > self.next || self.out.is_none() {
            self.spool()?.write_all_at(bytes, offset)?;
            self.remember(offset, bytes.len() as u64);
            return Ok(());
        }
        if self.keeps {
            self.spool()?.write_all_at(bytes, offset)?;
        }
        if offset == self.next {
            self.emit(bytes)?;
            self.emit_early()?;
        }
        Ok(())
    }

    /// Bytes of the object that were taken in order.
    pub(crate) const fn came(&self) -> u64 {
        self.next
    }

    /// Time passes: what is whole is handed to the system.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        self.check.flush(&mut self.out)
    }

    /// Hands everything to the system, and gives the writer back, if it had its turn and does not fail; and the length of the
    /// content, if that is not the object itself, and its hash.
    pub(crate) fn finish(mut self) -> (Option<W>, io::Result<Verdict>) {
        let finished = self.check.finish(&mut self.out);
        match self.out.as_mut().map_or(Ok(()), W::flush) {
            Ok(()) => (self.out, finished),
            Err(error) => (None, Err(error)),
        }
    }

    /// Hands everything written to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), W::flush)
    }

    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check.take(bytes, &mut self.out)?;
        self.next += bytes.len() as u64;
        Ok(())
    }

    /// Notes an early stretch, joined to the one that ends where it begins.
    fn remember(&mut self, offset: u64, len: u64) {
        if let Some((&start, before)) = self.early.range_mut(..offset).next_back()
            && start + *before == offset
        {
            *before += len;
            return;
        }
        self.early.insert(offset, len);
    }

    fn emit_early(&mut self) -> io::Result<()> {
        let mut memory = Vec::new();
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() != self.next {
                break;
            }
            let mut left = entry.remove();
            memory.resize(GATHER, 0);
            let Some(mut spool) = self.spool.take() else { break };
            spool.seek(SeekFrom::Start(self.next))?;
            while left > 0 {
                let n = usize::try_from(left).map_or(GATHER, |left| left.min(GATHER));
                spool.read_exact(&mut memory[..n])?;
                self.emit(&memory[..n])?;
                left -= n as u64;
            }
            self.spool = Some(spool);
        }
        Ok(())
    }
}

/// Fills `into` from a file that may be shorter.
fn read_or_zero(file: &File, offset: u64, into: &mut [u8]) -> io::Result<()> {
    let mut have = 0;
    while have < into.len() {
        match file.read_at(&mut into[have..], offset + have as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    into[have..].fill(0);
    Ok(())
}

/// Writes all pieces at `offset` and returns the offset behind them.
fn write_all_gathered(file: &File, pieces: &[&[u8]], offset: u64) -> io::Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    let mut at = offset;
    while !rest.is_empty() {
        match rustix::io::pwritev(file, rest, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                at += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::Hasher;
    use packhorse_transfer::HashKind;

    #[test]
    fn a_stream_comes_out_in_order_whatever_order_it_came_in() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| i.to_be_bytes()[2] ^ i.to_be_bytes()[3]).collect();
        let mut blocks: Vec<usize> = (0..100).collect();
        // A fixed shuffle: 37 is coprime to 100.
        blocks.sort_by_key(|n| n * 37 % 100);
        let mut sink = OrderedSink::new(Some(Vec::new()), StreamCheck::plain(HashKind::Blake3), false);
        for n in blocks {
            sink.write(n as u64 * 1000, &bytes[n * 1000..(n + 1) * 1000]).unwrap();
        }
        assert_eq!(sink.came(), 100_000);
        let (out, finished) = sink.finish();
        let (_, hash) = finished.unwrap();
        assert!(out == Some(bytes.clone()));
        let mut hasher = Hasher::new(HashKind::Blake3);
        hasher.update(&bytes);
        assert_eq!(hash, hasher.finish());
    }

    #[test]
    fn blocks_in_order_need_no_spool() {
        let mut sink = OrderedSink::new(Some(Vec::new()), StreamCheck::plain(HashKind::Blake3), false);
        for n in 0..10 {
            sink.write(n * 10, &[7; 10]).unwrap();
        }
        assert!(sink.spool.is_none());
    }
}
