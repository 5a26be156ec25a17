//! A carousel of several objects: a pass over each of them in turn, and around again, so that a receiver that joins late or
//! loses much gets all of them. What rests holds no file and no coded block.

use packhorse_buffer::Instant;
use packhorse_transfer::Mode;

use super::object::Next;
use super::{ObjectSource, SendSession, unreadable};
use crate::profile::Profile;

impl<P: Profile, S: ObjectSource> SendSession<P, S> {
    /// Whether it goes on until somebody stops it.
    pub(super) const fn is_carousel(&self) -> bool {
        !self.plan.answers && matches!(self.plan.config.mode, Mode::Fountain { repair_percent: None })
    }

    /// The next thing to send of the object whose turn it is.
    pub(super) fn next_in_turn(&mut self, now: Instant) -> Option<(usize, Next)> {
        loop {
            if self.turn >= self.active.len() {
                if !self.finished {
                    return None;
                }
                if self.active.is_empty() {
                    self.farewell(now);
                    return None;
                }
                self.turn = 0;
            }
            let at = self.turn;
            let alone = self.finished && self.active.len() == 1;
            let object = self.active.get_mut(at)?;
            if object.has_had_its_turn() && !alone {
                self.turn += 1;
                if let Err(error) = object.rest() {
                    self.give_up(at, &unreadable(&error));
                    self.turn = at;
                }
                continue;
            }
            match object.next(now) {
                Ok(Some(next)) => return Some((at, next)),
                Ok(None) if object.is_done() && object.goes_round() => {
                    object.next_turn();
                    self.turn += 1;
                }
                Ok(None) if object.is_done() => self.end(at, now),
                // More of a stream has to come.
                Ok(None) => return None,
                Err(error) => self.give_up(at, &unreadable(&error)),
            }
        }
    }

    /// Receivers of a carousel hear of no end: how many objects there are is in META, as soon as it is known.
    pub(super) fn count_objects(&mut self) {
        if self.is_carousel() && self.plan.objects == 0 {
            self.plan.objects = self.next_index;
            self.active.iter_mut().for_each(|object| object.count(self.plan.objects));
        }
    }
}
