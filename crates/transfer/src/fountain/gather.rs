//! [`Gather`]: which repair symbols a receiver keeps, and when a source block can be decoded.
//!
//! It never touches the bytes. A repair symbol is written where a missing block of its source block will lie one day: the
//! partial file has room for exactly as many symbols as decoding needs, so memory holds eight bytes a symbol and no more.
//!
//! ```text
//!   source block, in the partial file    | block 0 | (repair 7) | block 2 | block 3 | (repair 9) |
//!                                                   ^ a block that is missing lends its place
//!   all places full                      read back, decode, write the missing blocks over the repair symbols
//! ```

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::{Geometry, SourceBlock};
use crate::{BlockSet, Refused};

/// Symbols of a source block that may be kept in memory when its places are full: those that come while it is being decoded,
/// and after that has failed.
const EXTRA_MAX: usize = 8;

/// Where to keep a repair symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In the place of this missing block.
    InPlaceOf(u32),
    /// In memory: every place is taken, and decoding from those failed or may fail. [`Decode::extra`] says which ones are needed.
    InMemory {
        /// Its source block.
        source_block: u32,
        /// Which of its repair symbols.
        index: u32,
    },
}

/// A source block that can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decode {
    /// Which.
    pub source: SourceBlock,
    /// Places with repair symbols: the block whose place it is, and which repair symbol; in the order of the blocks.
    pub lent: Vec<(u32, u32)>,
    /// Repair symbols in memory.
    pub extra: Vec<u32>,
}

/// The repair symbols of one object, within a bound.
#[derive(Debug)]
pub struct Gather {
    geometry: Geometry,
    open: BTreeMap<u32, Open>,
    ready: VecDeque<u32>,
    held: usize,
    cap: usize,
}

#[derive(Debug)]
struct Open {
    source: SourceBlock,
    /// Blocks that have come.
    blocks: u32,
    lent: Vec<(u32, u32)>,
    extra: Vec<u32>,
    /// Of those so many were there when it was decoded last.
    tried: usize,
    /// Symbols below this one have come or lent their place.
    free: u32,
    /// The highest index so far: repair symbols mostly come in their order.
    highest: Option<u32>,
    state: State,
}

impl Open {
    fn knows(&self, index: u32) -> bool {
        self.highest.is_some_and(|highest| index <= highest)
            && (self.lent.iter().any(|(_, known)| *known == index) || self.extra.contains(&index))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Gathering,
    Decoding,
    /// Every place is full, and that did not suffice.
    Short,
}

impl Gather {
    /// For an object cut like this. At most `cap` symbols are kept, eight bytes of memory each.
    #[must_use]
    pub const fn new(geometry: Geometry, cap: usize) -> Self {
        Self { geometry, open: BTreeMap::new(), ready: VecDeque::new(), held: 0, cap }
    }

    /// How the object is cut.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Symbols that are kept.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// The stream has ended and has so many blocks. What was kept of its last group is forgotten if that is shorter than
    /// it seemed.
    pub fn end_stream(&mut self, blocks: u32) {
        let before = self.geometry;
        if self.geometry.blocks().is_none() && self.geometry.end_stream(blocks).is_ok() {
            let geometry = self.geometry;
            let held = &mut self.held;
            self.open.retain(|number, open| {
                let same = geometry.source_block(*number) == before.source_block(*number);
                *held -= if same { 0 } else { open.lent.len() + open.extra.len() };
                same
            });
        }
    }

    /// Repair symbol `index` of a source block has come, `len` bytes long: where to keep it. `blocks` are those of the
    /// object that have come.
    ///
    /// # Errors
    /// When it is to be dropped, and why.
    pub fn handle_repair(
        &mut self,
        source_block: u32,
        index: u32,
        len: usize,
        blocks: &impl BlockSet,
    ) -> Result<Keep, Refused> {
        let size = self.geometry.block_size();
        if usize::try_from(size) != Ok(len) {
            return Err(Refused::WrongLength { expected: size });
        }
        if index >= self.geometry.repairs_max() {
            return Err(Refused::OutOfRange);
        }
        let source = self.geometry.source_block(source_block).ok_or(Refused::OutOfRange)?;
        let open = match self.open.get_mut(&source_block) {
            Some(open) => open,
            None => {
                // The usual case on a link that loses nothing costs no look at every block.
                let last = source.block(source.symbols - 1);
                if blocks.first_missing() > last {
                    return Err(Refused::Repeat);
                }
                let count = source.blocks().filter(|block| blocks.contains(*block)).count();
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                if count >= source.symbols {
                    return Err(Refused::Repeat);
                }
                if self.held >= self.cap {
                    return Err(Refused::SetFull);
                }
                let (lent, extra) = (Vec::new(), Vec::new());
                self.open.entry(source_block).or_insert(Open {
                    source,
                    blocks: count,
                    lent,
                    extra,
                    tried: 0,
                    free: 0,
                    highest: None,
                    state: State::Gathering,
                })
            }
        };
        // What comes while it is being decoded is needed if that fails, and nobody may send more.
        let enough = open.state == State::Decoding && open.extra.len() >= EXTRA_MAX;
        if enough || open.knows(index) {
            return Err(Refused::Repeat);
        }
        if self.held >= self.cap {
            return Err(Refused::SetFull);
        }
        if open.state != State::Gathering {
            if open.extra.len() >= EXTRA_MAX {
                return Err(Refused::SetFull);
            }
            open.extra.push(index);
            open.highest = open.highest.max(Some(index));
            self.held += 1;
            if open.state == State::Short {
                open.state = State::Decoding;
                self.ready.push_back(source_block);
            }
            return Ok(Keep::InMemory { source_block, index });
        }
        // The first place that is free: blocks that are still to come lie further behind.
        let place = (open.free..source.symbols).find(|symbol| !blocks.contains(source.block(*symbol)));
        let symbol = place.ok_or(Refused::Repeat)?;
        let block = source.block(symbol);
        open.lent.push((block, index));
        open.free = symbol + 1;
        open.highest = open.highest.max(Some(index));
        self.held += 1;
        self.check(source_block);
        Ok(Keep::InPlaceOf(block))
    }

    /// Whether a block belongs to a source block that is being decoded: its place may hold the repair symbol that decoding reads, so a
    /// block that comes now must not be written there. Decoding gives it anyway.
    #[must_use]
    pub fn awaits_decoding(&self, block: u32) -> bool {
        if self.open.is_empty() {
            return false;
        }
        let source = self.geometry.place_of(block).map(|(source, _)| source.number);
        source.and_then(|number| self.open.get(&number)).is_some_and(|open| open.state == State::Decoding)
    }

    /// A block has come that was missing.
    pub fn handle_block(&mut self, block: u32) {
        if self.open.is_empty() {
            return;
        }
        let Some((source, _)) = self.geometry.place_of(block) else { return };
        let Some(open) = self.open.get_mut(&source.number) else { return };
        open.blocks += 1;
        if open.state != State::Decoding
            && let Ok(at) = open.lent.binary_search_by_key(&block, |(lent, _)| *lent)
        {
            // It took the place of a repair symbol.
            open.lent.remove(at);
            self.held -= 1;
        }
        if open.blocks >= source.symbols && open.state != State::Decoding {
            self.close(source.number);
        } else {
            self.check(source.number);
        }
    }

    /// A source block that can be decoded now, if any. Tell [`decoded`](Self::decoded) what came of it.
    pub fn poll_decode(&mut self) -> Option<Decode> {
        while let Some(number) = self.ready.pop_front() {
            // It may have been closed meanwhile, and opened again.
            if let Some(open) = self.open.get_mut(&number).filter(|open| open.state == State::Decoding) {
                open.tried = open.extra.len();
                let Open { source, lent, extra, .. } = open;
                return Some(Decode { source: *source, lent: lent.clone(), extra: extra.clone() });
            }
        }
        None
    }

    /// Whether decoding a source block gave its blocks. If not, more symbols are waited for. `blocks` are those of the
    /// object that have come.
    pub fn decoded(&mut self, source_block: u32, good: bool, blocks: &impl BlockSet) {
        let Some(open) = self.open.get_mut(&source_block) else { return };
        if good || open.blocks >= open.source.symbols {
            return self.close(source_block);
        }
        let before = open.lent.len();
        open.lent.retain(|(block, _)| !blocks.contains(*block));
        self.held -= before - open.lent.len();
        if open.extra.len() > open.tried {
            self.ready.push_back(source_block);
        } else {
            open.state = State::Short;
        }
    }

    /// Whether symbols of a source block are kept.
    #[must_use]
    pub fn is_open(&self, source_block: u32) -> bool {
        self.open.contains_key(&source_block)
    }

    /// Whether something is to be decoded, or being decoded.
    #[must_use]
    pub fn is_decoding(&self) -> bool {
        self.open.values().any(|open| open.state == State::Decoding)
    }

    /// Symbols that a source block lacks; 0 when it can be decoded. As far as it is known: `blocks` are those of the
    /// object that have come.
    #[must_use]
    pub fn lacks(&self, source: SourceBlock, blocks: &impl BlockSet) -> u32 {
        match self.open.get(&source.number) {
            Some(open) if open.state == State::Decoding => 0,
            // One more than seemed enough.
            Some(open) if open.state == State::Short => 1,
            Some(open) => {
                let lent = u32::try_from(open.lent.len()).unwrap_or(u32::MAX);
                source.symbols.saturating_sub(open.blocks.saturating_add(lent))
            }
            None => {
                let missing = source.blocks().filter(|block| !blocks.contains(*block)).count();
                u32::try_from(missing).unwrap_or(u32::MAX)
            }
        }
    }

    fn check(&mut self, source_block: u32) {
        let Some(open) = self.open.get_mut(&source_block) else { return };
        let full = u64::from(open.blocks) + open.lent.len() as u64 >= u64::from(open.source.symbols);
        if open.state == State::Gathering && full {
            open.state = State::Decoding;
            self.ready.push_back(source_block);
        }
    }

    fn close(&mut self, source_block: u32) {
        if let Some(open) = self.open.remove(&source_block) {
            self.held -= open.lent.len() + open.extra.len();
        }
    }
}
