//! What sessions come to, in numbers: [`SendReport`] and [`ReceiveReport`].

use packhorse_link::{CheckStats, FrameStats};
use packhorse_packet::PacketStats;
use packhorse_transfer::TransferStats;

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

/// Whole packets that were of no use, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Blocks of objects that nothing was heard of yet.
    pub unannounced: u64,
    /// Control messages that say nothing sensible.
    pub bad_control: u64,
    /// Blocks that cannot belong to their object, or that there is no memory left to remember.
    pub misplaced: u64,
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
