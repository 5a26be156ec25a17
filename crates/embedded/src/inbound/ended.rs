//! [`Ended`]: what became of the last objects, whose announcements may still come: nobody is told twice, and what was lost does
//! not begin again with the next announcement.

use packhorse_transfer::{AckState, Meta};

/// Which object it is: what was lost may come again in another session; what was verified or refused need not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) object: u64,
    in_session: u64,
}

impl Key {
    /// Where objects have no numbers, as in `ftag`, the hash is one.
    pub(super) fn of(meta: &Meta<'_>) -> Self {
        let hash = meta.hash.as_ref().and_then(|hash| hash.first_chunk());
        let object = match meta.object_id {
            0 => hash.map_or(0, |first| u64::from_ne_bytes(*first)),
            id => id,
        };
        // Turned, since a session may have the number of its object.
        Self { object, in_session: object ^ meta.session.rotate_left(32) }
    }

    const fn word(&self, state: AckState) -> u64 {
        if matches!(state, AckState::Failed) { self.in_session } else { self.object }
    }
}

/// The last four.
#[derive(Debug, Default)]
pub(super) struct Ended {
    last: [Option<(u64, AckState)>; 4],
    next: u8,
}

impl Ended {
    /// It has ended like this.
    #[inline(never)]
    pub(super) fn note(&mut self, key: &Key, state: AckState) {
        let at = usize::from(self.next % 4);
        self.next = self.next.wrapping_add(1);
        self.last[at] = Some((key.word(state), state));
    }

    /// How it has ended, if it is one of the last.
    #[inline(never)]
    pub(super) fn state_of(&self, key: &Key) -> Option<AckState> {
        let mut last = self.last.iter().flatten();
        last.find(|(word, state)| *word == key.word(*state)).map(|(_, state)| *state)
    }
}
