//! [`Sessions`]: how many objects each sender's session has, as far as it said, and how many were heard of.

use std::collections::HashMap;

use packhorse_transfer::{Meta, SessionEnd};

/// Sessions that are remembered.
const SESSIONS_MAX: usize = 4096;

#[derive(Clone, Copy, Debug, Default)]
struct Session {
    expected: u32,
    heard: u32,
    /// How many objects there are was told.
    counted: bool,
    ended: bool,
    /// Its sender goes on without end.
    carousel: bool,
    /// Objects that stand under their names.
    done: u32,
}

#[derive(Default)]
pub(crate) struct Sessions(HashMap<u64, Session>);

impl Sessions {
    /// An object was announced for the first time.
    pub(crate) fn hear_of(&mut self, meta: &Meta<'_>) {
        if let Some(session) = self.of(meta.session) {
            session.heard += 1;
            session.counted |= meta.objects > 0;
            session.carousel |= meta.carousel;
            session.expected = session.expected.max(meta.objects).max(meta.index.saturating_add(1));
        }
    }

    /// An object was announced again: by now its sender may know how many there are.
    pub(crate) fn count(&mut self, meta: &Meta<'_>) {
        if let Some(session) = self.0.get_mut(&meta.session) {
            session.counted |= meta.objects > 0;
            session.expected = session.expected.max(meta.objects);
        }
    }

    /// A sender has said that it is done.
    pub(crate) fn end(&mut self, end: SessionEnd) {
        if let Some(session) = self.of(end.session) {
            session.expected = session.expected.max(end.objects);
            session.counted = true;
            session.ended = true;
        }
    }

    /// An object of the session stands under its name.
    pub(crate) fn done(&mut self, id: u64) {
        if let Some(session) = self.0.get_mut(&id) {
            session.done += 1;
        }
    }

    /// Whether everything has come of a session that its sender would never end.
    pub(crate) fn any_complete(&self) -> bool {
        self.0.values().any(|session| session.carousel && session.counted && session.done >= session.expected)
    }

    /// Objects that must exist and were never announced.
    pub(crate) fn unheard(&self) -> u64 {
        self.0.values().map(|session| u64::from(session.expected.saturating_sub(session.heard))).sum()
    }

    /// Sessions that may have more objects than were heard of.
    pub(crate) fn unended(&self) -> u64 {
        self.0.values().map(|session| u64::from(!session.counted)).sum()
    }

    /// Whether a sender has said that it is done.
    pub(crate) fn any_ended(&self) -> bool {
        self.0.values().any(|session| session.ended)
    }

    fn of(&mut self, id: u64) -> Option<&mut Session> {
        if self.0.len() >= SESSIONS_MAX && !self.0.contains_key(&id) {
            return None;
        }
        Some(self.0.entry(id).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_and_never_announced_is_counted() {
        let mut sessions = Sessions::default();
        let meta = Meta { session: 5, index: 0, ..Meta::default() };
        sessions.hear_of(&meta);
        assert!(!sessions.any_ended());
        assert_eq!(sessions.unended(), 1);
        sessions.end(SessionEnd { session: 5, objects: 2, heard: false });
        assert!(sessions.any_ended());
        assert_eq!((sessions.unheard(), sessions.unended()), (1, 0));
        sessions.hear_of(&Meta { index: 1, ..meta });
        assert_eq!(sessions.unheard(), 0);
    }

    #[test]
    fn a_flood_of_sessions_is_bounded() {
        let mut sessions = Sessions::default();
        for session in 0..100_000 {
            sessions.end(SessionEnd { session, objects: 1, heard: false });
        }
        assert_eq!(sessions.unheard(), SESSIONS_MAX as u64);
    }
}
