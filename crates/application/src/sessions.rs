//! [`Sessions`]: how many objects each sender's session has, as far as it said, and how many were heard of.

use core::time::Duration;
use std::collections::HashMap;

use packhorse_buffer::Instant;
use packhorse_transfer::{Meta, SessionEnd};

/// Sessions that are remembered.
const SESSIONS_MAX: usize = 4096;
/// A sender of which nothing has come for so long is not waited for when another one is done.
const SILENT: Duration = Duration::from_secs(10);

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
    /// Its sender was interrupted and has begun again, in another session.
    restarted: bool,
    /// Others may send on the same link.
    shared: bool,
    /// When an object of it was announced last.
    announced: Instant,
}

impl Session {
    /// Everything has come, and its sender would never say that it is done.
    fn is_complete(&self) -> bool {
        self.carousel && self.counted && self.done >= self.expected
    }

    /// More of it may come over a link on which others send, too.
    fn goes_on(&self) -> bool {
        self.shared && self.heard > 0 && !self.ended && !self.restarted && !self.is_complete()
    }
}

#[derive(Default)]
pub(crate) struct Sessions(HashMap<u64, Session>);

impl Sessions {
    /// An object was announced for the first time, by `source`: 0 where a link has but one sender.
    pub(crate) fn hear_of(&mut self, source: u64, meta: &Meta<'_>, now: Instant) {
        if let Some(session) = self.of(meta.session) {
            session.heard += 1;
            session.shared = source != 0;
            session.announced = now;
            session.counted |= meta.objects > 0;
            session.carousel |= meta.carousel;
            session.expected = session.expected.max(meta.objects).max(meta.index.saturating_add(1));
        }
    }

    /// An object was announced again: by now its sender may know how many there are.
    pub(crate) fn count(&mut self, meta: &Meta<'_>, now: Instant) {
        if let Some(session) = self.0.get_mut(&meta.session) {
            session.announced = now;
            session.counted |= meta.objects > 0;
            session.expected = session.expected.max(meta.objects);
        }
    }

    /// A sender has said that it is done. `concerns`: something of it has come, or nobody else sends. Otherwise it was done before
    /// anybody listened here.
    pub(crate) fn end(&mut self, end: SessionEnd, concerns: bool) {
        if !concerns && !self.0.contains_key(&end.session) {
            return;
        }
        if let Some(session) = self.of(end.session) {
            session.expected = session.expected.max(end.objects);
            session.counted = true;
            session.ended = true;
        }
    }

    /// The sender of a session has begun again in another one, which counts in its stead.
    pub(crate) fn restarted(&mut self, id: u64) {
        if let Some(session) = self.0.get_mut(&id) {
            session.restarted = true;
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
        self.0.values().any(Session::is_complete)
    }

    /// Whether a session on a link with many senders may go on, to judge by its announcements.
    pub(crate) fn any_goes_on(&self, now: Instant) -> bool {
        self.0.values().any(|session| session.goes_on() && now.since(session.announced) < SILENT)
    }

    /// Whether this session may go on, of which something came at `heard`.
    pub(crate) fn goes_on(&self, id: u64, heard: Instant, now: Instant) -> bool {
        now.since(heard) < SILENT && self.0.get(&id).is_some_and(Session::goes_on)
    }

    /// Objects that must exist and were never announced.
    pub(crate) fn unheard(&self) -> u64 {
        self.counting().map(|session| u64::from(session.expected.saturating_sub(session.heard))).sum()
    }

    /// Sessions that may have more objects than were heard of.
    pub(crate) fn unended(&self) -> u64 {
        self.counting().map(|session| u64::from(!session.counted)).sum()
    }

    /// Whether a sender has said that it is done.
    pub(crate) fn any_ended(&self) -> bool {
        self.0.values().any(|session| session.ended)
    }

    fn counting(&self) -> impl Iterator<Item = &Session> {
        self.0.values().filter(|session| !session.restarted)
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

    const NOW: Instant = Instant::ZERO;

    #[test]
    fn what_was_sent_and_never_announced_is_counted() {
        let mut sessions = Sessions::default();
        let meta = Meta { session: 5, index: 0, ..Meta::default() };
        sessions.hear_of(0, &meta, NOW);
        assert!(!sessions.any_ended());
        assert_eq!(sessions.unended(), 1);
        sessions.end(SessionEnd { session: 5, objects: 2, heard: false }, false);
        assert!(sessions.any_ended());
        assert_eq!((sessions.unheard(), sessions.unended()), (1, 0));
        sessions.hear_of(0, &Meta { index: 1, ..meta }, NOW);
        assert_eq!(sessions.unheard(), 0);
    }

    #[test]
    fn the_end_of_a_session_of_which_nothing_came_counts_only_where_nobody_else_sends() {
        let end = SessionEnd { session: 6, objects: 3, heard: false };
        let mut sessions = Sessions::default();
        sessions.end(end, false);
        assert_eq!((sessions.any_ended(), sessions.unheard()), (false, 0));
        sessions.end(end, true);
        assert_eq!((sessions.any_ended(), sessions.unheard()), (true, 3));
    }

    #[test]
    fn another_session_on_the_link_goes_on_until_it_ends_or_falls_silent() {
        let mut sessions = Sessions::default();
        sessions.hear_of(1, &Meta { session: 1, ..Meta::default() }, NOW);
        sessions.hear_of(2, &Meta { session: 2, ..Meta::default() }, NOW);
        sessions.end(SessionEnd { session: 1, objects: 1, heard: false }, false);
        assert!(sessions.any_ended() && sessions.any_goes_on(NOW));
        let later = NOW + SILENT;
        assert!(!sessions.any_goes_on(later));
        assert!(sessions.goes_on(2, later, later) && !sessions.goes_on(1, later, later));
        sessions.end(SessionEnd { session: 2, objects: 1, heard: false }, false);
        assert!(!sessions.goes_on(2, later, later));
        // A sender that was alone and went away has been followed by this one.
        sessions.hear_of(0, &Meta { session: 3, ..Meta::default() }, later);
        assert!(!sessions.any_goes_on(later));
    }

    #[test]
    fn a_flood_of_sessions_is_bounded() {
        let mut sessions = Sessions::default();
        for session in 0..100_000 {
            sessions.end(SessionEnd { session, objects: 1, heard: false }, true);
        }
        assert_eq!(sessions.unheard(), SESSIONS_MAX as u64);
    }
}
