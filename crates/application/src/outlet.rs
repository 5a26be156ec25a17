//! [`Outlet`]: where packets leave. Frames them, gathers what lies side by side, and writes as little often as possible.
//!
//! ```text
//!   packet transport        one send a packet, straight from the buffer it was made in
//!   frame header in place   headers pushed into the slab, neighbours joined, one gathering write a slab
//!   the same into a pipe    headers and checks written, large blocks lent by the file that they were read from
//!   stuffing                every packet encoded behind the last one into `out`: the only copy of the payload
//! ```

use core::ops::Range;
use std::fs::File;

use packhorse_buffer::{PacketBuf, Probe, Stage, Storage};
use packhorse_link::{Boundaries, Framing, Transport, TransportError};

use crate::LinkError;
use crate::slab::Slab;

/// Encoded bytes that are written at once, at the latest.
const FLUSH_AT: usize = 256 * 1024;
/// Pieces that one gathering write takes.
const GATHER: usize = 64;
/// Blocks below this are not lent: two calls more cost more than the copy that they save.
const LEND_FROM: usize = 16 * 1024;

/// A stretch of bytes to write.
#[derive(Clone, Debug)]
enum Piece {
    /// In the slab under way.
    Slab(Range<usize>),
    /// In `out`.
    Out(Range<usize>),
    /// In the lent file from this offset on, and the same bytes in the slab.
    File(u64, Range<usize>),
}

/// A block in the slab under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Its number.
    pub(crate) number: u32,
    /// Bytes from the start of the file.
    pub(crate) offset: u64,
    /// Where its slot begins in the slab's memory.
    pub(crate) slot: usize,
    /// Bytes of the block, and of the room in front of it in its slot.
    pub(crate) len: usize,
    pub(crate) room: usize,
}

pub(crate) struct Outlet<F, T, P> {
    framing: F,
    transport: T,
    out: Vec<u8>,
    pieces: Vec<Piece>,
    /// The file that the slab's blocks were read from, if its pages may be sent in their place.
    lent: Option<File>,
    /// The highest block in the slab under way that has a header and is not yet written.
    pending: Option<u32>,
    /// Bytes and packets handed to the transport or about to be.
    wire: u64,
    packets: u64,
    /// The same when the pacer was told last.
    paced: (u64, u64),
    pub(crate) framed: Stage<P>,
    pub(crate) written: Stage<P>,
}

impl<F: Framing, T: Transport, P: Probe + Default> Outlet<F, T, P>
where
    T::Error: core::fmt::Display,
{
    pub(crate) fn new(framing: F, transport: T) -> Self {
        Self {
            framing,
            transport,
            out: Vec::new(),
            pieces: Vec::new(),
            lent: None,
            pending: None,
            wire: 0,
            packets: 0,
            paced: (0, 0),
            framed: Stage::new("framing"),
            written: Stage::new("write"),
        }
    }

    /// Bytes on the wire so far, framing included.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.wire
    }

    /// Packets on the wire so far.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets and bytes since the last call.
    pub(crate) fn take_unpaced(&mut self) -> (u64, u64) {
        let (packets, wire) = core::mem::replace(&mut self.paced, (self.packets, self.wire));
        (self.packets - packets, self.wire - wire)
    }

    /// What is sent from here on goes there.
    pub(crate) fn answer_to(&mut self, source: u64) {
        self.transport.answer_to(source);
    }

    /// From here on blocks come from this file: large ones may be sent from there.
    pub(crate) fn lend(&mut self, file: Option<File>) {
        self.lent = file.filter(|_| F::IN_PLACE.is_some());
    }

    /// A packet that lies in the slab under way.
    pub(crate) fn packet_in_slab(
        &mut self,
        mut buf: PacketBuf<&mut [u8]>,
        block: Block,
    ) -> Result<(), LinkError> {
        if self.transport.boundaries() != Boundaries::Bytes || F::IN_PLACE.is_none() {
            return self.packet(&mut buf);
        }
        self.framing.frame_in_place(&mut buf)?;
        self.packets += 1;
        let whole = block.slot + buf.range().start..block.slot + buf.range().end;
        self.wire += whole.len() as u64;
        self.pending = Some(block.number);
        if self.lent.is_some() && block.len >= LEND_FROM {
            let body = block.slot + block.room..block.slot + block.room + block.len;
            self.slab_piece(whole.start..body.start);
            self.pieces.push(Piece::File(block.offset, body.clone()));
            self.slab_piece(body.end..whole.end);
        } else {
            self.slab_piece(whole);
        }
        Ok(())
    }

    fn slab_piece(&mut self, range: Range<usize>) {
        match self.pieces.last_mut() {
            Some(Piece::Slab(last)) if last.end == range.start => last.end = range.end,
            _ => self.pieces.push(Piece::Slab(range)),
        }
    }

    /// A packet that lies anywhere.
    pub(crate) fn packet<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), LinkError> {
        self.packets += 1;
        if self.transport.boundaries() == Boundaries::Packets {
            self.wire += buf.len() as u64;
            let transport = &mut self.transport;
            return self.written.time(|| patiently(|| transport.send(buf.as_slice())));
        }
        let mark = self.framed.start();
        let from = self.out.len();
        self.out.resize(from + self.framing.frame_len_max(buf.len()), 0);
        let len = self.framing.enframe(buf.as_slice(), &mut self.out[from..])?;
        self.out.truncate(from + len);
        self.framed.stop(mark);
        self.wire += len as u64;
        match self.pieces.last_mut() {
            Some(Piece::Out(last)) if last.end == from => last.end = from + len,
            _ => self.pieces.push(Piece::Out(from..from + len)),
        }
        Ok(())
    }

    /// Whether block `number` may still wait to be written, so that its memory must not be touched.
    pub(crate) fn holds_back(&self, number: u32) -> bool {
        self.pending.is_some_and(|pending| number <= pending)
    }

    /// Whether enough has gathered to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() >= FLUSH_AT || self.pieces.len() >= GATHER
    }

    /// Writes what has gathered; `slab` is the one under way.
    pub(crate) fn flush(&mut self, slab: Option<&Slab>) -> Result<(), LinkError> {
        if self.pieces.is_empty() {
            return Ok(());
        }
        let memory = slab.map_or(&[][..], Slab::memory);
        let transport = &mut self.transport;
        let mut slices: [&[u8]; GATHER] = [&[]; GATHER];
        let mut count = 0;
        for piece in &self.pieces {
            let slice = match piece {
                Piece::Slab(range) => memory.get(range.clone()).unwrap_or(&[]),
                Piece::Out(range) => &self.out[range.clone()],
                Piece::File(offset, range) => {
                    if let Some(file) = &self.lent {
                        let gathered = &slices[..core::mem::take(&mut count)];
                        self.written.time(|| patiently(|| transport.send_gather(gathered)))?;
                        let mut sent = 0;
                        self.written.time(|| {
                            patiently(|| {
                                sent = transport.send_file(file, *offset, range.len())?;
                                Ok(())
                            })
                        })?;
                        if sent == range.len() {
                            continue;
                        }
                        // The file became shorter, or cannot be lent: what was read of it is here.
                        self.lent = None;
                        memory.get(range.start + sent..range.end).unwrap_or(&[])
                    } else {
                        memory.get(range.clone()).unwrap_or(&[])
                    }
                }
            };
            slices[count] = slice;
            count += 1;
            if count == GATHER {
                count = 0;
                self.written.time(|| patiently(|| transport.send_gather(&slices)))?;
            }
        }
        if count > 0 {
            self.written.time(|| patiently(|| transport.send_gather(&slices[..count])))?;
        }
        self.pieces.clear();
        self.out.clear();
        self.pending = None;
        Ok(())
    }

    /// The transport, given back.
    #[cfg(test)]
    pub(crate) fn into_transport(self) -> T {
        self.transport
    }
}

/// Tries again, at short intervals, while the transport is not ready.
fn patiently<E: core::fmt::Display>(
    mut attempt: impl FnMut() -> Result<(), TransportError<E>>,
) -> Result<(), LinkError> {
    loop {
        match attempt() {
            Err(TransportError::WouldBlock) => std::thread::sleep(core::time::Duration::from_micros(50)),
            other => return other.map_err(LinkError::from_transport),
        }
    }
}
