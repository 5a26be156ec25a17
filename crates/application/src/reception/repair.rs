//! Repair symbols: kept where missing blocks will lie, decoded by whoever has the disk.

use core::ops::Range;

use packhorse_transfer::fountain::{Decode, Decoder, Gather, Geometry, Keep, Number};
use packhorse_transfer::{BlockSet as _, Layout, Refused};

use super::ReceiveSession;
use crate::objects::Label;
use crate::profile::Profile;
use crate::progress::Watch;
use crate::writer::{Command, Delivery};

/// What a receiver knows of the fountain code of one object.
pub(crate) struct Fountain {
    pub(crate) gather: Gather,
    /// Symbols that found no place in the partial file: few, and short-lived.
    extra: Vec<(u32, u32, Box<[u8]>)>,
}

impl Fountain {
    pub(crate) fn new(gather: Gather) -> Self {
        Self { gather, extra: Vec::new() }
    }
}

/// A source block to decode.
pub(crate) struct DecodeJob {
    pub(crate) geometry: Geometry,
    pub(crate) layout: Layout,
    pub(crate) decode: Decode,
    /// Repair symbols that lie in no file.
    pub(crate) extra: Vec<(u32, Box<[u8]>)>,
}

impl DecodeJob {
    /// The blocks of the source block, one after another, decoded from what `read` gives at an offset of the object; `None`
    /// when the symbols do not suffice.
    pub(crate) fn run<E>(
        &self,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let size = self.geometry.block_size() as usize;
        let mut decoder = Decoder::new(self.geometry, self.decode.source);
        let mut memory = vec![0; size];
        let mut lent = self.decode.lent.iter().peekable();
        for (symbol, block) in (0..).zip(self.decode.source.blocks()) {
            let Some(place) = self.layout.place(block) else { continue };
            if let Some((_, index)) = lent.next_if(|(of, _)| *of == block) {
                read(place.offset, &mut memory)?;
                decoder.repair(*index, &memory);
            } else {
                let bytes = &mut memory[..place.len as usize];
                read(place.offset, bytes)?;
                decoder.block(symbol, bytes);
            }
        }
        for (index, bytes) in &self.extra {
            decoder.repair(*index, bytes);
        }
        Ok(decoder.decode())
    }

    /// Of the blocks of the source block those that were missing: where they belong, and their bytes.
    pub(crate) fn missing<'b>(&self, blocks: &'b [u8]) -> impl Iterator<Item = (u64, &'b [u8])> {
        let size = self.geometry.block_size() as usize;
        self.decode.source.blocks().zip(blocks.chunks(size)).filter_map(|(block, bytes)| {
            self.decode.lent.binary_search_by_key(&block, |(lent, _)| *lent).ok()?;
            let place = self.layout.place(block)?;
            Some((place.offset, bytes.get(..place.len as usize)?))
        })
    }
}

impl<P: Profile> ReceiveSession<P> {
    pub(super) fn repair(
        &mut self,
        label: Label,
        number: u32,
        bytes: &[u8],
        body: Option<Range<usize>>,
        watch: &mut dyn Watch,
    ) {
        let Some(object) = self.objects.get_mut(label) else { return };
        let (Some(receiver), Some(fountain)) = (&object.receiver, &mut object.fountain) else { return };
        let geometry = *fountain.gather.geometry();
        let Number::Repair { source_block, index } = geometry.from_wire(number) else { return };
        let key = object.key;
        match fountain.gather.handle_repair(source_block, index, bytes.len(), receiver.blocks()) {
            Ok(Keep::InPlaceOf(block)) => {
                self.report.transfer.blocks += 1;
                let offset = u64::from(block) * u64::from(geometry.block_size());
                self.deliver(Delivery { key, offset, range: 0..0, repair: true }, bytes, body);
            }
            Ok(Keep::InMemory { source_block, index }) => {
                fountain.extra.push((source_block, index, bytes.into()));
            }
            Err(Refused::Repeat) => self.report.transfer.repeats += 1,
            Err(Refused::SetFull) => self.report.dropped.crowded += 1,
            Err(refused) => {
                tracing::debug!(?refused, number, "repair symbol dropped");
                self.report.dropped.misplaced += 1;
                return;
            }
        }
        self.decode(label, watch);
    }

    /// Has decoded what can be.
    pub(super) fn decode(&mut self, label: Label, _watch: &mut dyn Watch) {
        let Some(object) = self.objects.get_mut(label) else { return };
        let (Some(receiver), Some(fountain)) = (&object.receiver, &mut object.fountain) else { return };
        while let Some(decode) = fountain.gather.poll_decode() {
            let geometry = *fountain.gather.geometry();
            // Of a stream whose end is not known, everything so far is full blocks.
            let size = u64::from(u32::MAX >> 1) * u64::from(geometry.block_size());
            let layout = receiver.layout().or_else(|| Layout::new(size, geometry.block_size()).ok());
            let Some(layout) = layout else { return };
            let of = |symbol: &&(u32, u32, Box<[u8]>)| symbol.0 == decode.source.number;
            let extra =
                fountain.extra.iter().filter(of).map(|(_, index, bytes)| (*index, bytes.clone())).collect();
            let job = Box::new(DecodeJob { geometry, layout, decode, extra });
            self.due.push(Command::Decode { key: object.key, job });
        }
    }

    /// The disk has decoded a source block, or there were too few symbols.
    pub(super) fn decoded(&mut self, key: u32, source_block: u32, good: bool, watch: &mut dyn Watch) {
        let Some(object) = self.objects.by_key(key) else { return };
        let label = object.label;
        let (Some(receiver), Some(fountain)) = (&mut object.receiver, &mut object.fountain) else { return };
        let source = fountain.gather.geometry().source_block(source_block);
        if let Some(source) = source.filter(|_| good) {
            self.report.decoded += 1;
            for block in source.blocks() {
                let len = match receiver.layout() {
                    Some(layout) => layout.place(block).map_or(0, |place| place.len),
                    None => receiver.block_size(),
                };
                if !receiver.blocks().contains(block)
                    && let Ok(place) = receiver.handle_block(self.now, block, len as usize)
                {
                    self.report.transfer.bytes += u64::from(place.len);
                }
            }
        }
        fountain.gather.decoded(source_block, good, receiver.blocks());
        fountain.extra.retain(|(of, ..)| fountain.gather.is_open(*of));
        self.decode(label, watch);
        self.events(label, watch);
    }

    /// The size of an object may be known now.
    pub(super) fn size_known(&mut self, label: Label, watch: &mut dyn Watch) {
        let Some(object) = self.objects.get_mut(label) else { return };
        if let (Some(receiver), Some(fountain)) = (&object.receiver, &mut object.fountain)
            && let Some(layout) = receiver.layout()
        {
            fountain.gather.end_stream(layout.blocks());
            self.decode(label, watch);
        }
    }
}
