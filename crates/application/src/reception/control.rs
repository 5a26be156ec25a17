//! Control messages: what is announced, what has ended.

use packhorse_packet::Fragment;
use packhorse_transfer::fountain::{Gather, Geometry};
use packhorse_transfer::{Control, ControlCodec as _, End, Meta, SessionEnd};

use super::ReceiveSession;
use super::repair::Fountain;
use crate::assembly::Origin;
use crate::objects::{Announced, Label, ObjectKind, Stage};
use crate::partial::Identity;
use crate::profile::{CONTROL_MAX, Profile};
use crate::progress::{Event, Watch};
use crate::received::missing;
use crate::writer::Command;

impl<P: Profile> ReceiveSession<P> {
    pub(super) fn control(&mut self, label: Label, word: u32, bytes: &[u8], watch: &mut dyn Watch) {
        let (source, channel, tag) = label;
        if !self.assemble((source, channel, tag, true), word, bytes, CONTROL_MAX) {
            // A repeat of what was delivered, perhaps: its sender asks.
            self.answer_again(label);
            return;
        }
        let message = self.assemblies.take_message();
        match P::Codec::decode(&message) {
            Ok(Control::Meta(meta)) if meta.hash_kind == P::Codec::HASH && meta.tag() == tag => {
                if self.objects.is_full()
                    && self.objects.is_new(label, &meta)
                    && !self.make_room(label.0, watch)
                {
                    self.waiting = Some((label, message.clone()));
                } else {
                    self.meta(label, &meta, watch);
                }
            }
            Ok(Control::Meta(_)) => self.report.dropped.refused += 1,
            Ok(Control::End(end)) => self.end(label, &end, watch),
            Ok(Control::SessionEnd(end)) => self.session_end(source, end),
            // What another receiver tells the sender, on a link that all of them hear.
            Ok(Control::Ack(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "control message dropped");
                self.report.dropped.bad_control += 1;
            }
        }
        self.assemblies.recycle(message);
    }

    /// After [`Handled::Crowded`](super::Handled::Crowded), the outcomes that have come were told: goes on with the META that
    /// waits. `last`: no more outcomes are to be waited for. True when nothing waits any more.
    pub fn retry(&mut self, last: bool, watch: &mut dyn Watch) -> bool {
        let Some((label, message)) = self.waiting.take() else { return true };
        if self.objects.is_full() && !self.make_room(label.0, watch) && !last && self.verifying() > 0 {
            self.waiting = Some((label, message));
            return false;
        }
        if let Ok(Control::Meta(meta)) = P::Codec::decode(&message) {
            self.meta(label, &meta, watch);
        }
        true
    }

    /// Gives up objects whose senders are done with them. True when there is a place now.
    fn make_room(&mut self, source: u64, watch: &mut dyn Watch) -> bool {
        while self.objects.is_full() {
            if let Some((key, reason)) = self.objects.hopeless().map(|object| (object.key, missing(object))) {
                self.fail(key, &reason, watch);
            } else if let Some(key) = self.objects.victim(source, self.now).map(|object| object.key) {
                self.fail(key, "another object needed its place; send it again", watch);
            } else {
                return false;
            }
        }
        true
    }

    /// Takes a piece of a message; true when that makes it whole.
    pub(super) fn assemble(&mut self, source: Origin, word: u32, piece: &[u8], most: usize) -> bool {
        let fragment = if P::Codec::FRAGMENTED { Fragment::from_word(word) } else { Ok(Fragment::whole(0)) };
        fragment.and_then(|fragment| self.assemblies.handle(source, fragment, piece, most)).unwrap_or_else(
            |error| {
                tracing::debug!(%error, "piece of a message dropped");
                self.report.dropped.bad_control += 1;
                false
            },
        )
    }

    fn meta(&mut self, label: Label, meta: &Meta<'_>, watch: &mut dyn Watch) {
        self.report.transfer.metas += 1;
        let Ok(fountain) = geometry(meta) else {
            self.report.dropped.refused += 1;
            return;
        };
        self.sessions.count(meta, self.now);
        if P::Codec::SESSIONS && self.objects.is_new(label, meta) {
            self.begin_again(label, meta);
        }
        match self.objects.announce(label, meta, P::Codec::SESSIONS, self.now) {
            Announced::New { key, replaced } => {
                if let Some(replaced) = replaced {
                    self.fail(replaced, "another file began before it was complete; send it again", watch);
                }
                let cap = self.objects.repairs_max();
                let Some(object) = self.objects.get_mut(label) else { return };
                object.fountain =
                    fountain.map(|geometry| Box::new(Fountain::new(Gather::new(geometry, cap))));
                let name = object.name.clone();
                if P::Codec::SESSIONS {
                    self.sessions.hear_of(label.0, meta, self.now);
                }
                watch.event(Event::Started { name: &name.to_string(), size: meta.size });
                tracing::info!(%name, size = meta.size, "object announced");
                match meta.kind {
                    ObjectKind::Folder => {
                        let attributes = crate::inbox::Attributes { mode: meta.mode, modified: meta.mtime };
                        self.due.push(Command::Folder { key, name, attributes });
                    }
                    ObjectKind::File | ObjectKind::Stream => {
                        let compression = meta.compression;
                        // What was made while it was sent need not be made the same way again.
                        let content = compression.map(|about| about.content.unwrap_or(0));
                        let identity = Identity::new(meta.size, meta.mtime, meta.hash, content)
                            .filter(|_| compression.is_none_or(|about| !about.growing));
                        let (size, decodes) = (meta.size, fountain.is_some());
                        self.first.push(Command::Begin { key, name, identity, decodes, size, compression });
                    }
                }
                self.answer_meta(label, meta, Some(key));
                self.adopt(label, watch);
            }
            Announced::Known => {
                if let Some(object) = self.objects.get_mut(label)
                    && let Some(receiver) = object.receiver.as_mut()
                {
                    receiver.handle_meta(self.now, meta);
                }
                self.size_known(label, watch);
                self.answer_meta(label, meta, None);
            }
            Announced::Ended => {
                self.answer_meta(label, meta, None);
                self.answer_again(label);
                return;
            }
            Announced::Refused => {
                self.report.dropped.refused += 1;
                // Or it would count as delivered, and there may be a place for it later.
                self.assemblies.forget((label.0, label.1, label.2, true));
                return;
            }
        }
        self.events(label, watch);
    }

    /// If its sender was interrupted in the middle of this very file: lets go of what there is, for the new object to go on from.
    fn begin_again(&mut self, label: Label, meta: &Meta<'_>) {
        let Some((key, session)) = self.objects.restarted(label, meta).map(|old| (old.key, old.session))
        else {
            return;
        };
        tracing::info!("an interrupted sender begins again");
        self.first.push(Command::Abandon { key });
        if let Some(object) = self.objects.end(key, Stage::Failed) {
            object.shrink();
        }
        self.sessions.restarted(session);
    }

    /// Blocks that came before their announcement; repair symbols go on waiting until there is a place for them.
    pub(super) fn adopt(&mut self, label: Label, watch: &mut dyn Watch) {
        for (number, bytes) in self.orphans.take(label) {
            self.block(label, number, &bytes, None, watch);
        }
    }

    fn end(&mut self, label: Label, end: &End, watch: &mut dyn Watch) {
        self.report.transfer.ends += 1;
        let now = self.now;
        self.answer_again(label);
        if let Some(receiver) = self.objects.get_mut(label).and_then(|object| object.receiver.as_mut()) {
            receiver.handle_end(now, end);
            self.size_known(label, watch);
            self.events(label, watch);
        } else if self.objects.get_mut(label).is_none() {
            // Of an object that is announced later: it counts when it comes again.
            self.assemblies.forget((label.0, label.1, label.2, true));
        }
    }

    fn session_end(&mut self, source: u64, end: SessionEnd) {
        let concerns = source == 0 || self.orphans.any_of(source);
        self.sessions.end(end, concerns);
        if let Some(answers) = &mut self.answers {
            answers.session_ended(source, end, self.now);
        }
    }

    fn answer_meta(&mut self, label: Label, meta: &Meta<'_>, key: Option<u32>) {
        if let Some(answers) = &mut self.answers
            && meta.answers
        {
            answers.heard_of(label, meta.session, key, self.now);
            if let Some(object) = self.objects.get_mut(label) {
                object.answered = true;
            }
        }
    }

    /// The sender asks how an object stands.
    fn answer_again(&mut self, label: Label) {
        if let Some(answers) = &mut self.answers
            && let Some(object) = self.objects.get_mut(label).filter(|object| object.answered)
        {
            answers.told(label.0, object.session, object.key, self.now);
        }
    }
}

/// How the object is cut for a fountain code, if it is.
fn geometry(meta: &Meta<'_>) -> Result<Option<Geometry>, ()> {
    let Some(shape) = meta.fountain else { return Ok(None) };
    let layout = meta.layout().map_err(drop)?;
    // A stream that has ended by now was cut as one that had not.
    let geometry = match layout {
        Some(layout) if !meta.is_stream() => Geometry::of(shape, layout),
        _ => Geometry::of_stream(shape, meta.block_size),
    };
    let mut geometry = geometry.map_err(drop)?;
    if let Some(layout) = layout.filter(|_| geometry.blocks().is_none()) {
        geometry.end_stream(layout.blocks()).map_err(drop)?;
    }
    Ok(Some(geometry))
}
