//! What sessions come to, in numbers: [`SendReport`] and [`ReceiveReport`].

use packhorse_link::{CheckStats, FrameStats};
use packhorse_packet::PacketStats;
use packhorse_transfer::TransferStats;
use packhorse_transfer::arq::LinkMeasure;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Files, folders and streams that were sent whole.
    pub objects: u64,
    /// Those that could not be read, or changed while they were sent.
    pub failed: u64,
    /// Links and special files that were passed over.
    pub passed_over: u64,
    /// Messages that were sent beside them.
    pub messages: u64,
    /// Messages that were too long for a packet of the profile, or for 256 of them.
    pub messages_refused: u64,
    /// What receivers told about the link, where they answer.
    pub measure: LinkMeasure,
    /// All transfers together; its packets and bytes on the wire are those of the whole session.
    pub transfer: TransferStats,
}

/// What was received, and what was wrong with the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveReport {
    /// Objects that stand under their names, verified.
    pub objects: u64,
    /// Objects that were announced and did not arrive whole.
    pub failed: u64,
    /// Objects that arrived and could not be put where they belong; they count as failed, too.
    pub unplaced: u64,
    /// Objects of sessions that ended, of which nothing was heard.
    pub unheard: u64,
    /// Sessions whose end never came, and of which nobody knows how many objects they have.
    pub unended: u64,
    /// Messages.
    pub messages: u64,
    /// Source blocks of the fountain code that were decoded, because blocks were missing.
    pub decoded: u64,
    /// Acknowledgements that were sent.
    pub answers: u64,
    /// All transfers together.
    pub transfer: TransferStats,
    /// What the framing saw.
    pub frames: FrameStats,
    /// What the check saw.
    pub checks: CheckStats,
    /// What the packet layer saw.
    pub packets: PacketStats,
    /// What was whole and yet useless.
    pub dropped: Dropped,
}

impl ReceiveReport {
    /// Adds what came over another link to the sum.
    pub fn absorb(&mut self, other: &Self) {
        let sum = |pairs: &mut [(&mut u64, u64)]| pairs.iter_mut().for_each(|(to, more)| **to += *more);
        sum(&mut [
            (&mut self.objects, other.objects),
            (&mut self.failed, other.failed),
            (&mut self.unplaced, other.unplaced),
            (&mut self.unheard, other.unheard),
            (&mut self.unended, other.unended),
            (&mut self.messages, other.messages),
            (&mut self.frames.frames, other.frames.frames),
            (&mut self.frames.short, other.frames.short),
            (&mut self.frames.long, other.frames.long),
            (&mut self.frames.bad_length, other.frames.bad_length),
            (&mut self.frames.junk_bytes, other.frames.junk_bytes),
            (&mut self.frames.overflow, other.frames.overflow),
            (&mut self.frames.corrected, other.frames.corrected),
            (&mut self.frames.uncorrectable, other.frames.uncorrectable),
            (&mut self.checks.good, other.checks.good),
            (&mut self.checks.bad_check, other.checks.bad_check),
            (&mut self.checks.bad_length, other.checks.bad_length),
            (&mut self.checks.short, other.checks.short),
            (&mut self.packets.received, other.packets.received),
            (&mut self.packets.short, other.packets.short),
            (&mut self.packets.gaps, other.packets.gaps),
            (&mut self.packets.missed, other.packets.missed),
            (&mut self.packets.duplicates, other.packets.duplicates),
            (&mut self.packets.old, other.packets.old),
            (&mut self.packets.restarts, other.packets.restarts),
            (&mut self.dropped.unannounced, other.dropped.unannounced),
            (&mut self.dropped.bad_control, other.dropped.bad_control),
            (&mut self.dropped.misplaced, other.dropped.misplaced),
            (&mut self.dropped.crowded, other.dropped.crowded),
            (&mut self.dropped.refused, other.dropped.refused),
            (&mut self.transfer.packets, other.transfer.packets),
            (&mut self.transfer.wire_bytes, other.transfer.wire_bytes),
        ]);
        let (first, last) = (self.transfer.started, self.transfer.ended);
        add(&mut self.transfer, &other.transfer);
        self.transfer.started = first.into_iter().chain(other.transfer.started).min();
        self.transfer.ended = last.into_iter().chain(other.transfer.ended).max();
    }
}

/// Whole packets that were of no use, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Blocks of objects that nothing was heard of yet.
    pub unannounced: u64,
    /// Control messages that say nothing sensible.
    pub bad_control: u64,
    /// Blocks that cannot belong to their object.
    pub misplaced: u64,
    /// Blocks and repair symbols that there was no memory left to remember: they are of use when they come again.
    pub crowded: u64,
    /// Announcements beyond the bound of open objects, or of objects that cannot exist.
    pub refused: u64,
}

/// Adds one transfer to the sum of several, of which it is the last. Packets and bytes on the wire are the link's to
/// count.
pub(crate) fn add(total: &mut TransferStats, one: &TransferStats) {
    total.started = total.started.or(one.started);
    total.ended = one.ended.or(total.ended);
    total.blocks += one.blocks;
    total.bytes += one.bytes;
    total.repeats += one.repeats;
    total.metas += one.metas;
    total.ends += one.ends;
}
