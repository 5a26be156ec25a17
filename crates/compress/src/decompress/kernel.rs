//! [`DecompressKernel`]: decodes one block, whoever calls it.

use alloc::sync::Arc;

use super::Options;
use crate::accelerator::{Kernel, Worker};
use crate::brick::{Block, Outcome, Task};
use crate::codec::{decode, decode_after};
use crate::frame::Checksum;

/// Decodes blocks and checks their checksums.
pub struct DecompressKernel {
    dictionary: Arc<[u8]>,
}

impl DecompressKernel {
    /// A kernel for frames that are read with these options.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let dictionary = options.dictionary.as_ref();
        Self {
            dictionary: dictionary
                .map_or_else(|| Arc::from([]), |dictionary| Arc::clone(dictionary.shared())),
        }
    }
}

impl Kernel for DecompressKernel {
    fn worker(&self) -> Box<dyn Worker> {
        Box::new(Decoder { dictionary: Arc::clone(&self.dictionary) })
    }
}

struct Decoder {
    dictionary: Arc<[u8]>,
}

impl Worker for Decoder {
    fn compute(&mut self, block: &mut Block) {
        let Task::Decode { most, stored, checksum, link } = block.take_task() else { return };
        if let Some(found) = checksum {
            let expected = Checksum::of(block.payload());
            if expected != found {
                block.set_outcome(Outcome::Checksum { expected, found });
                return;
            }
        }
        let outcome = match link {
            None if stored => Outcome::Stored,
            None => decode_into(block, most, &self.dictionary),
            Some(mut ticket) => match ticket.turn() {
                None => Outcome::Skipped,
                Some(turn) => {
                    let outcome =
                        if stored { Outcome::Stored } else { decode_into(block, most, turn.history()) };
                    let failed = matches!(outcome, Outcome::Damaged(_));
                    block.set_outcome(outcome);
                    if !failed {
                        turn.done(block.result());
                    }
                    return;
                }
            },
        };
        block.set_outcome(outcome);
    }
}

fn decode_into(block: &mut Block, most: usize, history: &[u8]) -> Outcome {
    let (input, _, output) = block.parts(most);
    let decoded =
        if history.is_empty() { decode(input, output) } else { decode_after(history, input, output) };
    decoded.map_or_else(Outcome::Damaged, Outcome::Coded)
}
