//! [`PagedBitmap`]: a [`BlockSet`] for hosts. Pages of 4,096 blocks; a page without a block and a full page take
//! no memory, pages in front of the first missing block are not even listed. A file that arrives in order needs
//! one page, however large it is; a cap given once bounds it, whatever numbers arrive.
//!
//! ```text
//!             first_missing
//!                  v
//!   | full | full | x.x.. | empty | full | .xx.x |       x = arrived
//!     (not listed)  bits                   bits          listed pages: 16 bytes, with bits: 512 more
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::{BlockSet, Full};

/// Blocks of a page.
const PAGE: u32 = 4096;
const WORDS: usize = 64;

/// A bitmap whose memory follows what is missing, in pages of 4,096 blocks: pages without a block and full pages
/// take none. For hosts; a cap bounds it whatever numbers arrive.
#[derive(Debug)]
pub struct PagedBitmap {
    /// Pages from `base` on.
    pages: VecDeque<Page>,
    /// The number of the first listed page; all before are full.
    base: u32,
    count: u32,
    first_missing: u32,
    /// Pages with bits.
    held: usize,
    /// A page that became full, for the next one: no allocation while blocks arrive in order.
    spare: Option<Box<Bits>>,
    cap: usize,
}

#[derive(Debug)]
enum Page {
    Empty,
    Full,
    Some(Box<Bits>),
}

#[derive(Debug)]
struct Bits {
    words: [u64; WORDS],
    count: u32,
}

impl PagedBitmap {
    /// An empty set that takes at most `cap` bytes of memory; at least about 1 KiB is needed for anything.
    #[must_use]
    pub const fn with_cap(cap: usize) -> Self {
        Self { pages: VecDeque::new(), base: 0, count: 0, first_missing: 0, held: 0, spare: None, cap }
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.pages.capacity() * size_of::<Page>() + self.boxes() * size_of::<Bits>()
    }

    fn boxes(&self) -> usize {
        self.held + usize::from(self.spare.is_some())
    }

    /// The listed page of a block, as an index into `pages`; `None` before the base.
    fn index(&self, number: u32) -> Option<usize> {
        (number / PAGE).checked_sub(self.base).and_then(|index| usize::try_from(index).ok())
    }

    /// Lists pages up to `index`, within the cap.
    fn list(&mut self, index: usize) -> Result<(), Full> {
        let wanted = index.checked_add(1).ok_or(Full)?;
        if wanted <= self.pages.len() {
            return Ok(());
        }
        if wanted > self.pages.capacity() {
            let left = self.cap.saturating_sub(self.boxes() * size_of::<Bits>()) / size_of::<Page>();
            if wanted > left {
                return Err(Full);
            }
            // Twice as many, so that growing costs little, but never so many that no page has room.
            let target = wanted.max((self.pages.capacity() * 2).max(8).min(left / 2));
            self.pages.try_reserve_exact(target - self.pages.len()).map_err(|_| Full)?;
        }
        self.pages.resize_with(wanted, || Page::Empty);
        Ok(())
    }

    fn fresh(&mut self) -> Result<Box<Bits>, Full> {
        if let Some(mut bits) = self.spare.take() {
            bits.words = [0; WORDS];
            bits.count = 0;
            return Ok(bits);
        }
        if self.memory() + size_of::<Bits>() > self.cap {
            return Err(Full);
        }
        Ok(Box::new(Bits { words: [0; WORDS], count: 0 }))
    }

    /// Moves on behind the last block of a full page at the front.
    fn advance(&mut self) {
        while let Some(Page::Full) = self.pages.front() {
            self.pages.pop_front();
            self.base += 1;
        }
    }
}

/// The word and the bit of a block in its page.
const fn locate(number: u32) -> (usize, u64) {
    let within = number % PAGE;
    ((within / 64) as usize, 1 << (within % 64))
}

impl BlockSet for PagedBitmap {
    #[inline]
    fn insert(&mut self, number: u32) -> Result<bool, Full> {
        if number == u32::MAX {
            return Err(Full);
        }
        let Some(index) = self.index(number) else {
            return Ok(false);
        };
        self.list(index)?;
        let (word, bit) = locate(number);
        match self.pages.get_mut(index) {
            Some(Page::Full) => return Ok(false),
            Some(Page::Some(bits)) => {
                if bits.words[word] & bit != 0 {
                    return Ok(false);
                }
                bits.words[word] |= bit;
                bits.count += 1;
                if bits.count == PAGE
                    && let Page::Some(bits) = core::mem::replace(&mut self.pages[index], Page::Full)
                {
                    self.held -= 1;
                    self.spare = Some(bits);
                    self.advance();
                }
            }
            Some(Page::Empty) => {
                let mut bits = self.fresh()?;
                bits.words[word] = bit;
                bits.count = 1;
                self.held += 1;
                self.pages[index] = Page::Some(bits);
            }
            None => return Err(Full),
        }
        self.count += 1;
        if number == self.first_missing {
            // In order the next one is missing; searching for it is for gaps that were filled.
            let next = number + 1;
            self.first_missing = if self.contains(next) { self.next_missing(next) } else { next };
        }
        Ok(true)
    }

    #[inline]
    fn contains(&self, number: u32) -> bool {
        let Some(index) = self.index(number) else {
            return true;
        };
        match self.pages.get(index) {
            Some(Page::Full) => true,
            Some(Page::Some(bits)) => {
                let (word, bit) = locate(number);
                bits.words[word] & bit != 0
            }
            Some(Page::Empty) | None => false,
        }
    }

    fn count(&self) -> u32 {
        self.count
    }

    fn first_missing(&self) -> u32 {
        self.first_missing
    }

    fn next_missing(&self, from: u32) -> u32 {
        let mut at = from.max(self.base.saturating_mul(PAGE));
        loop {
            match self.index(at).and_then(|index| self.pages.get(index)) {
                Some(Page::Full) => {}
                Some(Page::Some(bits)) => {
                    if let Some(found) = bits.find(at, true) {
                        return found;
                    }
                }
                Some(Page::Empty) | None => return at,
            }
            let Some(next) = next_page(at) else {
                return u32::MAX;
            };
            at = next;
        }
    }

    fn next_present(&self, from: u32) -> Option<u32> {
        let mut at = from;
        loop {
            // Before the base everything is present.
            let Some(index) = self.index(at) else {
                return Some(at);
            };
            match self.pages.get(index)? {
                Page::Full => return Some(at),
                Page::Some(bits) => {
                    if let Some(found) = bits.find(at, false) {
                        return Some(found);
                    }
                }
                Page::Empty => {}
            }
            at = next_page(at)?;
        }
    }
}

/// The first block of the page after that of `number`.
fn next_page(number: u32) -> Option<u32> {
    (number / PAGE + 1).checked_mul(PAGE)
}

impl Bits {
    /// The first block from `from` on, in the page of `from`, whose bit is clear (`missing`) or set.
    fn find(&self, from: u32, missing: bool) -> Option<u32> {
        let (first, bit) = locate(from);
        let mut mask = !(bit - 1);
        for (index, word) in self.words.iter().enumerate().skip(first) {
            let wanted = if missing { !word } else { *word } & mask;
            if wanted != 0 {
                let index = u32::try_from(index).ok()?;
                return Some(from / PAGE * PAGE + index * 64 + wanted.trailing_zeros());
            }
            mask = u64::MAX;
        }
        None
    }
}
