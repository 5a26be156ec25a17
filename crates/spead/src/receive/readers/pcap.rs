//! [`PcapReader`]: the UDP datagrams of a capture file, pcap or pcapng.
//!
//! Both formats and what a file is made of are parsed by a crate made for that; here is only what it means for a stream.
//! A datagram that the capture cut, or that IP cut in fragments, cannot be used and is counted. Of a file that ends in
//! the middle, everything before that is delivered. Which links are read: see [`frame`].

mod frame;

use core::net::SocketAddr;
use std::fs::File;
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

use frame::Content;
use packhorse_buffer::{FreshSlab, Slabs};
use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use super::super::{Batch, Reader, Reason, Stopper};

/// Holds the largest record that capture programs write (262,144 bytes) with its headers.
const RECORD: usize = 1 << 19;
/// Datagrams of so many bytes together are handed over at once.
const SLAB: usize = 1 << 18;
const SLABS: usize = 64;
/// Bytes of the file that are read at most to find them.
const PASSED: usize = 4 * SLAB;
/// The longest payload of a datagram.
const DATAGRAM: usize = 65_535;

/// Which datagrams are wanted, by where they were sent.
type Filter = Box<dyn FnMut(SocketAddr) -> bool + Send>;

/// Reads the datagrams of a capture.
pub struct PcapReader {
    blocks: Box<dyn PcapReaderIterator + Send>,
    /// Of the interfaces of the section; of pcap the only one.
    links: Vec<Linktype>,
    filter: Filter,
    slabs: Slabs,
    spare: Option<FreshSlab>,
    next: Option<FreshSlab>,
    /// Bytes of the file that this call has read.
    passed: usize,
    /// What the next call has to say, behind what was read before it.
    failed: Option<Error>,
}

impl PcapReader {
    /// Reads a capture file.
    ///
    /// # Errors
    /// What the system says, and `InvalidData` when the file is no capture.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    /// Reads a capture from anything that is `Read`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(source: impl Read + Send + 'static) -> io::Result<Self> {
        let blocks = create_reader(RECORD, source).map_err(|error| refused(&error))?;
        Ok(Self {
            blocks,
            links: Vec::new(),
            filter: Box::new(|_| true),
            slabs: Slabs::new(SLAB, SLABS),
            spare: None,
            next: None,
            passed: 0,
            failed: None,
        })
    }

    /// Only datagrams whose destination `wanted` wants; others are not counted.
    #[must_use]
    pub fn filter(mut self, wanted: impl FnMut(SocketAddr) -> bool + Send + 'static) -> Self {
        self.filter = Box::new(wanted);
        self
    }
}

/// What comes next in the file.
enum Next {
    /// A datagram, copied to so many bytes of the slab.
    Datagram(usize),
    /// A record that is not one that can be used.
    Dropped(Reason),
    /// Something that is of no interest.
    Other,
    End,
}

impl PcapReader {
    fn next(&mut self, into: &mut [u8]) -> io::Result<Next> {
        let (offset, next) = match self.blocks.next() {
            Ok((offset, block)) => {
                let frame = match &block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        if !frame::is_read(header.network) {
                            return Err(unsupported(header.network));
                        }
                        self.links = vec![header.network];
                        None
                    }
                    PcapBlockOwned::Legacy(record) => Some((0, record.data, record.origlen)),
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                        self.links.clear();
                        None
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        self.links.push(interface.linktype);
                        None
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(record)) => {
                        Some((record.if_id as usize, record.packet_data(), record.origlen))
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(record)) => {
                        Some((0, record.packet_data(), record.origlen))
                    }
                    PcapBlockOwned::NG(_) => None,
                };
                let next = frame.map_or(Next::Other, |(interface, frame, original)| {
                    let Some(link) = self.links.get(interface) else {
                        return Next::Dropped(Reason::UnsupportedLink);
                    };
                    match Content::of(*link, frame, original) {
                        Content::Datagram(to, _) | Content::Cut(to) if !(self.filter)(to) => Next::Other,
                        Content::Cut(_) => Next::Dropped(Reason::CutByCapture),
                        Content::Useless(reason) => Next::Dropped(reason),
                        Content::Datagram(_, payload) => match into.get_mut(..payload.len()) {
                            None => Next::Dropped(Reason::NotADatagram),
                            Some(into) => {
                                into.copy_from_slice(payload);
                                Next::Datagram(payload.len())
                            }
                        },
                    }
                });
                (offset, next)
            }
            Err(PcapError::Eof) => return Ok(Next::End),
            Err(PcapError::Incomplete(_)) => {
                self.blocks.refill().map_err(|error| refused(&error))?;
                return Ok(Next::Other);
            }
            Err(error) => return Err(refused(&error)),
        };
        self.blocks.consume(offset);
        self.passed += offset;
        Ok(next)
    }
}

impl Reader for PcapReader {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        for slab in batch.clear() {
            match slab.try_fresh() {
                Ok(fresh) => self.next = Some(fresh),
                Err(kept) => {
                    self.slabs.give(kept);
                    self.next = self.spare.take();
                }
            }
        }
        if let Some(spare) = self.spare.take() {
            self.slabs.give_back(spare);
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(mut slab) = self.next.take().or_else(|| self.slabs.take()) else {
            return Err(Error::from(ErrorKind::OutOfMemory));
        };
        let memory = slab.as_mut_slice();
        let (mut filled, mut ends, mut more) = (0, Vec::new(), true);
        // Also when nothing in the file is wanted, the stream hears of it now and then.
        self.passed = 0;
        while filled + DATAGRAM <= memory.len() && self.passed < PASSED {
            match self.next(memory.get_mut(filled..).unwrap_or_default()) {
                Ok(Next::Datagram(len)) => {
                    filled += len;
                    ends.push(filled);
                }
                Ok(Next::Dropped(reason)) => batch.dropped(reason),
                Ok(Next::Other) => {}
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
                Ok(Next::End) => {
                    more = false;
                    break;
                }
            }
        }
        self.spare = self.slabs.take();
        let number = batch.lend(slab.share(), self.spare.is_some());
        let mut start = 0;
        for end in ends {
            batch.packet(number, start..end);
            start = end;
        }
        Ok(more)
    }

    fn stopper(&self) -> Stopper {
        // A file is read to its end or until the stream no longer asks.
        Stopper::new(|| ())
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

impl core::fmt::Debug for PcapReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PcapReader {{ links {:?} }}", self.links)
    }
}

fn unsupported(link: Linktype) -> Error {
    let text = format!(
        "the capture is of link type {} ({link}), which is not read; Ethernet, Linux cooked (any), raw IP and BSD loopback are",
        link.0
    );
    Error::new(ErrorKind::Unsupported, text)
}

fn refused<I>(error: &PcapError<I>) -> Error {
    let said = match error {
        PcapError::ReadError => "the capture cannot be read",
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => {
            "the capture ends in the middle of a record; what is before that was read"
        }
        PcapError::HeaderNotRecognized | PcapError::Eof => "the file is no capture: neither pcap nor pcapng",
        PcapError::BufferTooSmall => "the capture has a record of more than 512 KiB",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "the capture is damaged",
    };
    Error::new(ErrorKind::InvalidData, said)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use packhorse_testkit::captures::pcap;
    use packhorse_testkit::golden;

    use super::*;
    use crate::receive::{DirectStream, RingOptions, StreamConfig};

    /// The same record again and again.
    struct Endless {
        record: Vec<u8>,
        at: usize,
    }

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let rest = &self.record[self.at % self.record.len()..];
            let len = rest.len().min(into.len());
            into[..len].copy_from_slice(&rest[..len]);
            self.at += len;
            Ok(len)
        }
    }

    fn ethernet(port: u16, payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9);
        let mut frame = Vec::new();
        builder.udp(1000, port).write(&mut frame, payload).unwrap();
        frame
    }

    fn heaps(reader: PcapReader) -> (Vec<u64>, crate::receive::Statistics) {
        let config = StreamConfig { stop_on_stop_item: false, ..StreamConfig::default() };
        let mut stream = DirectStream::new(reader, config, &RingOptions::default());
        let heaps = stream.by_ref().map(|heap| heap.unwrap().payload().len() as u64).collect();
        (heaps, stream.statistics())
    }

    #[test]
    fn datagrams_of_an_ethernet_capture_become_heaps() {
        let heap = golden::spead::named("heap2");
        let tcp = {
            let mut frame = Vec::new();
            let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9);
            builder.tcp(1, 2, 3, 4).write(&mut frame, heap).unwrap();
            frame
        };
        let frames = [ethernet(8888, heap), tcp, ethernet(9999, heap), ethernet(8888, heap)];
        let (all, stats) = heaps(PcapReader::new(io::Cursor::new(pcap(1, &frames))).unwrap());
        assert_eq!((all.len(), stats.dropped[Reason::NotADatagram]), (3, 1));
        let reader = PcapReader::new(io::Cursor::new(pcap(1, &frames))).unwrap();
        assert_eq!(heaps(reader.filter(|to| to.port() == 8888)).0, [16, 16]);
    }

    #[test]
    fn cooked_plain_and_loopback_captures_are_read_too() {
        let heap = golden::spead::named("heap2");
        let ip = ethernet(8888, heap)[14..].to_vec();
        let cooked = |arp: u8| [&[0, 0, 3, arp, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0][..], &ip].concat();
        let cooked2 = [&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &ip].concat();
        let null = [&[2, 0, 0, 0][..], &ip].concat();
        let big = [&[0, 0, 0, 2][..], &ip].concat();
        // 3 and 4: the loopback interface, as `tcpdump -i any` writes it, 772.
        let frames = [(113, cooked(1)), (113, cooked(4)), (276, cooked2), (101, ip), (0, null), (108, big)];
        for (link, frame) in frames {
            let reader = PcapReader::new(io::Cursor::new(pcap(link, &[frame]))).unwrap();
            assert_eq!(heaps(reader).0, [16], "{link}");
        }
    }

    #[test]
    fn a_frame_that_was_cut_counts_for_its_port_and_a_file_that_is_none_is_refused() {
        let mut file = pcap(1, &[ethernet(8888, golden::spead::named("heap2"))]);
        file[24 + 12] += 1;
        let reader = |port| {
            PcapReader::new(io::Cursor::new(file.clone())).unwrap().filter(move |to| to.port() == port)
        };
        let (all, stats) = heaps(reader(8888));
        assert_eq!((all.len(), stats.dropped[Reason::CutByCapture]), (0, 1));
        assert_eq!(heaps(reader(9999)).1.dropped.total(), 0);
        let error = PcapReader::new(&b"no capture at all, not one record"[..]).unwrap_err();
        assert!(error.to_string().contains("no capture"), "{error}");
    }

    #[test]
    fn a_filter_that_wants_nothing_does_not_keep_the_stream_from_stopping() {
        let one = pcap(1, &[ethernet(8888, golden::spead::named("heap2"))]);
        let records = Endless { record: one[24..].to_vec(), at: 0 };
        let mut reader = PcapReader::new(io::Cursor::new(one).chain(records)).unwrap().filter(|_| false);
        let mut batch = Batch::default();
        assert!((0..10).all(|_| reader.read(&mut batch).unwrap() && batch.is_empty()));
    }

    #[test]
    fn a_link_that_is_not_read_is_named() {
        let reader = PcapReader::new(io::Cursor::new(pcap(105, &[vec![0; 60]]))).unwrap();
        let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
        let error = stream.next_heap().unwrap_err().to_string();
        assert!(error.contains("105") && error.contains("Ethernet"), "{error}");
    }

    #[test]
    fn of_a_capture_cut_at_any_byte_everything_before_is_delivered() {
        let heap = golden::spead::named("heap2");
        let frame = ethernet(8888, heap);
        let file = pcap(1, &[frame.clone(), frame.clone()]);
        let record = 16 + frame.len();
        for len in 24..=file.len() {
            let reader = PcapReader::new(io::Cursor::new(file[..len].to_vec())).unwrap();
            let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
            let (mut heaps, mut failed) = (0, false);
            loop {
                match stream.next_heap() {
                    Ok(Some(_)) => heaps += 1,
                    Ok(None) => break,
                    Err(_) => failed = true,
                }
            }
            assert_eq!((heaps, failed), ((len - 24) / record, (len - 24) % record != 0), "{len}");
        }
    }
}
