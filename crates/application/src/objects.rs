//! [`Objects`]: what is known of every object that a receiver has heard of, within a bound.
//!
//! Not the bytes: those go to the writer. An object that has ended costs a few words; only so many can be open.

use alloc::collections::BTreeSet;
use core::time::Duration;
use std::collections::HashMap;

use packhorse_buffer::Instant;
pub(crate) use packhorse_transfer::ObjectKind;
use packhorse_transfer::{Meta, PagedBitmap, Receiver};

use crate::inbox::Attributes;
use crate::name::SafePath;
use crate::reception::Fountain;

/// Most objects that may be open at a time, each with a file and a bitmap.
const OPEN_MAX: usize = 256;
/// Most objects that are remembered; their senders are done with all but the last ones.
const KNOWN_MAX: usize = 65_536;
/// Most bytes of the bitmap of the first open object: 64 million blocks with every other one missing. The more objects
/// are open, the less a new one gets, so that all of them together stay below 50 MiB.
const BITMAP_MAX: usize = 8 << 20;
/// Most repair symbols that the first open object keeps, 8 bytes each: shared as the bitmaps are.
const REPAIRS_MAX: usize = 1 << 20;
/// A transfer that has so few blocks has hardly begun: whoever floods a receiver with beginnings pushes out beginnings.
const FEW: u64 = 4;
/// An object of which nothing has come for so long gives way to another one, when no more can be open.
const SILENT: Duration = Duration::from_secs(30);
/// So many announcements of another object in a row, in a profile that cannot tell them apart, and the old one is
/// given up: its end was lost.
const OTHERS_MAX: u32 = 3;

/// Who sends it, a transfer channel, and an object's tag.
pub(crate) type Label = (u64, u16, u16);

/// What stage an object is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Blocks are missing.
    Open,
    /// Everything has come; the writer verifies it.
    Verifying,
    /// It stands under its name.
    Done,
    /// It will not.
    Failed,
}

/// One object.
pub(crate) struct Object {
    pub(crate) key: u32,
    pub(crate) label: Label,
    /// As announced: an object is known again by it where it has no number.
    wire_name: Box<[u8]>,
    pub(crate) name: SafePath,
    pub(crate) kind: ObjectKind,
    pub(crate) attributes: Attributes,
    pub(crate) stage: Stage,
    pub(crate) began: Instant,
    /// When something of it came last.
    pub(crate) heard: Instant,
    /// Blocks and bytes; let go when the object has ended.
    pub(crate) receiver: Option<Box<Receiver<PagedBitmap>>>,
    pub(crate) bytes: u64,
    pub(crate) hash: Option<[u8; 32]>,
    pub(crate) warned: bool,
    /// What is known of its repair symbols, if it has any; let go when everything has come.
    pub(crate) fountain: Option<Box<Fountain>>,
    /// The writer has a place for it, and has told what was there.
    pub(crate) begun: bool,
    /// The highest block that came.
    pub(crate) highest: Option<u32>,
    pub(crate) session: u64,
    /// Its index in the session.
    pub(crate) index: u32,
    /// Its sender is told what is missing.
    pub(crate) answered: bool,
    /// It had not the hash that was told, though everything had come.
    pub(crate) damaged: bool,
    object_id: u64,
    size: Option<u64>,
    others: u32,
}

/// What an announcement led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// A new object with this key; the one in its place, if any, has this key and is given up.
    New { key: u32, replaced: Option<u32> },
    /// One that is known: handle it.
    Known,
    /// One that has ended.
    Ended,
    /// No place for it, or it cannot exist.
    Refused,
}

#[derive(Default)]
pub(crate) struct Objects {
    objects: Vec<Object>,
    /// Where in the list the latest object of a label is.
    known: HashMap<Label, usize>,
    /// Where the object of a key is.
    keys: HashMap<u32, usize>,
    /// The label asked for last: block after block belongs to the same object.
    last: Option<(Label, usize)>,
    next: u32,
    /// Keys of those that are open, the oldest first: few, however many are known.
    open: BTreeSet<u32>,
}

impl Objects {
    #[inline]
    pub(crate) fn get_mut(&mut self, label: Label) -> Option<&mut Object> {
        match self.last {
            Some((last, index)) if last == label => self.objects.get_mut(index),
            _ => {
                let index = *self.known.get(&label)?;
                self.last = Some((label, index));
                self.objects.get_mut(index)
            }
        }
    }

    /// An object was announced. `identified`: the profile gives objects numbers, and names have folders.
    pub(crate) fn announce(
        &mut self,
        label: Label,
        meta: &Meta<'_>,
        identified: bool,
        now: Instant,
    ) -> Announced {
        let mut replaced = None;
        if let Some(object) = self.get_mut(label) {
            let same = object.object_id == meta.object_id
                && (identified
                    || (*object.wire_name == *meta.name
                        && object.size == meta.size
                        && object.hash == meta.hash));
            let ended = !object.is_open();
            // What goes round and round comes again.
            let again = same && ended && object.damaged && meta.carousel;
            if same && !again {
                object.others = 0;
                return if ended || object.stage == Stage::Verifying {
                    Announced::Ended
                } else {
                    Announced::Known
                };
            }
            object.others += 1;
            let given_up = object.receiver.as_ref().is_none_or(|receiver| receiver.has_ended());
            if !(ended || given_up || object.others >= OTHERS_MAX) {
                return Announced::Known;
            }
            if object.stage == Stage::Open {
                replaced = Some(object.key);
            }
        }
        if replaced.is_none() && self.is_full() {
            return Announced::Refused;
        }
        let Ok(receiver) =
            Receiver::new(meta, PagedBitmap::with_cap(BITMAP_MAX / (self.open.len() + 1).min(OPEN_MAX)), now)
        else {
            return Announced::Refused;
        };
        if self.objects.len() >= KNOWN_MAX {
            self.forget();
        }
        let name = SafePath::from_wire(meta.name);
        self.next = self.next.wrapping_add(1);
        let key = self.next;
        // One that is replaced is counted until it has ended.
        self.open.insert(key);
        let object = Object {
            key,
            label,
            wire_name: meta.name.into(),
            name: if identified { name } else { name.last_only() },
            kind: meta.kind,
            attributes: Attributes { mode: meta.mode, modified: meta.mtime },
            stage: Stage::Open,
            began: now,
            heard: now,
            receiver: Some(Box::new(receiver)),
            bytes: 0,
            hash: meta.hash,
            warned: false,
            fountain: None,
            begun: false,
            highest: None,
            session: meta.session,
            index: meta.index,
            answered: false,
            damaged: false,
            object_id: meta.object_id,
            size: meta.size,
            others: 0,
        };
        self.known.insert(label, self.objects.len());
        self.keys.insert(key, self.objects.len());
        self.last = None;
        self.objects.push(object);
        Announced::New { key, replaced }
    }

    /// The object with this key.
    pub(crate) fn by_key(&mut self, key: u32) -> Option<&mut Object> {
        self.objects.get_mut(*self.keys.get(&key)?)
    }

    /// An object has ended, one way or the other: its bitmap is let go.
    pub(crate) fn end(&mut self, key: u32, stage: Stage) -> Option<&mut Object> {
        self.open.remove(&key);
        let object = self.by_key(key)?;
        object.stage = stage;
        object.fountain = None;
        if let Some(receiver) = object.receiver.take() {
            object.bytes = receiver.stats().bytes;
        }
        Some(object)
    }

    /// Whether an announcement is about an object that is not known.
    pub(crate) fn is_new(&mut self, label: Label, meta: &Meta<'_>) -> bool {
        self.get_mut(label).is_none_or(|object| object.object_id != meta.object_id)
    }

    /// The open object that this announcement begins again, in a session of its own: the same file from the same sender, who
    /// was interrupted.
    pub(crate) fn restarted(&self, label: Label, meta: &Meta<'_>) -> Option<&Object> {
        self.open().find(|object| {
            object.stage == Stage::Open
                && object.label.0 == label.0
                && object.session != meta.session
                && *object.wire_name == *meta.name
                && object.kind == meta.kind
                && object.size.is_some()
                && object.size == meta.size
                && object.attributes.modified == meta.mtime
                && (object.hash.is_none() || meta.hash.is_none() || object.hash == meta.hash)
        })
    }

    /// Most repair symbols that one more object may keep.
    pub(crate) fn repairs_max(&self) -> usize {
        REPAIRS_MAX / (self.open.len() + 1).min(OPEN_MAX)
    }

    /// Whether no more objects can be opened.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= OPEN_MAX
    }

    /// Those that are open, the oldest first.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Object> {
        self.open.iter().filter_map(|key| self.objects.get(*self.keys.get(key)?))
    }

    /// The oldest object that its sender is done with, and that is not whole.
    pub(crate) fn hopeless(&self) -> Option<&Object> {
        self.open().find(|object| {
            object.stage == Stage::Open
                && !object.answered
                && object.receiver.as_ref().is_some_and(|receiver| receiver.has_ended())
        })
    }

    /// When no more can be open, the one that gives way to another of `source`. First one of another sender that has hardly begun:
    /// that which was heard of longest ago, so that whoever goes on sending soon has begun. Otherwise, of a sender that has more
    /// than its share or of which nothing came for long, the one of which least has come. Its partial file is kept where files are.
    pub(crate) fn victim(&self, source: u64, now: Instant) -> Option<&Object> {
        let mut held: HashMap<u64, usize> = HashMap::new();
        self.open().for_each(|object| *held.entry(object.label.0).or_default() += 1);
        let own = held.get(&source).copied().unwrap_or(0);
        let came = |object: &Object| object.receiver.as_ref().map_or(0, |receiver| receiver.stats().bytes);
        let gives_way = |object: &&Object| {
            let greedy = held.get(&object.label.0).is_some_and(|count| *count > 2 * (own + 1));
            let silent = now.since(object.heard) >= SILENT;
            object.stage == Stage::Open && (greedy || silent)
        };
        // A sender's own flood does not push out what it announced before and is about to send.
        let begins = |object: &&Object| {
            let blocks = object.receiver.as_ref().map_or(0, |receiver| receiver.stats().blocks);
            object.stage == Stage::Open && object.label.0 != source && blocks <= FEW
        };
        let beginning = self.open().filter(begins).min_by_key(|object| object.heard);
        beginning.or_else(|| self.open().filter(gives_way).min_by_key(|object| came(object)))
    }

    /// Objects of which everything has come, and the writer has not said yet what came of them.
    pub(crate) fn verifying(&self) -> usize {
        self.open().filter(|object| object.stage == Stage::Verifying).count()
    }

    /// Forgets those that have ended.
    fn forget(&mut self) {
        self.objects.retain(Object::is_open);
        self.last = None;
        self.known = self.objects.iter().enumerate().map(|(index, object)| (object.label, index)).collect();
        self.keys = self.objects.iter().enumerate().map(|(index, object)| (object.key, index)).collect();
    }
}

impl Object {
    /// Its end was told: what is kept of it is small.
    pub(crate) fn shrink(&mut self) {
        // Where objects have numbers, nobody asks for the name again.
        if self.object_id != 0 {
            self.wire_name = Box::default();
            self.name = SafePath::default();
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Verifying)
    }
}
