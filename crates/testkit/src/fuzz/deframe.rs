//! Deframers, fed with any stream, cut anywhere.
//!
//! ```text
//!   input   | seed of the cuts | stream ... |
//! ```
//! Promises: the same packets however the stream is cut; a packet comes back as it was framed; a whole frame
//! behind any junk is found.

use packhorse_buffer::PacketBuf;
use packhorse_link::rugged::Code;
use packhorse_link::{Check, Cobs, Crc32c, FfStuffing, Framing, LengthPrefixed, Rugged, StreamBuf};

/// Longest packet that the framings here accept.
const PACKET_MAX: usize = 300;

/// Most bytes that any frame has beside its packet: the parity of the strongest rugged ones.
const OVERHEAD_MAX: usize = 2100;

/// Receive memory: several frames, so that nothing overflows and every packet must come out.
const MEMORY: usize = 8192;

/// Any stream through the deframer of `FF`/`FE` stuffing.
pub fn deframe_ff(data: &[u8]) {
    deframe(data, || FfStuffing::new(PACKET_MAX));
}

/// Any stream through the deframer of COBS.
pub fn deframe_cobs(data: &[u8]) {
    deframe(data, || Cobs::new(PACKET_MAX));
}

/// Any stream through the deframer of rugged frames.
pub fn deframe_rugged(data: &[u8]) {
    deframe(data, || Rugged::new(PACKET_MAX, Code::default()));
}

/// Any stream through the deframer of length-prefixed frames.
pub fn deframe_length_prefixed(data: &[u8]) {
    deframe(data, || LengthPrefixed::new(PACKET_MAX));
}

fn deframe<F: Framing>(data: &[u8], new: impl Fn() -> F) {
    let Some((&seed, stream)) = data.split_first() else {
        return;
    };
    let whole = packets(&mut new(), stream, MEMORY);
    assert_eq!(packets(&mut new(), stream, 1), whole, "byte by byte");
    assert_eq!(packets(&mut new(), stream, usize::from(seed) + 1), whole, "in pieces");

    // The stream as a packet. Framings differ in what an empty packet is, so it is never empty.
    let packet = &stream[..stream.len().min(PACKET_MAX)];
    if !packet.is_empty() {
        let alone = frame(&mut new(), packet);
        let back = packets_unchecked(&mut new(), &alone);
        assert_eq!(back, [packet], "a packet comes back");
    }

    // The stream as junk before a frame whose packet carries a check.
    let mut checked = PacketBuf::with_headroom([0_u8; 64], 0).expect("no headroom is asked for");
    checked.put_slice(b"found again \xFF\xFE\x00\x50\x48").expect("it fits");
    seal(&mut checked);
    let mut damaged = stream.to_vec();
    damaged.extend_from_slice(&frame(&mut new(), checked.as_slice()));
    // Where a length marks the end, a cut frame whose missing bytes are as many as all that follows looks whole. So
    // more follows than the longest frame can reach.
    damaged.resize(damaged.len() + PACKET_MAX + OVERHEAD_MAX, 0);
    let found = packets(&mut new(), &damaged, MEMORY);
    let sought = checked.as_slice();
    assert!(found.iter().any(|packet| packet == sought), "a whole frame behind junk is found");
}

/// All packets of a stream that arrives in pieces of `cut` bytes and then ends. Those whose check does not hold
/// are rejected, as a receiver would.
fn packets<F: Framing>(framing: &mut F, stream: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let mut memory = StreamBuf::new(vec![0xA5; MEMORY]);
    let mut found = Vec::new();
    for piece in stream.chunks(cut) {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = memory.extend(rest);
            assert!(taken > 0, "the memory is never full when the packets were taken out");
            rest = &rest[taken..];
            while let Some(packet) = memory.next(framing) {
                let packet = packet.to_vec();
                if holds(&packet) {
                    found.push(packet);
                } else {
                    memory.reject(framing);
                }
            }
        }
    }
    while let Some(packet) = memory.finish(framing) {
        let packet = packet.to_vec();
        if holds(&packet) {
            found.push(packet);
        } else {
            memory.reject(framing);
        }
    }
    assert_eq!(memory.pending(), 0, "nothing is left at the end of the stream");
    found
}

/// All packets, whether or not they carry a check.
fn packets_unchecked<F: Framing>(framing: &mut F, stream: &[u8]) -> Vec<Vec<u8>> {
    let mut memory = StreamBuf::new(vec![0xA5; MEMORY]);
    assert_eq!(memory.extend(stream), stream.len());
    let mut found = Vec::new();
    while let Some(packet) = memory.next(framing) {
        found.push(packet.to_vec());
    }
    found
}

fn frame<F: Framing>(framing: &mut F, packet: &[u8]) -> Vec<u8> {
    let mut out = vec![0xA5; framing.frame_len_max(packet.len())];
    let len = framing.enframe(packet, &mut out).expect("frame_len_max is always enough");
    out.truncate(len);
    out
}

fn seal(buf: &mut PacketBuf<[u8; 64]>) {
    use packhorse_buffer::Layer as _;
    Check::<Crc32c>::new().push((), buf).expect("there is room for the check");
}

fn holds(packet: &[u8]) -> bool {
    use packhorse_buffer::Layer as _;
    let mut buf = PacketBuf::filled(packet.to_vec());
    Check::<Crc32c>::new().pull(&mut buf).is_ok()
}
