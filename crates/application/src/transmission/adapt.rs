//! The choice follows the link: what answers have told of it decides the blocks and the repair of objects that have not begun yet.
//!
//! What is under way is not cut anew: receivers count its blocks. How much is sent again in its next rounds follows the measured loss
//! anyway, see `answer`.

use packhorse_transfer::arq::{LinkMeasure, Path};

use super::{ObjectSource, SendSession};
use crate::choose::{Choice, LinkEstimate};
use crate::profile::Profile;

/// Packets between two judgements, and before the first.
const EVERY: u64 = 128;
/// So many losses are no accident. Fewer say only that the link is not worse than that.
const EVENTS: u64 = 8;
/// Blocks stay as they are for a change of less than one in so many.
const WORTH: u32 = 8;

impl<P: Profile, S: ObjectSource> SendSession<P, S> {
    /// Judges the link anew when enough was sent since the last time.
    pub(super) fn adapt(&mut self) {
        let measure = self.path.as_ref().map(Path::measure).unwrap_or_default();
        if measure.sent < self.judged + EVERY {
            return;
        }
        self.judged = measure.sent;
        let estimate = estimate(&measure);
        let bad = measure.sent.saturating_sub(measure.arrived) >= EVENTS;
        let mut changed = false;
        if let Some(envelope) = self.plan.fit {
            let choice = Choice::new(&estimate, envelope, self.plan.config.mode, None, None);
            let worth = choice.block.abs_diff(self.plan.block) > self.plan.block / WORTH;
            // Without losses the estimate is still as cautious as few packets allow: better than expected counts, worse does not.
            if worth && (bad || choice.block > self.plan.block) {
                tracing::debug!(block = choice.block, ?measure, "blocks follow the link");
                self.plan.block = choice.block;
                changed = true;
            }
        }
        let frame = usize::try_from(measure.bytes.checked_div(measure.arrived).unwrap_or(0)).unwrap_or(0);
        let loss = estimate.loss_of_frame(frame);
        if let Some(expected) = self.plan.loss.filter(|expected| bad || loss < *expected) {
            changed |= expected.to_bits() != loss.to_bits();
            self.plan.loss = Some(loss);
        }
        if changed {
            self.active.iter_mut().for_each(|object| object.cut_anew(&self.plan));
        }
    }
}

/// What a measured link does: packets that came damaged had a wrong byte each at least, the others were lost for other reasons.
fn estimate(measure: &LinkMeasure) -> LinkEstimate {
    let lost = measure.sent.saturating_sub(measure.arrived);
    let damaged = measure.damaged.min(lost);
    let mean = measure.bytes.checked_div(measure.arrived).unwrap_or(0);
    let estimate =
        LinkEstimate::measured(measure.sent.saturating_mul(mean), damaged, measure.sent, lost - damaged);
    LinkEstimate { burst: 1, ..estimate }
}
