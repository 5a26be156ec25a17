//! What the disk tells.

use std::io;

use packhorse_buffer::Instant;

use super::ReceiveSession;
use crate::ReceiveError;
use crate::objects::{ObjectKind, Stage};
use crate::profile::Profile;
use crate::progress::{Event, Watch};
use crate::writer::{Begun, Landed, Lost, Outcome};

impl<P: Profile> ReceiveSession<P> {
    /// An object has its place. Whole blocks inside what an earlier receiver left need not come again.
    pub(crate) fn handle_begun(&mut self, now: Instant, begun: &Begun, watch: &mut dyn Watch) {
        self.now = now;
        let Some(object) = self.objects.by_key(begun.key) else { return };
        object.begun = true;
        let label = object.label;
        if let Some(receiver) = object.receiver.as_mut()
            && let Some(layout) = receiver.layout()
            && begun.present.bytes() > 0
        {
            let block = u64::from(layout.block_size());
            for stretch in begun.present.iter() {
                // The last block may be short: it is whole where the object ends.
                let end = if stretch.end == layout.size() {
                    stretch.end.div_ceil(block)
                } else {
                    stretch.end / block
                };
                let number = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
                receiver.restore(number(stretch.start.div_ceil(block))..number(end));
            }
            let text = format!(
                "{}: goes on with {} bytes that an earlier receiver left and that are verified",
                object.name,
                begun.present.bytes(),
            );
            watch.event(Event::Note { text: &text });
        }
        self.adopt(label, watch);
        self.events(label, watch);
    }

    /// What came of a command.
    pub(crate) fn handle_outcome(&mut self, now: Instant, outcome: Outcome, watch: &mut dyn Watch) {
        self.now = now;
        match outcome {
            Outcome::Decoded { key, source_block, good } => self.decoded(key, source_block, good, watch),
            Outcome::Ended { key, result: Ok(landed) } => self.landed(key, &landed, watch),
            Outcome::Ended { key, result: Err(lost) } => self.lost(key, &lost, watch),
        }
    }

    fn landed(&mut self, key: u32, landed: &Landed, watch: &mut dyn Watch) {
        let now = self.now;
        let Some(object) = self.objects.end(key, Stage::Done) else { return };
        self.report.objects += 1;
        let hash = if object.kind == ObjectKind::Folder { None } else { object.hash };
        watch.event(Event::Done {
            name: &object.name.to_string(),
            path: landed.path.as_deref(),
            bytes: landed.content.unwrap_or(object.bytes),
            hash,
            took: now.since(object.began),
        });
        self.sessions.done(object.session);
        if let Some(answers) = &mut self.answers {
            answers.told(object.label.0, object.session, object.key, now);
        }
        object.shrink();
    }

    fn lost(&mut self, key: u32, lost: &Lost, watch: &mut dyn Watch) {
        match lost {
            Lost::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.broken = Some(ReceiveError::OutputClosed);
            }
            // No file can have such a size, or such an offset: the sender's fault.
            Lost::Io(_) if lost.is_absurd() => self.fail(key, &lost.to_string(), watch),
            Lost::Io(error) => self.broken = Some(ReceiveError::Write(error.to_string())),
            Lost::Inbox(_) => {
                self.report.unplaced += 1;
                self.fail(key, &lost.to_string(), watch);
            }
            Lost::Damaged | Lost::Content(_) => {
                self.fail(key, &lost.to_string(), watch);
                if let Some(object) = self.objects.by_key(key) {
                    object.damaged = true;
                }
            }
        }
    }
}
