//! Writes the seeds of `fuzz/corpus`, small and meaningful, from golden streams and from our own layers.
//!
//! `cargo run -p packhorse-testkit --features fuzz --example seeds`. Seeds that the fuzzer found, and that were
//! kept by hand, stay; a seed written here is replaced when the format changes.

use std::path::Path;

use packhorse_buffer::{Layer as _, Over, PacketBuf};
use packhorse_link::rugged::Code;
use packhorse_link::{
    Check, Cobs, Crc16SpiFujitsu, Crc32c, FfStuffing, Framing, LengthCheck, LengthPrefixed, Rugged, StreamBuf,
};
use packhorse_packet::{Address, Channel, Fragment};
use packhorse_testkit::golden;
use packhorse_transfer::{
    BlockHeader, Compression, CompressionMethod, Control, ControlCodec, End, Meta, ObjectKind, SessionEnd,
    ftag, native, rugged, tag_of,
};

type Native = Over<native::BlockLayer, Over<packhorse_packet::native::PacketLayer, Check<Crc32c>>>;
type RuggedStack = Over<rugged::BlockLayer, Over<packhorse_packet::rugged::PacketLayer, Check<Crc32c>>>;
type Ftag = Over<ftag::BlockLayer, Over<packhorse_packet::ftag::PacketLayer, LengthCheck<Crc16SpiFujitsu>>>;

/// No seed is longer: the fuzzer grows them by itself.
const SEED_MAX: usize = 1500;

fn main() {
    for (name, messages) in [("control_native", native_messages()), ("control_ftag", ftag_messages())] {
        messages.iter().for_each(|(seed, bytes)| write(name, seed, bytes));
    }
    for (seed, packet) in &packets(RuggedStack::default()) {
        write("pull_rugged", seed, packet);
        write("pull_rugged", &format!("{seed}-bare"), &packet[..packet.len() - 4]);
    }
    let packets = packets(Native::default());
    for (seed, packet) in &packets {
        write("pull_native", seed, packet);
        // The layers above the check, which the target adds by itself.
        write("pull_native", &format!("{seed}-bare"), &packet[..packet.len() - 4]);
    }
    for (number, packet) in ftag_packets().iter().enumerate() {
        write("pull_ftag", &format!("hundred-{number}"), packet);
        write("pull_ftag", &format!("hundred-{number}-bare"), &packet[1..packet.len() - 2]);
    }
    for vector in golden::ftag() {
        stream("deframe_ff", vector.name, vector.stream);
    }
    let plain: Vec<Vec<u8>> = packets.into_iter().map(|(_, packet)| packet).collect();
    frames("deframe_ff", &mut FfStuffing::new(300), &plain);
    frames("deframe_cobs", &mut Cobs::new(300), &plain);
    frames("deframe_rugged", &mut Rugged::new(300, Code::default()), &plain);
    frames("deframe_length_prefixed", &mut LengthPrefixed::new(300), &plain);
    receiver();
    fountain();
    answers();
    sessions(&plain);
    uris();
    lz4();
}

fn lz4() {
    use packhorse_compress::frame::{BlockSize, Checksum, Descriptor, Dictionary};
    use packhorse_compress::{CompressOptions, block, compress_to_vec};
    let text = b"a packhorse carries any load over paths where no cart can go; a packhorse ".repeat(3);
    let options = CompressOptions { block_size: BlockSize::Kib64, ..CompressOptions::default() };
    let checked = CompressOptions {
        linked: true,
        block_checksum: true,
        content_checksum: true,
        content_size: Some(text.len() as u64),
        ..options.clone()
    };
    let known =
        CompressOptions { dictionary: Some(Dictionary::new(&text[..50]).with_id(7)), ..options.clone() };
    let [plain, checked, known] = [options, checked, known].map(|options| compress_to_vec(&text, &options));
    let mut coded = vec![0; block::max_len(text.len())];
    let len = block::compress_into(&text, &mut coded).expect("max_len is enough");
    coded.truncate(len);
    let length = u32::try_from(len).expect("it is short").to_le_bytes();
    let legacy = [b"\x02\x21\x4C\x18", &length[..], &coded].concat();
    let skippable = [b"\x5A\x2A\x4D\x18\x03\0\0\0abc", &plain[..], b"\x50\x2A\x4D\x18\0\0\0\0"].concat();
    let mut reserved = b"\x04\x22\x4D\x18\x62\x60\0".to_vec();
    reserved[6] = Checksum::of(&reserved[4..6]).to_le_bytes()[1];
    let mut header = [0; Descriptor::LONGEST];
    let header_len = Descriptor { linked: true, ..Descriptor::default() }.encode(&mut header);
    let empty = [&header[..header_len], b"\0\0\0\x80\x02\0\0\x80ab\0\0\0\0"].concat();
    let zero = [&header[..header_len], b"\x0A\0\0\0\x14a\0\0\x50\x01\x02\x03\x04\x05\0\0\0\0"].concat();
    let linked = Descriptor { linked: true, block_checksum: true, ..Descriptor::default() };
    let linked_len = linked.encode(&mut header);
    let right = Checksum::of(b"cd").to_le_bytes();
    let unchecked =
        [&header[..linked_len], b"\x02\0\0\x80ab\0\0\0\0\x02\0\0\x80cd", &right, &[0; 4]].concat();
    for (seed, bytes) in [
        ("linked-bad-checksum", &unchecked),
        ("two-frames", &[&plain[..], &checked].concat()),
        ("plain", &plain),
        ("checked", &checked),
        ("dictionary", &known),
        ("legacy", &legacy),
        ("skippable", &skippable),
        ("reserved-flag", &reserved),
        ("empty-stored-block", &empty),
        ("distance-0", &zero),
        ("no-end-mark", &plain[..plain.len() - 4].to_vec()),
        ("trailing", &[&plain[..], b"junk"].concat()),
    ] {
        write("lz4_decode", seed, bytes);
    }
    let options: [(&str, [u8; 3]); 5] = [
        ("plain", [0, 4, 0]),
        ("long-linked", [0b1111, 4, 0]),
        ("dictionary", [0b11_0000, 4, 4]),
        ("high-dictionary", [0b11_1011, 12, 9]),
        ("fast", [0b1, 0, 0]),
    ];
    for (seed, options) in options {
        write("lz4_round_trip", seed, &[&options[..], &text].concat());
    }
    for (seed, room) in [("exact", text.len()), ("small", 20), ("large", 60_000), ("none", 0)] {
        let room = u16::try_from(room).expect("it is small").to_le_bytes();
        write("lz4_block", seed, &[&room[..], &coded].concat());
    }
}

fn native_messages() -> Vec<(&'static str, Vec<u8>)> {
    let hash = [0x5A; 32];
    let file = Meta {
        object_id: 0x0102_0304_0506_0708,
        session: 9,
        index: 1,
        objects: 3,
        block_size: 1024,
        size: Some(34_710),
        hash: Some(hash),
        name: "photos/m\u{e4}rz.jpg".as_bytes(),
        mode: Some(0o644),
        mtime: Some((-1, 999_999_999)),
        ..Meta::default()
    };
    let folder = Meta { kind: ObjectKind::Folder, size: Some(0), hash: None, name: b"photos", ..file };
    let growing = Meta {
        kind: ObjectKind::Stream,
        block_size: 1,
        name: b"",
        mode: None,
        mtime: None,
        size: None,
        hash: None,
        ..file
    };
    let lz4 = Compression { method: CompressionMethod::Lz4, content: Some(34_710), growing: true };
    let compressed = Meta { compression: Some(lz4), size: None, hash: None, ..file };
    let end = End { object_id: file.object_id, size: file.size, hash: file.hash };
    encoded::<native::Codec>(&[
        ("file", Control::Meta(file)),
        ("folder", Control::Meta(folder)),
        ("stream", Control::Meta(growing)),
        ("compressed", Control::Meta(compressed)),
        ("end", Control::End(end)),
        ("session-end", Control::SessionEnd(SessionEnd { session: 9, objects: 3, heard: false })),
    ])
}

fn ftag_messages() -> Vec<(&'static str, Vec<u8>)> {
    let meta = |size, name| {
        let hash_kind = packhorse_transfer::HashKind::Sha256;
        Control::Meta(Meta {
            objects: 1,
            block_size: 50,
            size: Some(size),
            hash_kind,
            hash: Some([7; 32]),
            name,
            ..Meta::default()
        })
    };
    encoded::<ftag::Codec>(&[
        ("meta", meta(34_710, b"photo.jpg")),
        ("empty", meta(0, b"empty")),
        ("largest", meta(65_535 * 50, b"n")),
        ("end", Control::End(End::default())),
    ])
}

fn encoded<C: ControlCodec>(controls: &[(&'static str, Control<'_>)]) -> Vec<(&'static str, Vec<u8>)> {
    let encode = |control: &Control<'_>| {
        let mut buf = PacketBuf::new(vec![0; C::MESSAGE_MAX]);
        C::encode(control, &mut buf).expect("seeds can be encoded");
        buf.as_slice().to_vec()
    };
    controls.iter().map(|(name, control)| (*name, encode(control))).collect()
}

/// One data packet, one with every byte that framings care for, one empty, and a control message in pieces.
fn packets<S>(mut stack: S) -> Vec<(String, Vec<u8>)>
where
    S: packhorse_buffer::Layer<Tx = (BlockHeader, (Address, ()))>,
{
    let mut packet = |address: Address, block: BlockHeader, payload: &[u8]| {
        let mut buf = PacketBuf::with_headroom(vec![0; 600], 100).expect("there is room");
        buf.put_slice(payload).expect("there is room");
        stack.push((block, (address, ())), &mut buf).expect("there is room");
        buf.as_slice().to_vec()
    };
    let channel = Channel::new(1).expect("it has 15 bits");
    let tag = tag_of(0x0102_0304_0506_0708);
    let special: Vec<u8> = [0xFF, 0xFE, 0xFD, 0x00, 0x50, 0x48, 0x01].repeat(12);
    let mut packets = vec![
        ("data".to_owned(), packet(channel.data(), BlockHeader { tag, number: 7 }, b"a block of a file")),
        ("special".to_owned(), packet(channel.data(), BlockHeader { tag, number: u32::MAX }, &special)),
        ("empty".to_owned(), packet(channel.data(), BlockHeader { tag: 0, number: 0 }, b"")),
    ];
    let (_, message) = &native_messages()[0];
    for (index, piece) in message.chunks(message.len().div_ceil(2)).enumerate() {
        let index = u8::try_from(index).expect("there are two");
        let number = Fragment { message: 3, index, last: 1 }.to_word();
        packets
            .push((format!("piece-{index}"), packet(channel.control(), BlockHeader { tag, number }, piece)));
    }
    packets
}

/// The different packets of a golden stream: META, blocks, END.
fn ftag_packets() -> Vec<Vec<u8>> {
    let mut framing = FfStuffing::ftag();
    let mut memory = StreamBuf::new(vec![0; 1 << 16]);
    memory.extend(golden::ftag_named("hundred").stream);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut seen: Vec<(u8, u8)> = Vec::new();
    while let Some(packet) = memory.next(&mut framing) {
        let kind = (packet[2], packet[4]);
        let mut buf = PacketBuf::filled(packet.to_vec());
        assert!(Ftag::default().pull(&mut buf).is_ok(), "golden packets are whole");
        if !seen.contains(&kind) {
            seen.push(kind);
            packets.push(packet.to_vec());
        }
    }
    packets
}

fn frames<F: Framing>(target: &str, framing: &mut F, packets: &[Vec<u8>]) {
    let mut all = Vec::new();
    for packet in packets {
        let mut out = vec![0; framing.frame_len_max(packet.len())];
        let len = framing.enframe(packet, &mut out).expect("frame_len_max is always enough");
        all.extend_from_slice(&out[..len]);
    }
    stream(target, "frames", &all);
    let middle = all.len() / 3;
    let mut damaged = all.clone();
    damaged[middle] ^= 0x10;
    stream(target, "frames-damaged", &damaged);
    damaged.drain(4..9);
    stream(target, "frames-lost", &damaged);
    stream(target, "frames-cut", &all[..all.len() - 3]);
}

/// A seed of a deframer: how it is cut, then the stream.
fn stream(target: &str, seed: &str, bytes: &[u8]) {
    let mut input = vec![16];
    input.extend_from_slice(bytes);
    write(target, seed, &input);
}

/// Streams, and bodies each behind the four bytes that say how it is packed.
fn sessions(packets: &[Vec<u8>]) {
    write("session", "ftag-stream", golden::ftag_named("hundred").stream);
    let mut native = Vec::new();
    for packet in packets {
        let mut out = vec![0; LengthPrefixed::new(300).frame_len_max(packet.len())];
        let len = LengthPrefixed::new(300).enframe(packet, &mut out).expect("frame_len_max is always enough");
        native.extend_from_slice(&out[..len]);
    }
    write("session", "native-stream", &native);

    const CONTROL: u8 = 1;
    let body = |kind: u8, tag: u8, number: u8, body: &[u8]| {
        let len = u8::try_from(body.len()).expect("bodies of seeds are short");
        [&[kind, tag, number, len], body].concat()
    };
    let hash = Some([0x5A; 32]);
    let small = Meta {
        object_id: 8,
        session: 9,
        objects: 1,
        block_size: 4,
        size: Some(6),
        hash,
        name: b"a",
        ..Meta::default()
    };
    let messages = encoded::<native::Codec>(&[
        ("meta", Control::Meta(small)),
        ("growing", Control::Meta(Meta { size: None, hash: None, kind: ObjectKind::Stream, ..small })),
        ("end", Control::End(End { object_id: 8, size: Some(6), hash })),
        ("session-end", Control::SessionEnd(SessionEnd { session: 9, objects: 1, heard: false })),
    ]);
    let control = |at: usize| body(CONTROL, 8, 0, &messages[at].1);
    let blocks = [body(0, 8, 0, b"abcd"), body(0, 8, 1, b"ef")].concat();
    write("session", "native-bodies", &[control(0), blocks.clone(), control(2), control(3)].concat());
    write("session", "native-growing", &[control(1), blocks.clone(), control(2), control(3)].concat());
    let messages = ftag_messages();
    let control = |at: usize| body(CONTROL, 0, 0, &messages[at].1);
    write("session", "ftag-bodies", &[control(0), blocks, control(3)].concat());
    write("session", "ftag-empty", &[control(1), control(3)].concat());
}

/// Inputs of the structured target are drawn from plain bytes, so these are patterns.
fn receiver() {
    let zeroes = [0; 64];
    let counting: Vec<u8> = (0..=255).collect();
    let downward: Vec<u8> = counting.iter().rev().copied().collect();
    let mixed: Vec<u8> = counting.iter().map(|byte| byte.wrapping_mul(151).wrapping_add(29)).collect();
    for (seed, bytes) in
        [("zeroes", &zeroes[..]), ("counting", &counting), ("downward", &downward), ("mixed", &mixed)]
    {
        write("receiver", seed, bytes);
    }
}

/// A geometry, then blocks and repair symbols.
fn fountain() {
    let head = |symbols: u16, shape: [u8; 2], block: u16, size: u32| {
        [&symbols.to_be_bytes()[..], &shape, &block.to_be_bytes(), &size.to_be_bytes()].concat()
    };
    let step = |kind: u8, number: u32, byte: u8| {
        let [a, b, c, d] = number.to_be_bytes();
        [kind, a, b, c, d, byte]
    };
    let small = head(10, [2, 8], 16, 500);
    let blocks: Vec<u8> = (0..32).step_by(2).flat_map(|number| step(0, number, 0)).collect();
    let repairs: Vec<u8> = (0..40).flat_map(|at| step(1, at % 4, (at / 4).to_be_bytes()[3])).collect();
    let strange: Vec<u8> =
        [0, 1 << 8, 3 << 8 | 5, u32::MAX, 1 << 31].into_iter().flat_map(|n| step(2, n, 7)).collect();
    write("fountain", "half-and-repair", &[&small[..], &blocks, &repairs].concat());
    write("fountain", "repair-only", &[&small[..], &repairs].concat());
    write("fountain", "strange-numbers", &[&small[..], &strange, &repairs].concat());
    write("fountain", "wrong-lengths", &[&small[..], &step(5, 0, 3), &step(6, 9, 200), &blocks[..]].concat());
    write("fountain", "one-symbol", &[&head(1, [1, 1], 1, 1)[..], &step(2, 0, 1)].concat());
    write("fountain", "largest", &head(8192, [255, 24], u16::MAX, u32::MAX));
    write("fountain", "empty", &[&head(4, [1, 8], 16, 0)[..], &step(0, 0, 0), &step(1, 0, 0)].concat());
}

/// Answers of a receiver, as the second of three objects goes.
fn answers() {
    use packhorse_transfer::{Ack, AckState, AckWriter};
    type Entry<'a> = (u32, AckState, bool, u32, &'a [(u32, u16)]);
    let ack = |sequence: u32, packets: u32, entries: &[Entry<'_>]| {
        let mut list = [0; 150];
        let mut writer = AckWriter::new(&mut list);
        for (index, state, symbols, end, items) in entries {
            assert!(writer.entry((*index, *state), *symbols, *end, items.iter().copied()), "there is room");
        }
        let list = writer.finish();
        let ack =
            Ack { session: 9, receiver: 1, sequence, packets, bytes: packets * 30, list, ..Ack::default() };
        let (_, message) = &encoded::<native::Codec>(&[("ack", Control::Ack(ack))])[0];
        [&[0x81, u8::try_from(message.len()).expect("it is short")], &message[..]].concat()
    };
    use AckState::{Failed, Receiving, Refused, Verified, Whole};
    let missing = ack(20, 18, &[(0, Receiving, false, 20, &[(3, 2), (9, 1)])]);
    let symbols = ack(30, 25, &[(0, Receiving, true, 40, &[(0, 5)]), (1, Verified, false, 0, &[])]);
    let all = ack(
        60,
        60,
        &[(0, Verified, false, 44, &[]), (1, Verified, false, 0, &[]), (2, Verified, false, 1, &[])],
    );
    let strange = ack(u32::MAX, 0, &[(7, Whole, false, u32::MAX, &[(u32::MAX, u16::MAX)])]);
    let failed = ack(10, 10, &[(0, Failed, false, 0, &[]), (2, Refused, true, 0, &[])]);
    for (mode, name) in [(0, "arq"), (1, "fountain")] {
        let seed = |what: &str, answers: &[&[u8]]| {
            write("answers", &format!("{name}-{what}"), &[&[mode], &answers.concat()[..]].concat());
        };
        seed("goes-well", &[&missing, &symbols, &all]);
        seed("strange", &[&strange, &missing, &strange, &all]);
        seed("fails", &[&failed, &missing]);
        seed("backwards", &[&all, &symbols, &missing]);
    }
}

fn uris() {
    let texts = [
        ("pipe", "pipe:"),
        ("serial", "serial:/dev/ttyUSB0?baud=115200"),
        ("udp", "udp://ground.example:9000"),
        ("tcp6", "tcp://[2001:db8::1]:80"),
        ("unix", "unix:/run/packhorse%20link.sock"),
        ("memory", "memory://demo"),
        ("ipc", "ipc://a.b"),
        ("bad-port", "udp://host:65536"),
        ("bad-escape", "unix:%zz"),
    ];
    texts.iter().for_each(|(seed, text)| write("uri", seed, text.as_bytes()));
}

fn write(target: &str, seed: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    let bytes = &bytes[..bytes.len().min(SEED_MAX)];
    std::fs::write(folder.join(seed), bytes).expect("the corpus can be written");
}
