//! What the writer tells the receiving agent, and what comes of it.

use std::io;

use packhorse_link::{Framing, Transport};
use packhorse_transfer::ObjectKind;

use crate::ReceiveError;
use crate::incoming::Incoming;
use crate::objects::Stage;
use crate::profile::Profile;
use crate::progress::{Event, Watch};
use crate::writer::{Begun, Command, Lost, Outcome};

impl<P: Profile, F: Framing, T: Transport> Incoming<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// What the writer has to tell.
    pub(crate) fn outcomes(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        while let Ok(begun) = self.writer.begun.try_recv() {
            self.begun(&begun, watch);
        }
        while let Ok(outcome) = self.writer.outcomes.try_recv() {
            self.outcome(outcome, watch)?;
        }
        Ok(())
    }

    pub(crate) fn outcome(&mut self, outcome: Outcome, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        let Outcome { key, result } = outcome;
        self.stalled = false;
        match result {
            Ok(landed) => {
                let now = self.now;
                let Some(object) = self.objects.end(key, Stage::Done) else { return Ok(()) };
                self.report.objects += 1;
                let hash = if object.kind == ObjectKind::Folder { None } else { object.hash };
                watch.event(Event::Done {
                    name: &object.name.to_string(),
                    path: landed.path.as_deref(),
                    bytes: object.bytes,
                    hash,
                    took: now.since(object.began),
                });
                object.shrink();
            }
            Err(Lost::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(ReceiveError::OutputClosed);
            }
            // No file can have such a size, or such an offset: the sender's fault.
            Err(lost @ Lost::Io(_)) if lost.is_absurd() => self.fail(key, &lost.to_string(), watch),
            Err(Lost::Io(error)) => return Err(ReceiveError::Write(error.to_string())),
            Err(lost @ Lost::Inbox(_)) => {
                self.report.unplaced += 1;
                self.fail(key, &lost.to_string(), watch);
            }
            Err(lost @ Lost::Damaged) => self.fail(key, &lost.to_string(), watch),
        }
        Ok(())
    }

    pub(crate) fn fail(&mut self, key: u32, reason: &str, watch: &mut dyn Watch) {
        // At once: blocks of it that are still to be handed over are dropped there.
        self.writer.give(Command::Abandon { key });
        if let Some(object) = self.objects.end(key, Stage::Failed) {
            self.report.failed += 1;
            watch.event(Event::Failed { name: &object.name.to_string(), reason });
            object.shrink();
        }
    }

    /// Whole blocks inside what was left need not come again.
    fn begun(&mut self, begun: &Begun, watch: &mut dyn Watch) {
        let Some(object) = self.objects.by_key(begun.key) else { return };
        let Some(receiver) = object.receiver.as_mut() else { return };
        let Some(layout) = receiver.layout() else { return };
        let block = u64::from(layout.block_size());
        for stretch in begun.present.iter() {
            // The last block may be short: it is whole where the object ends.
            let end =
                if stretch.end == layout.size() { stretch.end.div_ceil(block) } else { stretch.end / block };
            let number = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
            receiver.restore(number(stretch.start.div_ceil(block))..number(end));
        }
        let (label, bytes) = (object.label, receiver.stats().bytes);
        let text = format!(
            "{}: goes on with {bytes} bytes that an earlier receiver left and that are verified",
            object.name
        );
        watch.event(Event::Note { text: &text });
        self.events(label, watch);
    }
}
