//! Pulling whole stacks off any packet.
//!
//! Few random packets pass a check of 32 bits, so each input is pulled twice: as it is, and with its check put
//! right, so that the layers above it see any bytes at all.
//!
//! Promises: no panic; what was pulled lies inside the packet, and pushing the same addresses around the same
//! payload gives the same bytes again (but for the sequence number, which the layer counts by itself).

use core::fmt::Debug;

use packhorse_buffer::{Layer, Over, PacketBuf};
use packhorse_link::{Check, Crc16SpiFujitsu, Crc32c, LengthCheck, LengthPrefixed};
use packhorse_packet::{Address, Arrival, Fragment, MessageLayer, Reassembler};
use packhorse_transfer::BlockHeader;

type Native =
    Over<packhorse_transfer::native::BlockLayer, Over<packhorse_packet::native::PacketLayer, Check<Crc32c>>>;
type Ftag = Over<
    packhorse_transfer::ftag::BlockLayer,
    Over<packhorse_packet::ftag::PacketLayer, LengthCheck<Crc16SpiFujitsu>>,
>;

type Rugged =
    Over<packhorse_transfer::rugged::BlockLayer, Over<packhorse_packet::rugged::PacketLayer, Check<Crc32c>>>;

/// Room around a packet, to push what was pulled.
const ROOM: usize = 32;

/// Any packet through the layers of the native stack, as a piece of a message, and as one frame.
pub fn pull_native(data: &[u8]) {
    frame(data);
    pull(native(), native(), data, 0..6);
    if let Some(sealed) = sealed(Check::<Crc32c>::new(), data) {
        pull(native(), native(), &sealed, 2..6);
        message(data);
    }
}

/// Any packet through the layers of the rugged stack.
pub fn pull_rugged(data: &[u8]) {
    pull(Rugged::default(), Rugged::default(), data, 0..3);
    if let Some(sealed) = sealed(Check::<Crc32c>::new(), data) {
        pull(Rugged::default(), Rugged::default(), &sealed, 1..3);
    }
}

/// Any packet through the layers of the ftag stack.
pub fn pull_ftag(data: &[u8]) {
    pull(ftag(), ftag(), data, 1..2);
    if let Some(sealed) = sealed(LengthCheck::<Crc16SpiFujitsu>::new(), data) {
        pull(ftag(), ftag(), &sealed, 1..2);
    }
}

fn native() -> Native {
    Native::default()
}

fn ftag() -> Ftag {
    Ftag::default()
}

/// The bytes with a check that holds, unless they are too many for it.
fn sealed<L: Layer<Tx = ()>>(mut check: L, data: &[u8]) -> Option<Vec<u8>> {
    let mut buf = PacketBuf::with_headroom(vec![0xA5; data.len() + 2 * ROOM], ROOM).ok()?;
    buf.put_slice(data).ok()?;
    check.push((), &mut buf).ok()?;
    Some(buf.as_slice().to_vec())
}

/// Pulls `packet` and pushes it again; the bytes at `sequence` may differ, and so may the check behind them.
fn pull<U, L>(mut up: Over<U, L>, mut down: Over<U, L>, packet: &[u8], sequence: core::ops::Range<usize>)
where
    U: Layer<Tx = BlockHeader, Rx = BlockHeader>,
    Over<U, L>: Layer<Tx = (BlockHeader, (Address, ())), Rx = (BlockHeader, (Arrival, ()))>,
    <Over<U, L> as Layer>::Error: Debug,
{
    let mut buf = PacketBuf::filled(packet.to_vec());
    let Ok((block, (arrival, ()))) = up.pull(&mut buf) else {
        return;
    };
    let payload = buf.as_slice().to_vec();
    let range = buf.range();
    let headers = range.start;
    assert!(headers <= <Over<U, L>>::HEADROOM, "no more was pulled than is ever pushed");
    assert!(packet.len() - range.end <= <Over<U, L>>::TAILROOM, "no more was trimmed than is ever put");

    let mut again =
        PacketBuf::with_headroom(vec![0xA5; payload.len() + 2 * ROOM], ROOM).expect("it is larger");
    again.put_slice(&payload).expect("there is room");
    down.push((block, (arrival.address, ())), &mut again).expect("what was pulled can be pushed");
    let again = again.as_slice();
    assert_eq!(again.len(), packet.len(), "as many bytes as before");
    for at in (0..range.end).filter(|at| !sequence.contains(at)) {
        assert_eq!(again.get(at), packet.get(at), "byte {at} of {packet:02x?}");
    }
}

/// The bytes as exactly one frame, and framed: a header is either refused or the one that would be pushed.
fn frame(data: &[u8]) {
    /// Longest packet; some inputs are longer.
    const PACKET_MAX: usize = 1000;
    let mut layer = LengthPrefixed::new(PACKET_MAX);
    let framed = |layer: &mut LengthPrefixed, packet: &[u8]| {
        let mut buf = PacketBuf::with_headroom(vec![0xA5; packet.len() + 2 * ROOM], ROOM).ok()?;
        buf.put_slice(packet).ok()?;
        layer.push((), &mut buf).ok()?;
        Some(buf.as_slice().to_vec())
    };
    let mut buf = PacketBuf::filled(data.to_vec());
    if layer.pull(&mut buf).is_ok() {
        assert_eq!(framed(&mut layer, buf.as_slice()).as_deref(), Some(data), "one header for one packet");
    }
    let Some(frame) = framed(&mut layer, data) else {
        assert!(data.len() > PACKET_MAX, "what fits is framed");
        return;
    };
    let mut buf = PacketBuf::filled(frame);
    assert_eq!(layer.pull(&mut buf), Ok(()), "what was framed is a frame");
    assert_eq!(buf.as_slice(), data, "and holds what was framed");
}

/// The bytes as pieces of messages: `| length of a piece | piece ... |` again and again.
fn message(data: &[u8]) {
    let mut reassembler = Reassembler::new([0xA5_u8; 512]);
    let mut rest = data;
    while let Some((&len, after)) = rest.split_first() {
        let (piece, after) = after.split_at(after.len().min(usize::from(len)));
        rest = after;
        let mut buf = PacketBuf::filled(piece.to_vec());
        let Ok(fragment) = MessageLayer.pull(&mut buf) else {
            continue;
        };
        assert_eq!(Fragment::from_word(fragment.to_word()), Ok(fragment), "a fragment word reads back");
        if let Ok(Some(message)) = reassembler.handle(fragment, buf.as_slice()) {
            // A message of one piece never touches the storage and may be longer.
            assert!(message.len() <= 512 || fragment.last == 0, "a message fits the storage");
        }
    }
}
