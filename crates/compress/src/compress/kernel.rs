//! [`CompressKernel`]: compresses one block, whoever calls it.

use alloc::sync::Arc;

use super::Options;
use crate::accelerator::{Kernel, Worker};
use crate::brick::{Block, Outcome};
use crate::codec::{Encoder, Level, Loaded};

/// Compresses blocks; those that do not shrink stay as they are.
pub struct CompressKernel {
    level: Level,
    dictionary: Option<Arc<Loaded>>,
}

impl CompressKernel {
    /// A kernel for frames of these options.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let level = options.level;
        let loaded = options.dictionary.as_ref().filter(|dictionary| !dictionary.bytes().is_empty());
        Self { level, dictionary: loaded.map(|dictionary| Arc::new(Loaded::new(dictionary.shared(), level))) }
    }
}

impl Kernel for CompressKernel {
    fn worker(&self) -> Box<dyn Worker> {
        Box::new(Compressor { encoder: Encoder::new(self.level), dictionary: self.dictionary.clone() })
    }
}

struct Compressor {
    encoder: Encoder,
    dictionary: Option<Arc<Loaded>>,
}

impl Worker for Compressor {
    fn compute(&mut self, block: &mut Block) {
        // Room for one byte less than the payload: what needs more is better stored.
        let len = block.payload_len();
        let (input, history, output) = block.parts(len);
        let output = &mut output[..len.saturating_sub(1)];
        let written = match &self.dictionary {
            // Linked blocks have a history instead, the dictionary at its start.
            Some(dictionary) if history == 0 => self.encoder.with(dictionary, input, output),
            _ => self.encoder.after(input, history, output),
        };
        block.set_outcome(written.map_or(Outcome::Stored, Outcome::Coded));
    }
}
