//! [`Orphans`]: blocks that came before the announcement of their object, kept for a while: the start of a link is what gets
//! lost first.

use alloc::collections::VecDeque;

use crate::objects::Label;

/// Bytes and blocks that are kept; the oldest make room.
const BYTES: usize = 1 << 20;
const BLOCKS: usize = 8192;

#[derive(Default)]
pub(super) struct Orphans {
    kept: VecDeque<(Label, u32, Box<[u8]>)>,
    bytes: usize,
}

impl Orphans {
    /// Keeps a block. False when it is too long to be kept.
    pub(super) fn keep(&mut self, label: Label, number: u32, bytes: &[u8]) -> bool {
        if bytes.len() > BYTES / 16 {
            return false;
        }
        while self.kept.len() >= BLOCKS || self.bytes + bytes.len() > BYTES {
            let Some((.., oldest)) = self.kept.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.bytes += bytes.len();
        self.kept.push_back((label, number, bytes.into()));
        true
    }

    /// The blocks of an object, the oldest first.
    pub(super) fn take(&mut self, label: Label) -> Vec<(u32, Box<[u8]>)> {
        let mut taken = Vec::new();
        let bytes = &mut self.bytes;
        self.kept.retain_mut(|(of, number, block)| {
            let mine = *of == label;
            if mine {
                *bytes -= block.len();
                taken.push((*number, core::mem::take(block)));
            }
            !mine
        });
        taken
    }

    /// Whether blocks of this sender wait.
    pub(super) fn any_of(&self, source: u64) -> bool {
        self.kept.iter().any(|((of, ..), ..)| *of == source)
    }

    /// Blocks that nobody ever announced.
    pub(super) fn left(&self) -> u64 {
        self.kept.len() as u64
    }
}
