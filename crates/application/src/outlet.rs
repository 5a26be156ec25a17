//! [`Outlet`]: where packets leave. Frames them, gathers what lies side by side, and writes as little often as possible.
//!
//! ```text
//!   packet transport        one send a packet, straight from the buffer it was made in
//!   frame header in place   headers pushed into the slab, neighbours joined, one gathering write a slab
//!   stuffing                every packet encoded behind the last one into `out`: the only copy of the payload
//! ```

use core::ops::Range;

use packhorse_buffer::{PacketBuf, Probe, Stage, Storage};
use packhorse_link::{Boundaries, Framing, Transport, TransportError};

use crate::slab::Slab;
use crate::LinkError;

/// Encoded bytes that are written at once, at the latest.
const FLUSH_AT: usize = 256 * 1024;
/// Pieces that one gathering write takes.
const GATHER: usize = 64;

/// A stretch of bytes to write.
#[derive(Clone, Debug)]
enum Piece {
    /// In the slab under way.
    Slab(Range<usize>),
    /// In `out`.
    Out(Range<usize>),
}

pub(crate) struct Outlet<F, T, P> {
    framing: F,
    transport: T,
    out: Vec<u8>,
    pieces: Vec<Piece>,
    /// The highest block in the slab under way that has a header and is not yet written.
    pending: Option<u32>,
    /// Bytes handed to the transport or about to be.
    wire: u64,
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
            pending: None,
            wire: 0,
            framed: Stage::new("framing"),
            written: Stage::new("write"),
        }
    }

    /// Bytes on the wire so far, framing included.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.wire
    }

    /// A packet that lies in the slab under way, whose slot begins at `start` of the slab's memory.
    pub(crate) fn packet_in_slab(
        &mut self,
        mut buf: PacketBuf<&mut [u8]>,
        start: usize,
        number: u32,
    ) -> Result<(), LinkError> {
        if self.transport.boundaries() == Boundaries::Bytes && F::IN_PLACE.is_some() {
            self.framing.frame_in_place(&mut buf)?;
            let range = start + buf.range().start..start + buf.range().end;
            self.wire += range.len() as u64;
            self.pending = Some(number);
            match self.pieces.last_mut() {
                Some(Piece::Slab(last)) if last.end == range.start => last.end = range.end,
                _ => self.pieces.push(Piece::Slab(range)),
            }
            return Ok(());
        }
        self.packet(&mut buf)
    }

    /// A packet that lies anywhere.
    pub(crate) fn packet<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), LinkError> {
        if self.transport.boundaries() == Boundaries::Packets {
            self.wire += buf.len() as u64;
            let transport = &mut self.transport;
            return self.written.time(|| patiently(|| transport.send(buf.as_slice())));
        }
        let mark = self.framed.start();
        let from = self.out.len();
        self.out.resize(from + F::frame_len_max(buf.len()), 0);
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
        for pieces in self.pieces.chunks(GATHER) {
            let mut slices: [&[u8]; GATHER] = [&[]; GATHER];
            for (slice, piece) in slices.iter_mut().zip(pieces) {
                *slice = match piece {
                    Piece::Slab(range) => memory.get(range.clone()).unwrap_or(&[]),
                    Piece::Out(range) => &self.out[range.clone()],
                };
            }
            let slices = &slices[..pieces.len()];
            self.written.time(|| patiently(|| transport.send_gather(slices)))?;
        }
        self.pieces.clear();
        self.out.clear();
        self.pending = None;
        Ok(())
    }

    /// The transport, given back.
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
