//! [`Journal`]: what of a partial file has arrived, kept beside it, so that a receiver that was killed goes on from there.
//!
//! ```text
//!   header   "PHJ1" | zero (4) | size (8) | identity of the object (32)
//!   record   offset (8) | length (8) | BLAKE3 of these bytes (32) | check of the record (4)
//!   record   ...                                          appended, never changed; integers are big-endian
//! ```
//! Nothing in it is believed: a record counts when the bytes in the file have its hash, whatever was torn, lost or
//! changed, and the whole file is accepted by its own hash only. So the order in which the system writes file and
//! journal to the disk does not matter.
//!
//! - A kill loses what came within the last second, 16 MiB at most.
//! - A power cut loses what the system had not written: both files are synced every ten seconds.
//! - It is not made before something is due to be written: a small file on a fast link has none.

use core::ops::Range;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::OFlags;
use zerocopy::byteorder::{BE, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::extents::Extents;
use crate::integrity::OrderedHasher;

/// A batch is written after so long, or so many bytes, or so many stretches.
const EVERY: Duration = Duration::from_secs(1);
const BYTES: u64 = 16 << 20;
const STRETCHES: usize = 4096;
/// Bytes that one record covers at most: a damaged byte costs no more than that.
const RECORD_MAX: u64 = 1 << 20;
/// File and journal are synced so often.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// A journal has at most this share of the object's size, and so many bytes anyway.
const SHARE: u64 = 8;
const LEAST_MAX: u64 = 1 << 20;
/// Bytes read at a time.
const READ: usize = 256 * 1024;

const MAGIC: [u8; 4] = *b"PHJ1";

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    zero: [u8; 4],
    size: U64<BE>,
    identity: [u8; 32],
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Record {
    offset: U64<BE>,
    len: U64<BE>,
    hash: [u8; 32],
    check: [u8; 4],
}

impl Record {
    fn new(range: &Range<u64>, hash: [u8; 32]) -> Self {
        let (offset, len) = (range.start.into(), (range.end - range.start).into());
        let mut record = Self { offset, len, hash, check: [0; 4] };
        record.check = record.checked();
        record
    }

    fn checked(&self) -> [u8; 4] {
        let bytes = self.as_bytes();
        let digest = blake3::hash(&bytes[..bytes.len() - 4]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }

    /// Where the bytes lie, if the record is whole and can be of an object of `size` bytes.
    fn range(&self, size: u64) -> Option<Range<u64>> {
        let (offset, len) = (self.offset.get(), self.len.get());
        let end = offset.checked_add(len).filter(|end| *end <= size)?;
        (len > 0 && len <= RECORD_MAX && self.check == self.checked()).then_some(offset..end)
    }
}

/// A stretch of the file, and the hash of its bytes.
type Stretch = (Range<u64>, [u8; 32]);

/// The journal of one partial file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    size: u64,
    identity: [u8; 32],
    /// Missing until the first batch.
    file: Option<File>,
    len: u64,
    /// Arrived, and not in the journal yet.
    pending: Extents,
    since: Instant,
    synced: Instant,
    /// The disk refused, or the bound is reached: no more is written.
    over: bool,
}

impl Journal {
    /// The journal at `path` of an object of `size` bytes with this identity. Nothing is read or made yet.
    pub(crate) fn new(path: PathBuf, size: u64, identity: [u8; 32]) -> Self {
        let now = Instant::now();
        Self {
            path,
            size,
            identity,
            file: None,
            len: 0,
            pending: Extents::default(),
            since: now,
            synced: now,
            over: false,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything is in it.
    pub(crate) fn exists(&self) -> bool {
        self.file.is_some()
    }

    /// What of `data` is there and has its hash, from the journal that an earlier receiver left. The hasher goes along as
    /// far as it can. A journal of another object, or none, is nothing.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub(crate) fn restore(&mut self, data: &File, hasher: &mut OrderedHasher) -> io::Result<Extents> {
        let mut present = Extents::default();
        let Some(mut records) = self.open()? else { return Ok(present) };
        records.sort_unstable_by_key(|record| record.0.start);
        let mut memory = vec![0; READ];
        for (range, hash) in records {
            if present.contains(&range) {
                continue;
            }
            let mut found = blake3::Hasher::new();
            let mut ahead = hasher.clone();
            let mut at = range.start;
            while at < range.end {
                let want = usize::try_from(range.end - at).map_or(READ, |left| left.min(READ));
                let Some(bytes) = memory.get_mut(..want) else { break };
                match data.read_exact_at(bytes, at) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                    Err(error) => return Err(error),
                }
                found.update(bytes);
                ahead.offer(at, bytes);
                at += want as u64;
            }
            if at == range.end && *found.finalize().as_bytes() == hash {
                *hasher = ahead;
                present.insert(range);
            }
        }
        Ok(present)
    }

    /// Opens what is there, for more to follow. Returns its records.
    fn open(&mut self) -> io::Result<Option<Vec<Stretch>>> {
        let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let file = match OpenOptions::new().read(true).write(true).custom_flags(nofollow).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let len = file.metadata()?.len();
        if len > self.most() {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        let Ok((header, rest)) = Header::ref_from_prefix(&bytes) else { return Ok(None) };
        if header.as_bytes() != self.header().as_bytes() {
            return Ok(None);
        }
        let mut records = Vec::new();
        let mut good = size_of::<Header>() as u64;
        for piece in rest.chunks_exact(size_of::<Record>()) {
            let Ok(record) = Record::ref_from_bytes(piece) else { break };
            // One that was torn or damaged says nothing; those behind it may be well.
            if let Some(range) = record.range(self.size) {
                records.push((range, record.hash));
            }
            good += piece.len() as u64;
        }
        self.len = good;
        self.file = Some(file);
        Ok(Some(records))
    }

    /// Bytes of `data` have been written.
    pub(crate) fn note(&mut self, range: Range<u64>, data: &File) {
        if self.over {
            return;
        }
        self.pending.insert(range);
        if self.pending.bytes() >= BYTES || self.pending.len() >= STRETCHES {
            self.flush(data);
        } else {
            self.tick(data);
        }
    }

    /// Time passes: a batch that is due is written.
    pub(crate) fn tick(&mut self, data: &File) {
        if self.since.elapsed() >= EVERY {
            self.flush(data);
        }
    }

    /// Writes down what has arrived. A disk that refuses ends the journal, not the transfer.
    pub(crate) fn flush(&mut self, data: &File) {
        self.since = Instant::now();
        if self.over || self.pending.len() == 0 {
            return;
        }
        if let Err(error) = self.write(data) {
            tracing::warn!(%error, path = %self.path.display(), "the journal ends here");
            self.over = true;
            self.pending = Extents::default();
        }
    }

    fn write(&mut self, data: &File) -> io::Result<()> {
        let pending = core::mem::take(&mut self.pending);
        let mut batch = Vec::with_capacity(pending.len() * size_of::<Record>());
        if self.file.is_none() {
            batch.extend_from_slice(self.header().as_bytes());
        }
        let mut memory = vec![0; READ];
        for stretch in pending.iter() {
            let mut start = stretch.start;
            while start < stretch.end {
                // Records end where the file has a round number, so that many small batches fit together.
                let end = ((start / RECORD_MAX + 1) * RECORD_MAX).min(stretch.end);
                batch.extend_from_slice(record(data, &(start..end), &mut memory)?.as_bytes());
                start = end;
            }
        }
        if self.len + batch.len() as u64 > self.most() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the journal has reached its bound"));
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                // Whatever is there is not this object's.
                let _ = std::fs::remove_file(&self.path);
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?
            }
        };
        file.write_all_at(&batch, self.len)?;
        self.len += batch.len() as u64;
        if self.synced.elapsed() >= SYNC_EVERY {
            data.sync_data()?;
            file.sync_data()?;
            self.synced = Instant::now();
        }
        self.file = Some(file);
        Ok(())
    }

    fn header(&self) -> Header {
        Header { magic: MAGIC, zero: [0; 4], size: self.size.into(), identity: self.identity }
    }

    fn most(&self) -> u64 {
        LEAST_MAX.max(self.size / SHARE)
    }
}

fn record(data: &File, range: &Range<u64>, memory: &mut [u8]) -> io::Result<Record> {
    let mut hasher = blake3::Hasher::new();
    let mut at = range.start;
    while at < range.end {
        let want = usize::try_from(range.end - at).map_or(memory.len(), |left| left.min(memory.len()));
        let bytes = memory.get_mut(..want).ok_or(io::ErrorKind::InvalidInput)?;
        data.read_exact_at(bytes, at)?;
        hasher.update(bytes);
        at += want as u64;
    }
    Ok(Record::new(range, *hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use packhorse_transfer::HashKind;

    use super::*;

    const SIZE: u64 = 3_000_000;
    const ID: [u8; 32] = [7; 32];

    struct Bench {
        folder: tempfile::TempDir,
        data: File,
        bytes: Vec<u8>,
    }

    impl Bench {
        fn new() -> Self {
            let bytes: Vec<u8> =
                (0..3_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
            Self { folder: tempfile::tempdir().unwrap(), data: tempfile::tempfile().unwrap(), bytes }
        }
        fn journal(&self) -> Journal {
            Journal::new(self.folder.path().join("j"), SIZE, ID)
        }
        fn put(&self, journal: &mut Journal, range: Range<u64>) {
            let from = usize::try_from(range.start).unwrap();
            let to = usize::try_from(range.end).unwrap();
            self.data.write_all_at(&self.bytes[from..to], range.start).unwrap();
            journal.note(range, &self.data);
        }
        fn restored(&self) -> Vec<Range<u64>> {
            let mut hasher = OrderedHasher::new(HashKind::Blake3);
            self.journal().restore(&self.data, &mut hasher).unwrap().iter().collect()
        }
    }

    #[test]
    fn what_was_written_down_is_there_again_and_nothing_else() {
        let bench = Bench::new();
        let mut journal = bench.journal();
        bench.put(&mut journal, 0..1_500_000);
        bench.put(&mut journal, 2_000_000..2_000_050);
        journal.flush(&bench.data);
        bench.put(&mut journal, 2_500_000..SIZE);
        drop(journal);
        assert_eq!(bench.restored(), [0..1_500_000, 2_000_000..2_000_050]);
        // Another life goes on in the same journal.
        let mut journal = bench.journal();
        let mut hasher = OrderedHasher::new(HashKind::Blake3);
        journal.restore(&bench.data, &mut hasher).unwrap();
        bench.put(&mut journal, 1_500_000..SIZE);
        journal.flush(&bench.data);
        assert_eq!(bench.restored(), core::array::from_fn::<_, 1, _>(|_| 0..SIZE));
        assert_eq!(hasher.finish(&bench.data, SIZE).unwrap(), *blake3::hash(&bench.bytes).as_bytes());
    }

    #[test]
    fn a_changed_byte_costs_the_record_around_it_and_no_other() {
        let bench = Bench::new();
        let mut journal = bench.journal();
        bench.put(&mut journal, 0..SIZE);
        journal.flush(&bench.data);
        bench.data.write_all_at(&[bench.bytes[1_200_000] ^ 1], 1_200_000).unwrap();
        assert_eq!(bench.restored(), [0..RECORD_MAX, 2 * RECORD_MAX..SIZE]);
        bench.data.set_len(10).unwrap();
        assert!(bench.restored().is_empty(), "a file that became shorter");
    }

    #[test]
    fn a_torn_or_damaged_journal_loses_records_and_makes_none_up() {
        let bench = Bench::new();
        let mut journal = bench.journal();
        for start in (0..SIZE).step_by(300_000) {
            bench.put(&mut journal, start..start + 100_000);
            journal.flush(&bench.data);
        }
        let path = bench.folder.path().join("j");
        let whole = std::fs::read(&path).unwrap();
        let all = bench.restored();
        assert!(all.len() >= 10);
        for cut in (0..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(bench.restored().iter().all(|range| all.contains(range)), "cut at {cut}");
        }
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            assert!(bench.restored().iter().all(|range| all.contains(range)), "changed at {at}");
        }
    }

    #[test]
    fn the_journal_of_another_object_is_none() {
        let bench = Bench::new();
        let mut journal = bench.journal();
        bench.put(&mut journal, 0..SIZE);
        journal.flush(&bench.data);
        let mut hasher = OrderedHasher::new(HashKind::Blake3);
        for mut other in [
            Journal::new(journal.path.clone(), SIZE + 1, ID),
            Journal::new(journal.path.clone(), SIZE, [8; 32]),
        ] {
            assert_eq!(other.restore(&bench.data, &mut hasher).unwrap(), Extents::default());
            assert!(!other.exists());
        }
    }

    #[test]
    fn a_journal_has_a_bound_and_then_ends() {
        let bench = Bench::new();
        let mut journal = bench.journal();
        for round in 0..30 {
            for start in (0..SIZE).step_by(1000) {
                bench.put(&mut journal, start..start + 500 - round);
            }
            journal.flush(&bench.data);
        }
        assert!(journal.over);
        assert!(std::fs::metadata(journal.path()).unwrap().len() <= LEAST_MAX);
        assert_eq!(bench.restored().len(), 3000);
    }
}
