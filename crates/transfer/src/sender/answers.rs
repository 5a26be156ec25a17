//! What receivers tell a [`Sender`], and what the caller asks of it because of that.

use super::{Schedule, Sender};
use crate::arq::Slot;
use crate::fountain::Order;
use crate::{AckEntry, AckState};

impl<W: AsRef<[Slot]> + AsMut<[Slot]>, F: AsRef<Order> + AsMut<Order>> Sender<W, F> {
    /// A receiver said how the object stands with it, having seen packet `highest` of the link. Of every hundred symbols
    /// that it lacks, `spare` more are sent: as many as the link is expected to lose. False when it tells of blocks that were
    /// never sent: nothing of it is believed.
    pub fn handle_entry(&mut self, entry: &AckEntry<'_>, highest: u64, spare: u32) -> bool {
        match entry.state {
            AckState::Verified | AckState::Failed | AckState::Refused => {
                if let Schedule::Arq(window) = &mut self.schedule {
                    window.all_acked();
                }
                if self.outcome != Some(entry.state) {
                    self.outcome = Some(entry.state);
                    self.events.done = true;
                }
                return true;
            }
            AckState::Receiving | AckState::Whole => {}
        }
        match &mut self.schedule {
            Schedule::Passes(_) => true,
            Schedule::Arq(window) if entry.symbols => entry.end <= window.sent(),
            Schedule::Arq(window) => {
                let good = window.handle(self.available, entry.end, entry.cut, entry.items(), highest);
                if window.has_next(0) {
                    self.ends_left = self.ends_left.max(1);
                }
                good
            }
            Schedule::Fountain(order) => {
                let order = order.as_mut();
                // What was asked for before and is still under way is not asked for.
                if entry.symbols && highest >= self.repaired {
                    for (source_block, count) in entry.items() {
                        let count = u32::from(count);
                        order.request(source_block, count + (count * spare).div_ceil(100));
                    }
                    if order.is_asked() {
                        self.ends_left = self.ends_left.max(1);
                    }
                }
                true
            }
        }
    }

    /// How many groups of a fountain's source blocks, from the first one on, a receiver holds by what it said; `None` where it
    /// said nothing of that.
    #[must_use]
    pub fn groups_held(&self, entry: &AckEntry<'_>) -> Option<u32> {
        let geometry = self.geometry().filter(|_| entry.symbols && entry.state == AckState::Receiving)?;
        let lacks = entry.items().map(|(source_block, _)| source_block).min();
        let reached = || entry.end.checked_sub(1).map_or(0, |last| geometry.group_of(last));
        let interleave = u32::from(geometry.shape().interleave);
        Some(lacks.map_or_else(reached, |lacks| lacks / interleave.max(1)))
    }

    /// Every receiver holds so many groups: they are not needed any more, as far as they were sent. Whoever asks for them
    /// afterwards gets nothing.
    pub fn release(&mut self, groups: u32) {
        if let Schedule::Fountain(order) = &mut self.schedule {
            order.as_mut().release(groups);
        }
    }

    /// Groups that were let go of.
    #[must_use]
    pub fn released(&self) -> u32 {
        match &self.schedule {
            Schedule::Fountain(order) => order.as_ref().released(),
            Schedule::Passes(_) | Schedule::Arq(_) => 0,
        }
    }

    /// Begins again from the first block, where blocks are acknowledged: another receiver has taken the place of the one
    /// before. What it has already it says in its first answer.
    pub fn rewind(&mut self) {
        if let Schedule::Arq(window) = &mut self.schedule {
            window.rewind();
            self.metas_due = self.metas_due.max(1);
            self.ends_left = self.ends_left.max(1);
        }
    }

    /// Sends META once more: the receiver has not heard of the object.
    pub fn announce(&mut self) {
        self.metas_due = self.metas_due.max(1);
    }

    /// Sends END once more, when nothing else is to be sent: receivers that answer do so at once.
    pub fn ask(&mut self) {
        self.ends_left = self.ends_left.max(1);
    }

    /// Sends nothing more, whatever is lacking.
    pub fn stop(&mut self) {
        self.outcome.get_or_insert(AckState::Refused);
        self.ends_left = 0;
    }

    /// What became of the object, as receivers told: verified, failed or refused.
    #[must_use]
    pub const fn outcome(&self) -> Option<AckState> {
        self.outcome
    }
}
