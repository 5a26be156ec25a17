//! SPEAD as it arrives: packets, heaps whose packets come in any order, descriptors.

use packhorse::spead::receive::readers::{Malformed, StreamReader};
use packhorse::spead::receive::{DirectStream, Heap, Packet, RingOptions, StreamConfig};
use packhorse::spead::wire::{Pointer, Prefix, id};
use packhorse::spead::{BugCompat, Descriptor, Flavour};

/// No heap of these targets may become longer, whatever the packets say.
pub(super) const LONGEST: usize = 4096;

/// Any bytes as a packet: what is accepted lies within them and is accepted again.
pub fn spead_packet(data: &[u8]) {
    let Ok((packet, behind)) = Packet::parse_first(data) else { return };
    assert_eq!(packet.len() + behind.len(), data.len());
    let own = &data[..packet.len()];
    let again = Packet::parse(own).expect("a packet without what follows it is one");
    assert_eq!(again.payload(), packet.payload());
    assert_eq!(Packet::parse(data).is_ok(), behind.is_empty());
    assert!(
        packet
            .heap_length()
            .is_none_or(|length| { packet.payload_offset() + packet.payload().len() as u64 <= length })
    );
    // Cut anywhere, it is none.
    for len in 0..packet.len().min(200) {
        assert!(Packet::parse(&own[..len]).is_err());
    }
}

/// The first byte chooses the stream's rules; the others are a stream of bytes, or orders for well-formed packets.
pub fn spead_heaps(data: &[u8]) {
    let Some((rules, rest)) = data.split_first() else { return };
    let flag = |bit: u32| rules >> bit & 1 == 1;
    let config = StreamConfig {
        max_heaps: 1 + usize::from(rules & 3),
        substreams: 1 + usize::from(flag(2)),
        out_of_order: flag(3),
        unsized_heaps: flag(4),
        stop_on_stop_item: flag(5),
        max_heap_length: LONGEST,
        max_memory: 3 * LONGEST,
        max_items: 200,
        ..StreamConfig::default()
    };
    let stops = config.stop_on_stop_item;
    let options = RingOptions { incomplete: flag(6), ranges: flag(6), ..RingOptions::default() };
    let ordered = flag(7);
    let bytes = if ordered { packets(rest) } else { rest.to_vec() };
    let reader = StreamReader::with_max_packet(&bytes[..], Malformed::Skip, 2048);
    let mut stream = DirectStream::new(reader, config, &options);
    let mut whole = 0;
    while let Some(heap) = stream.next_heap().expect("memory can be read") {
        check(&heap, ordered);
        assert!(!(stops && heap.is_stop()), "a stop heap is never delivered");
        whole += u64::from(heap.is_complete());
    }
    let stats = stream.statistics();
    assert!(stats.heaps >= whole && stats.dropped.total() <= stats.packets);
}

pub(super) fn check(heap: &Heap, ordered: bool) {
    let payload = heap.payload();
    assert!(heap.received() <= LONGEST as u64 && payload.len() <= LONGEST);
    for item in heap.items() {
        assert!(item.immediate.is_some() || !item.bytes.is_empty());
        assert!(item.immediate.is_none() || item.bytes.len() == heap.flavour().address_bytes());
    }
    let _ = heap.descriptors().count();
    let mut arrived = 0;
    for range in heap.ranges() {
        assert!(range.start < range.end && arrived <= range.start);
        arrived = range.end;
    }
    if !ordered {
        return;
    }
    let holds = |at: usize| payload[at] == byte(heap.cnt(), at);
    if heap.is_complete() {
        assert!((0..payload.len()).all(holds));
    }
    for range in heap.ranges() {
        let range = range.start..range.end.min(payload.len() as u64);
        assert!(range.map(|at| usize::try_from(at).expect("short")).all(holds));
    }
}

/// Byte `at` of heap `cnt`, in every packet that has it.
pub(super) fn byte(cnt: u64, at: usize) -> u8 {
    cnt.wrapping_mul(53).wrapping_add(at as u64 * 7 % 251).to_le_bytes()[0]
}

/// Four bytes order a packet: heap and flags, length of the heap, offset, length of the payload.
pub(super) fn packets(orders: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for order in orders.chunks_exact(4) {
        let &[what, length, offset, len] = order else { continue };
        let cnt = u64::from(what & 15);
        // Most heaps have one length, so that their packets fit together.
        let length = if length < 200 { 8 * (cnt + 2) } else { u64::from(length) * 40 };
        let offset = u64::from(offset) % (length + 1);
        let len = u64::from(len).min(length - offset);
        let flavour = if what & 16 == 0 { Flavour::SPEAD_64_40 } else { Flavour::SPEAD_64_48 };
        let mut pointers = vec![
            Pointer::immediate(id::HEAP_CNT, cnt),
            Pointer::immediate(id::PAYLOAD_OFFSET, offset),
            Pointer::immediate(id::PAYLOAD_LENGTH, len),
            Pointer::address(0x1000 + offset, offset),
        ];
        if what & 32 == 0 {
            pointers.push(Pointer::immediate(id::HEAP_LENGTH, length));
        }
        if what & 192 == 192 {
            pointers.push(Pointer::immediate(id::STREAM_CTRL, u64::from(what & 3)));
        }
        let count = u16::try_from(pointers.len()).expect("few");
        bytes.extend(prefix(flavour, count));
        bytes.extend(pointers.iter().flat_map(|pointer| pointer.to_word(flavour).to_be_bytes()));
        let at = |at: u64| byte(cnt, usize::try_from(at).expect("short"));
        bytes.extend((offset..offset + len).map(at));
    }
    bytes
}

fn prefix(flavour: Flavour, pointers: u16) -> [u8; Prefix::LEN] {
    let widths =
        [flavour.id_bytes(), flavour.address_bytes()].map(|width| u8::try_from(width).expect("below 8"));
    let count = pointers.to_be_bytes();
    [0x53, 4, widths[0], widths[1], 0, 0, count[0], count[1]]
}

/// Any bytes as a descriptor: what is understood can be sent, and is understood the same.
pub fn spead_descriptor(data: &[u8]) {
    for bits in 0..8 {
        let Some(bug_compat) = BugCompat::from_bits(bits) else { continue };
        let Ok(descriptor) = Descriptor::decode(data, bug_compat) else { continue };
        let _ = (descriptor.element_bits(), descriptor.dimensions(data.len() as u64), descriptor.fixed_len());
        let flavour = Flavour::SPEAD_64_48.with_bug_compat(bug_compat);
        if let Ok(encoded) = descriptor.encode(flavour) {
            assert_eq!(Descriptor::decode(&encoded, bug_compat).as_ref(), Ok(&descriptor), "{bug_compat:?}");
        }
    }
}
