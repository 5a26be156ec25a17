//! Sends one of everything: arrays of every numpy type, records, variable shapes, odd numbers of bits, immediates.
//!
//! ```text
//! every_item ADDRESS_BITS BUG_COMPAT PACKET even|full once|repeat udp|tcp|bytes [HOST:PORT]
//! ```
//! The step `peers` of `cargo xtask test` gives it to spead2 and compares every value; `bytes` writes the packets to
//! standard output. Array `n` of `len` elements has the bytes `(i * 31 + n) & 127`, unless its type forbids that.

use core::net::SocketAddr;
use std::io::{self, Write as _};

use packhorse_spead::descriptor::numpy::Dtype;
use packhorse_spead::send::writers::{Octets, Udp};
use packhorse_spead::send::{Order, Rate, Sender, StreamConfig, Writer};
use packhorse_spead::{BugCompat, Descriptor, Dimension, Flavour, Format, Heap, ItemGroup, Select, Split};

type Failure = Box<dyn core::error::Error>;

/// Types as numpy writes them, in both byte orders.
const TYPES: [&str; 21] = [
    "|i1",
    "<i2",
    ">i2",
    "<i4",
    ">i4",
    "<i8",
    ">i8",
    "|u1",
    "<u2",
    ">u2",
    "<u4",
    ">u8",
    "<f2",
    "<f4",
    ">f8",
    "<c8",
    ">c16",
    "|b1",
    "|S5",
    "<U3",
    "[('a', '<i4'), ('b', '>f8', (2,)), ('f2', '|V2'), ('c', [('x', '|u1'), ('y', '<u2')])]",
];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bits, mask, packet, split, repeat, transport, to @ ..] = &args[..] else {
        return Err("see the first lines of this example for what it wants".into());
    };
    let bug_compat = BugCompat::from_bits(mask.parse()?).ok_or("no such mistake")?;
    let flavour = Flavour::new(bits.parse()?)?.with_bug_compat(bug_compat);
    let config = StreamConfig {
        packet_size: packet.parse()?,
        split: if split == "full" { Split::Full } else { Split::Even },
        // So that nothing is lost on the way to a slow receiver.
        rate: Rate::new(50e6).ok().filter(|_| transport == "udp"),
        ..StreamConfig::default()
    };
    let address = || to.first().ok_or("where to?")?.parse::<SocketAddr>().map_err(Failure::from);
    let writer: Box<dyn Writer> = match transport.as_str() {
        "udp" => Box::new(Udp::new(address()?)?),
        "tcp" => Box::new(Octets::connect(address()?)?),
        _ => Box::new(Octets::new(io::stdout())),
    };
    let mut sender = Sender::new(writer, &config);
    let mut send = |heap: &mut Heap| -> Result<(), Failure> {
        let mut heap = config.prebuild(heap.repeat_pointers(repeat == "repeat"))?;
        sender.send_all(core::slice::from_mut(&mut heap), Order::Serial)?;
        Ok(())
    };
    // A heap an item where addresses are short; elsewhere all items are in one.
    let mut one = |descriptor: Descriptor, value: Value| -> Result<(), Failure> {
        let mut group = ItemGroup::new(flavour);
        let id = group.add(descriptor);
        match value {
            Value::Immediate(value) => group.set_immediate(id, value)?,
            Value::Bytes(bytes) => group.set(id, bytes)?,
        }
        send(&mut group.get_heap(Select::Stale, Select::Stale)?)
    };
    let narrow = flavour.address_bits() < 16;
    let len = if narrow { 2 } else { 100 };
    let mut id = 0x10;
    let mut next = || {
        id += 1;
        id
    };
    for (number, text) in TYPES.iter().enumerate() {
        let dtype: Dtype = text.parse()?;
        let size = dtype.item_size().ok_or("too large")?;
        // A record's description is longer than what 8 bits can address.
        if narrow && (text.len() > 5 || len * size > 40) {
            next();
            continue;
        }
        let bytes = bytes_of(number, len * size, text);
        one(
            Descriptor::with_dtype(next(), format!("t{number}"), "", dtype, &[len as u64]),
            Value::Bytes(bytes),
        )?;
    }
    let most = flavour.address_bits().min(40);
    one(Descriptor::with_format(next(), "imm", "", [Format::unsigned(most)]), Value::Immediate(0x12))?;
    one(Descriptor::with_format(next(), "neg", "", [Format::signed(8)]), Value::Immediate(0xfe))?;
    let text = Descriptor::with_format(next(), "text", "", ["c8".parse()?]).shaped([Dimension::Variable]);
    one(text, Value::Bytes(b"ok".to_vec()))?;
    let rows = Descriptor::with_format(next(), "rows", "", [Format::unsigned(16)]);
    let rows = rows.shaped([Dimension::Variable, Dimension::Fixed(2)]);
    one(rows, Value::Bytes((0..24).collect()))?;
    let odd =
        Descriptor::with_format(next(), "odd", "", [Format::unsigned(12)]).shaped([Dimension::Fixed(3)]);
    one(odd, Value::Bytes(vec![0xab, 0xc1, 0x23, 0x45, 0x60]))?;
    send(&mut Heap::stop(flavour))?;
    drop(sender);
    io::stdout().flush()?;
    Ok(())
}

enum Value {
    Immediate(u64),
    Bytes(Vec<u8>),
}

/// The value of array `number`: a rule that the other side knows too.
fn bytes_of(number: usize, len: usize, text: &str) -> Vec<u8> {
    let byte = |i: usize| u8::try_from((i * 31 + number) & 127).unwrap_or_default();
    match text {
        // Truth is 0 or 1; a letter of UCS-4 is one byte and three zeroes.
        "|b1" => (0..len).map(|i| byte(i) & 1).collect(),
        "<U3" => (0..len).map(|i| if i % 4 == 0 { byte(i) | 32 } else { 0 }).collect(),
        _ => (0..len).map(byte).collect(),
    }
}
