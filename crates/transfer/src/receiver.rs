//! [`Receiver`]: takes the blocks of one object in any order, says where they belong, and knows when it is whole.
//!
//! It never touches the bytes. How to drive it, from the META on:
//! - a block: [`handle_block`](Receiver::handle_block), and write its bytes where that says;
//! - another META: [`handle_meta`](Receiver::handle_meta); END: [`handle_end`](Receiver::handle_end);
//! - after each: [`poll_event`](Receiver::poll_event) until it says `None`.
//!
//! The first META counts. A later one, or END, may add what was not known (size, hash); if it says something else,
//! that is counted and told, and nothing changes.

use packhorse_buffer::{Instant, log_debug, log_info, log_warn};

use crate::{
    BlockSet, Compression, End, EndVerdict, HashKind, Layout, LayoutError, Meta, MetaVerdict, MissingRanges,
    ObjectKind, Place, ReceiverEvent, Refused, RefusedStats, TransferStats,
};

/// Receives one object. Its memory is that of the block set.
#[derive(Clone, Debug)]
pub struct Receiver<B> {
    blocks: B,
    about: About,
    block_size: u32,
    layout: Option<Layout>,
    hash: Option<[u8; 32]>,
    /// Of a stream: the first number behind the highest block seen, and the short block, which is the last.
    seen_end: u32,
    short: Option<(u32, u32)>,
    ended: bool,
    /// The missing count at the first END is still to be told.
    tell_end: bool,
    tell: Tell,
    stats: TransferStats,
    refused: RefusedStats,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tell {
    started: bool,
    conflicting_meta: bool,
    conflicting_end: bool,
    complete: bool,
    complete_told: bool,
}

/// What must not change from META to META.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    object_id: u64,
    session: u64,
    index: u32,
    kind: ObjectKind,
    hash_kind: HashKind,
    mode: Option<u32>,
    mtime: Option<(i64, u32)>,
    compression: Option<Compression>,
    /// FNV-1a, 64 bits: the name itself may be long, and there is no allocator. Only a warning hangs on it.
    name: u64,
}

impl About {
    fn of(meta: &Meta<'_>) -> Self {
        let name = meta.name.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        let Meta { object_id, session, index, kind, hash_kind, mode, mtime, compression, .. } = *meta;
        Self { object_id, session, index, kind, hash_kind, mode, mtime, compression, name }
    }
}

impl<B: BlockSet> Receiver<B> {
    /// Receives the object that `meta` is about. `blocks` is empty, or, after a power cut, what had arrived of an
    /// object of known size.
    ///
    /// # Errors
    /// When size and block size do not go together: no such object can be sent.
    pub fn new(meta: &Meta<'_>, blocks: B, now: Instant) -> Result<Self, LayoutError> {
        // Checks the block size also when the size is unknown.
        Layout::new(0, meta.block_size)?;
        let mut receiver = Self {
            blocks,
            about: About::of(meta),
            block_size: meta.block_size,
            layout: meta.layout()?,
            hash: meta.hash,
            seen_end: 0,
            short: None,
            ended: false,
            tell_end: false,
            tell: Tell::default(),
            stats: TransferStats { metas: 1, packets: 1, ..TransferStats::default() },
            refused: RefusedStats::default(),
        };
        receiver.stats.touch(now);
        receiver.tell.started = receiver.layout.is_some_and(|layout| layout.blocks() == 0);
        log_info!("receiving object {}, {} bytes a block", meta.object_id, meta.block_size);
        receiver.check_complete();
        Ok(receiver)
    }

    /// A block of `len` bytes has come: where to write it. It counts as received from here on.
    ///
    /// # Errors
    /// When it is to be dropped, and why; all but repeats are counted in [`refused`](Self::refused).
    #[inline]
    pub fn handle_block(&mut self, now: Instant, number: u32, len: usize) -> Result<Place, Refused> {
        self.stats.packets += 1;
        self.stats.ended = Some(now);
        let place = match self.layout {
            Some(layout) => match layout.place(number) {
                None => Err(Refused::OutOfRange),
                Some(place) if usize::try_from(place.len) != Ok(len) => {
                    Err(Refused::WrongLength { expected: place.len })
                }
                Some(place) => Ok(place),
            },
            None => self.stream_place(number, len),
        };
        let place = place.inspect_err(|refused| {
            if matches!(refused, Refused::OutOfRange) {
                log_debug!("block {} refused: behind the end of the object", number);
                self.refused.out_of_range += 1;
            } else {
                log_debug!("block {} refused: {} bytes are not its length", number, len);
                self.refused.wrong_length += 1;
            }
        })?;
        match self.blocks.insert(number) {
            Ok(true) => {}
            Ok(false) => {
                self.stats.repeats += 1;
                return Err(Refused::Repeat);
            }
            Err(_) => {
                log_debug!("block {} refused: no memory to remember it", number);
                self.refused.set_full += 1;
                return Err(Refused::SetFull);
            }
        }
        if self.layout.is_none() {
            self.seen_end = self.seen_end.max(number + 1);
            if place.len < self.block_size {
                self.short = Some((number, place.len));
            }
        }
        self.tell.started |= self.stats.blocks == 0;
        self.stats.blocks += 1;
        self.stats.bytes += u64::from(place.len);
        self.check_complete();
        Ok(place)
    }

    /// These blocks were written and verified before, by a receiver that had to stop. Of an object whose size is not
    /// known nothing is taken.
    pub fn restore(&mut self, blocks: core::ops::Range<u32>) {
        let Some(layout) = self.layout else { return };
        for number in blocks.start..blocks.end.min(layout.blocks()) {
            let Some(place) = layout.place(number) else { return };
            match self.blocks.insert(number) {
                Ok(true) => self.stats.bytes += u64::from(place.len),
                Ok(false) => {}
                Err(_) => break,
            }
        }
        self.check_complete();
    }

    /// Another META has come.
    pub fn handle_meta(&mut self, now: Instant, meta: &Meta<'_>) -> MetaVerdict {
        if meta.object_id != self.about.object_id {
            return MetaVerdict::OtherObject;
        }
        self.stats.packets += 1;
        self.stats.metas += 1;
        self.stats.ended = Some(now);
        let same = About::of(meta) == self.about && meta.block_size == self.block_size;
        let learned = if same { self.learn(meta.size, meta.hash) } else { None };
        match learned {
            Some(false) => MetaVerdict::Same,
            Some(true) => MetaVerdict::Completed,
            None => {
                log_warn!("object {}: a META differs from the first one", meta.object_id);
                self.refused.conflicting_metas += 1;
                self.tell.conflicting_meta = true;
                MetaVerdict::Conflicting
            }
        }
    }

    /// END has come.
    pub fn handle_end(&mut self, now: Instant, end: &End) -> EndVerdict {
        if end.object_id != self.about.object_id {
            return EndVerdict::OtherObject;
        }
        self.stats.packets += 1;
        self.stats.ends += 1;
        self.stats.ended = Some(now);
        if self.learn(end.size, end.hash).is_none() {
            log_warn!("object {}: END says another size or hash", end.object_id);
            self.refused.conflicting_ends += 1;
            self.tell.conflicting_end = true;
            return EndVerdict::Conflicting;
        }
        self.tell_end |= !self.ended;
        self.ended = true;
        EndVerdict::Accepted
    }

    /// What happened, most urgent last, so that the caller has heard everything before `Complete`.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        if core::mem::take(&mut self.tell.started) {
            return Some(ReceiverEvent::Started);
        }
        if core::mem::take(&mut self.tell.conflicting_meta) {
            return Some(ReceiverEvent::ConflictingMeta);
        }
        if core::mem::take(&mut self.tell.conflicting_end) {
            return Some(ReceiverEvent::ConflictingEnd);
        }
        if core::mem::take(&mut self.tell.complete) {
            self.tell_end = false;
            return Some(ReceiverEvent::Complete);
        }
        if core::mem::take(&mut self.tell_end) && !self.has_all_blocks() {
            let missing = self.missing();
            log_info!("object {} has ended, {} blocks are missing", self.about.object_id, missing);
            return Some(ReceiverEvent::EndedIncomplete { missing });
        }
        None
    }

    /// Whether the size is known and every block is there. The hash may still be unknown.
    #[must_use]
    pub fn has_all_blocks(&self) -> bool {
        self.layout.is_some_and(|layout| self.blocks.first_missing() >= layout.blocks())
    }

    /// Whether everything is known and there. A folder has nothing to hash.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.has_all_blocks() && (self.hash.is_some() || self.about.kind == ObjectKind::Folder)
    }

    /// Whether the sender has said that it is done.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Blocks that are missing: of the object, or, while its size is unknown, below the highest one seen.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.end().saturating_sub(self.blocks.count())
    }

    /// The same blocks, as ranges in order.
    #[must_use]
    pub fn missing_ranges(&self) -> MissingRanges<'_, B> {
        self.blocks.missing(self.end())
    }

    /// Blocks and their sizes, once the size is known.
    #[must_use]
    pub const fn layout(&self) -> Option<Layout> {
        self.layout
    }

    /// Bytes of every block but the last.
    #[must_use]
    pub const fn block_size(&self) -> u32 {
        self.block_size
    }

    /// The hash, once it is known.
    #[must_use]
    pub const fn hash(&self) -> Option<[u8; 32]> {
        self.hash
    }

    /// The function that the hash comes from.
    #[must_use]
    pub const fn hash_kind(&self) -> HashKind {
        self.about.hash_kind
    }

    /// The sender's number for the object.
    #[must_use]
    pub const fn object_id(&self) -> u64 {
        self.about.object_id
    }

    /// Which blocks are there.
    #[must_use]
    pub const fn blocks(&self) -> &B {
        &self.blocks
    }

    /// How it goes.
    #[must_use]
    pub const fn stats(&self) -> &TransferStats {
        &self.stats
    }

    /// What was dropped.
    #[must_use]
    pub const fn refused(&self) -> &RefusedStats {
        &self.refused
    }

    /// A packet of this transfer had so many bytes on the wire; for the statistics only.
    pub const fn arrived(&mut self, wire_bytes: u32) {
        self.stats.wire_bytes += wire_bytes as u64;
    }

    fn end(&self) -> u32 {
        self.layout.map_or(self.seen_end, |layout| layout.blocks())
    }

    /// Where a block of an object of unknown size lies. Only the last block may be short.
    fn stream_place(&self, number: u32, len: usize) -> Result<Place, Refused> {
        if number == u32::MAX {
            return Err(Refused::OutOfRange);
        }
        let wrong = Refused::WrongLength { expected: self.block_size };
        let len = u32::try_from(len).map_err(|_| wrong)?;
        let fits = match self.short {
            Some((last, _)) if number > last => return Err(Refused::OutOfRange),
            Some((last, short)) if number == last => len == short,
            _ if len == self.block_size => true,
            Some(_) => false,
            None => len > 0 && len < self.block_size && number.saturating_add(1) >= self.seen_end,
        };
        // A full block where the short one was is wrong, as is a short one that is already there in full.
        if !fits || (len < self.block_size && self.short.is_none() && self.blocks.contains(number)) {
            return Err(wrong);
        }
        Ok(Place { offset: u64::from(number) * u64::from(self.block_size), len })
    }

    /// Takes a size and a hash over: whether that was new, or `None` when it contradicts.
    fn learn(&mut self, size: Option<u64>, hash: Option<[u8; 32]>) -> Option<bool> {
        let contradicts = |known: Option<[u8; 32]>| matches!((known, hash), (Some(a), Some(b)) if a != b);
        if contradicts(self.hash) {
            return None;
        }
        let layout = match (self.layout, size) {
            (known, None) => known,
            (Some(known), Some(size)) if known.size() == size => Some(known),
            (Some(_), Some(_)) => return None,
            (None, Some(size)) => {
                let layout = Layout::new(size, self.block_size).ok()?;
                if self.seen_end > layout.blocks() {
                    return None;
                }
                // What has arrived must fit: the last block of the object, if it came, had that very length.
                if let Some(last) = layout.blocks().checked_sub(1).filter(|last| self.blocks.contains(*last))
                {
                    let len = self.short.map_or(self.block_size, |(_, len)| len);
                    let place = layout.place(last)?;
                    if place.len != len || self.short.is_some_and(|(short, _)| short != last) {
                        return None;
                    }
                } else if self.short.is_some() {
                    return None;
                }
                Some(layout)
            }
        };
        let new = (layout.is_some() && self.layout.is_none()) || (hash.is_some() && self.hash.is_none());
        self.layout = layout;
        self.hash = self.hash.or(hash);
        self.check_complete();
        Some(new)
    }

    fn check_complete(&mut self) {
        if !self.tell.complete_told && self.is_complete() {
            log_info!("object {} is complete", self.about.object_id);
            self.tell.complete = true;
            self.tell.complete_told = true;
        }
    }
}
