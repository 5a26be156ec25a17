//! What receivers tell, and what is done when they tell nothing.

use core::time::Duration;

use packhorse_buffer::Instant;
use packhorse_transfer::{Ack, AckState, Control, ControlCodec as _, Mode};

use super::{Ending, ObjectSource, SendSession};
use crate::SendError;
use crate::profile::Profile;

/// A receiver that was not heard for so long while others were is gone, and nobody waits for it.
const GONE: Duration = Duration::from_secs(8);
/// Where blocks are acknowledged by one receiver, another one takes its place when it was not heard for so long.
const REPLACED: Duration = Duration::from_secs(1);
/// How often the last word is said where packets get lost.
const FAREWELLS: u32 = 3;
/// Receivers that are told apart.
const RECEIVERS_MAX: usize = 256;

impl<P: Profile, S: ObjectSource> SendSession<P, S> {
    /// A control message came over the way back.
    pub fn handle_answer(&mut self, now: Instant, message: &[u8]) {
        match P::Codec::decode(message) {
            Ok(Control::Ack(ack)) if ack.session == self.plan.session => self.ack(now, &ack),
            // Another session's, or something that only receivers want to hear.
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "answer dropped");
                self.strange += 1;
            }
        }
    }

    fn ack(&mut self, now: Instant, ack: &Ack<'_>) {
        // Who tells of packets that were never sent is no receiver of ours.
        let believed = self.path.as_ref().is_some_and(|path| path.believes(ack));
        if believed && !self.is_for_us(now, ack.receiver) {
            return;
        }
        let Some(path) = &mut self.path else { return };
        let Some(heard) = path.handle_ack(now, ack) else { return };
        // As much more as gets lost, so that a second round is seldom needed.
        let loss = path.measure().loss_ppm().min(900_000);
        let spare = (u64::from(loss) * 100).div_ceil(1_000_000 - u64::from(loss)) + u64::from(loss > 0) * 2;
        let spare = u32::try_from(spare).unwrap_or(100);
        for mut entry in ack.entries() {
            if entry.index >= self.next_index {
                self.strange += 1;
                continue;
            }
            let Some(object) = self.active.iter_mut().find(|object| object.index == entry.index) else {
                continue;
            };
            object.heard = true;
            let known = self.receivers.iter().any(|(receiver, _)| *receiver == ack.receiver);
            if known && let Some(groups) = object.sender.groups_held(&entry) {
                if !object.holds(ack.receiver, groups) {
                    // It came too late for a stream whose beginning nobody has any more.
                    entry.state = AckState::Refused;
                }
                object.release(self.receivers.iter().map(|(receiver, _)| *receiver));
            }
            if matches!(entry.state, AckState::Verified | AckState::Failed | AckState::Refused) {
                // One that is not among those that are told apart has no say.
                if known {
                    object.judged(ack.receiver, entry.state);
                }
                // Every receiver that was heard of has to say something; others may still be in the middle of it.
                let receivers = self.receivers.iter().map(|(receiver, _)| *receiver);
                let Some(judgement) = object.judgement(receivers) else { continue };
                entry.state = judgement;
            }
            if !object.sender.handle_entry(&entry, heard.highest, spare) {
                self.strange += 1;
            }
        }
        self.sweep(now);
        self.adapt();
        for object in &mut self.active {
            object.announce_if_unheard(heard.highest);
        }
        if !self.active.is_empty()
            && let Some(path) = &mut self.path
        {
            // A verdict is due, and the answer that brings it may get lost.
            path.expect_answer(now);
        }
        if ack.session_ended && matches!(self.ending, Ending::Said(..)) && self.active.is_empty() {
            // Whoever waits for more questions need not; where packets get lost, one may not come.
            for _ in 0..if loss == 0 { 1 } else { FAREWELLS } {
                self.say_end(true);
            }
            self.ending = Ending::Done;
        }
    }

    /// Takes note of a receiver. False when its answers are not to be followed.
    fn is_for_us(&mut self, now: Instant, receiver: u32) -> bool {
        if let Some((_, heard)) = self.receivers.iter_mut().find(|(number, _)| *number == receiver) {
            *heard = now;
        } else if self.plan.config.mode == Mode::Arq && !self.receivers.is_empty() {
            // One receiver decides what is under way. A new one in its place has forgotten what it had not kept.
            if self.receivers.iter().any(|(_, heard)| now.since(*heard) < REPLACED) {
                return false;
            }
            self.receivers = vec![(receiver, now)];
            self.active.iter_mut().for_each(super::object::Active::rewind);
        } else if self.receivers.len() < RECEIVERS_MAX {
            self.receivers.push((receiver, now));
        }
        self.receivers.retain(|(_, heard)| now.since(*heard) < GONE);
        true
    }

    /// Asks when nothing was heard for too long, and gives up when that does not help.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), SendError> {
        let Some(path) = &mut self.path else { return Ok(()) };
        if self.active.is_empty() {
            return Ok(());
        }
        path.excuse(now);
        if path.silence(now) >= self.plan.patience {
            return Err(SendError::NoAnswer {
                seconds: path.silence(now).as_secs(),
                ever: path.is_answered(),
            });
        }
        if path.ask_at().is_some_and(|at| at <= now) {
            path.asked(now);
            let turn = path.questions();
            let Some(object) = self.active.front_mut() else { return Ok(()) };
            // Goes out whatever is under way.
            let (tag, id) = (object.tag(), object.message_id);
            let (block, index) = (object.block(), Some(object.index));
            let heard = object.heard;
            // A receiver that has begun anew answers only to META.
            let end = if heard && turn % 2 == 1 && object.is_sent() { object.end().ok() } else { None };
            let pieces = match end {
                Some(end) => super::cut::<P>(&Control::End(end), id.wrapping_add(1), tag, block, index)?,
                None => super::cut::<P>(&Control::Meta(object.meta()), id, tag, block, index)?,
            };
            self.pieces.extend(pieces);
        }
        Ok(())
    }
}
