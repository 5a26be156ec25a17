//! [`MemoryStore`]: a disk in memory, for simulations: carries out what a [`ReceiveSession`] asks for, forgets what a power cut
//! would take, and keeps what a journal would.

use alloc::collections::BTreeMap;
use core::ops::Range;
use std::collections::HashMap;

use packhorse_buffer::Instant;
use packhorse_compress::Expansion;
use packhorse_transfer::{Compression, ControlCodec as _, HashKind};

use crate::extents::Extents;
use crate::integrity::Hasher;
use crate::partial::Identity;
use crate::profile::Profile;
use crate::progress::Watch;
use crate::reception::{DecodeJob, ReceiveSession};
use crate::unpack::Unpacker;
use crate::writer::{Begun, Command, Landed, Lost, Outcome};

/// Files in memory.
#[derive(Default)]
pub struct MemoryStore {
    files: BTreeMap<String, Vec<u8>>,
    open: HashMap<u32, Partial>,
    /// What receivers that are gone left, by what it is part of.
    left: Vec<(Identity, Partial)>,
}

#[derive(Default)]
struct Partial {
    name: String,
    identity: Option<Identity>,
    bytes: Vec<u8>,
    compression: Option<Compression>,
    /// What was written, and what of it a journal has.
    written: Extents,
    journal: Extents,
}

impl MemoryStore {
    /// What stands under its name, whole and verified.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Files that are open, and bytes in them.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.open.len(), self.open.values().map(|partial| partial.bytes.len()).sum())
    }

    /// Does all that the session asks for, and tells it what came of it, until it asks for nothing more. `packet` is the memory
    /// that its packets were in.
    pub fn carry_out<P: Profile>(
        &mut self,
        session: &mut ReceiveSession<P>,
        packet: &[u8],
        now: Instant,
        watch: &mut dyn Watch,
    ) {
        let mut packet = packet;
        loop {
            let (first, deliveries, due) = session.take_commands(Vec::new());
            if first.is_empty() && deliveries.is_empty() && due.is_empty() {
                return;
            }
            let (mut begun, mut outcomes) = (Vec::new(), Vec::new());
            for command in first {
                self.command(command, P::Codec::HASH, &mut begun, &mut outcomes);
            }
            for delivery in deliveries {
                if let Some(bytes) = packet.get(delivery.range) {
                    self.write(delivery.key, delivery.offset, bytes, delivery.repair);
                }
            }
            packet = &[];
            for command in due {
                self.command(command, P::Codec::HASH, &mut begun, &mut outcomes);
            }
            for begun in begun {
                session.handle_begun(now, &begun, watch);
            }
            for outcome in outcomes {
                session.handle_outcome(now, outcome, watch);
            }
        }
    }

    /// The journals are written: what is there by now survives a power cut.
    pub fn sync(&mut self) {
        for partial in self.open.values_mut() {
            partial.journal = partial.written.clone();
        }
    }

    /// The receiver is gone at once, and the power with it: what no journal has is lost, or worse. `rot` changes a byte of what
    /// one has, which must be found.
    pub fn crash(&mut self, rot: bool) {
        for (_, mut partial) in self.open.drain() {
            let Some(identity) = partial.identity.take() else { continue };
            // What was never synced may be anything.
            let mut kept = vec![0xEE; partial.bytes.len()];
            for range in partial.journal.iter() {
                let range = index(range.start)..index(range.end);
                if let (Some(to), Some(from)) = (kept.get_mut(range.clone()), partial.bytes.get(range)) {
                    to.copy_from_slice(from);
                }
            }
            let rotten = partial.journal.iter().next().filter(|_| rot);
            if let Some(range) = rotten {
                // A journal has hashes: a stretch that does not have its own is not taken.
                let mut sound = Extents::default();
                partial.journal.iter().filter(|other| *other != range).for_each(|other| sound.insert(other));
                if let Some(byte) = kept.get_mut(index(range.start)) {
                    *byte ^= 1;
                }
                partial.journal = sound;
            }
            partial.bytes = kept;
            partial.written = partial.journal.clone();
            self.left.push((identity, partial));
        }
    }

    fn command(
        &mut self,
        command: Command,
        kind: HashKind,
        begun: &mut Vec<Begun>,
        outcomes: &mut Vec<Outcome>,
    ) {
        match command {
            Command::Begin { key, name, identity, compression, .. } => {
                let name = name.to_string();
                let known = identity.as_ref().and_then(|identity| {
                    self.left.iter().position(|(left, partial)| left == identity && partial.name == name)
                });
                let mut partial = known.map(|at| self.left.swap_remove(at).1).unwrap_or_default();
                (partial.name, partial.identity) = (name, identity);
                partial.compression = compression;
                begun.push(Begun { key, present: partial.journal.clone() });
                self.open.insert(key, partial);
            }
            Command::Folder { key, .. } => {
                outcomes.push(Outcome::Ended { key, result: Ok(Landed { path: None, content: None }) });
            }
            Command::Batch(_) | Command::Allow(_) => {}
            Command::Write { key, offset, repair, bytes } => self.write(key, offset, &bytes, repair),
            Command::Decode { key, job } => {
                if let Some(outcome) = self.decode(key, &job) {
                    outcomes.push(outcome);
                }
            }
            Command::Complete { key, size, hash, .. } => {
                if let Some(mut partial) = self.open.remove(&key) {
                    partial.bytes.resize(usize::try_from(size).unwrap_or(0), 0);
                    let result =
                        content(partial.bytes, partial.compression, kind).and_then(|(bytes, found)| {
                            if found != hash {
                                return Err(Lost::Damaged);
                            }
                            self.files.insert(partial.name, bytes);
                            Ok(Landed { path: None, content: None })
                        });
                    outcomes.push(Outcome::Ended { key, result });
                }
            }
            Command::Abandon { key } => drop(self.open.remove(&key)),
        }
    }

    fn write(&mut self, key: u32, offset: u64, bytes: &[u8], repair: bool) {
        let Some(partial) = self.open.get_mut(&key) else { return };
        let range = range(offset, bytes.len());
        if partial.bytes.len() < range.end {
            partial.bytes.resize(range.end, 0);
        }
        partial.bytes[range].copy_from_slice(bytes);
        if !repair {
            partial.written.insert(offset..offset + bytes.len() as u64);
        }
    }

    fn decode(&mut self, key: u32, job: &DecodeJob) -> Option<Outcome> {
        let partial = self.open.get(&key)?;
        let read = |offset: u64, into: &mut [u8]| {
            for (at, byte) in range(offset, into.len()).zip(into) {
                *byte = partial.bytes.get(at).copied().unwrap_or(0);
            }
            Ok::<(), core::convert::Infallible>(())
        };
        let Ok(blocks) = job.run(read);
        if let Some(blocks) = &blocks {
            for (offset, bytes) in job.missing(blocks) {
                self.write(key, offset, bytes, false);
            }
        }
        Some(Outcome::Decoded { key, source_block: job.decode.source.number, good: blocks.is_some() })
    }
}

/// The content of a whole object, and its hash.
fn content(
    object: Vec<u8>,
    compression: Option<Compression>,
    kind: HashKind,
) -> Result<(Vec<u8>, [u8; 32]), Lost> {
    let Some(about) = compression else {
        let mut hasher = Hasher::new(kind);
        hasher.update(&object);
        return Ok((object, hasher.finish()));
    };
    let mut unpacker = Unpacker::new(about, Expansion::default(), kind)?;
    let mut bytes = Vec::new();
    let mut emit = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    unpacker.feed(&object, &mut emit)?;
    let (_, hash) = unpacker.finish(&mut emit)?;
    Ok((bytes, hash))
}

fn range(offset: u64, len: usize) -> Range<usize> {
    let from = index(offset).min(usize::MAX - len);
    from..from + len
}

/// Where a byte lies in memory; beyond what there can be, nowhere.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
