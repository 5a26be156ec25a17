//! [`Credit`]: how often a framing may look at bytes again, so that a stream made of headers that all point far ahead does
//! not cost a receiver their product.
//!
//! ```text
//!   refused frame   | header | body ..........................|      its bytes are given back and searched;
//!                   |        | header | body .............. |         so are those of a frame found inside, ...
//! ```
//! A sound sender's stream needs much less than this allows, however badly it is damaged on the way.

/// How often bytes may be looked at again on average.
const SEARCHES: usize = 16;

/// The account of bytes that come back to the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit {
    /// Bytes that were given back and not consumed again yet.
    given_back: usize,
    /// Bytes that may still be given back.
    left: usize,
    most: usize,
}

impl Credit {
    /// For frames of at most `frame_max` bytes.
    pub(crate) const fn new(frame_max: usize) -> Self {
        let most = SEARCHES.saturating_mul(frame_max);
        Self { given_back: 0, left: most, most }
    }

    /// Bytes were consumed: those that came for the first time earn credit.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let again = bytes.min(self.given_back);
        self.given_back -= again;
        let more = self.left.saturating_add(SEARCHES.saturating_mul(bytes - again));
        self.left = more.min(self.most);
    }

    /// Whether `bytes` may be given back; they are then.
    pub(crate) fn give_back(&mut self, bytes: usize) -> bool {
        let may = bytes <= self.left;
        if may {
            self.left -= bytes;
            self.given_back += bytes;
        }
        may
    }

    /// The bytes that were given back are gone.
    pub(crate) fn forget(&mut self) {
        self.given_back = 0;
    }
}
