//! Every mode that needs no allocator, between a sender and a receiver in the same memory, over a line that loses every
//! seventh packet: once, repeat, selective repeat (arq), and the source symbols of a fountain.
//!
//! It is linked without an allocator. With the feature `allocates` it makes one allocation and does not link: the proof that
//! the other build has none.

#![no_std]
#![no_main]

#[cfg(feature = "allocates")]
extern crate alloc;

use cortex_m_rt::entry;
use packhorse_buffer::Instant;
use packhorse_firmware::{PICTURE, report};
use packhorse_transfer::arq::Slot;
use packhorse_transfer::fountain::{Geometry, Shape};
use packhorse_transfer::{
    Ack, AckState, AckWriter, Bitmap, Layout, Meta, Receiver, Sender, SenderConfig, Transmit,
};

const BLOCK: u32 = 48;
/// Blocks under way in mode arq.
const WINDOW: usize = 32;
const LOST: u32 = 7;

type Receiving = Receiver<Bitmap<[u8; 96]>>;
type Sending = Sender<[Slot; WINDOW]>;

/// Sends all of it, and says which share of the blocks arrived. `answers`: what is missing is told.
fn run(mut sender: Sending, layout: Layout, loses: bool, answers: bool) -> Option<bool> {
    let meta = Meta {
        object_id: 1,
        block_size: BLOCK,
        size: Some(layout.size()),
        hash: Some([0; 32]),
        ..Meta::default()
    };
    let mut receiver = Receiving::new(&meta, Bitmap::new([0; 96]), Instant::ZERO).ok()?;
    let mut packets = 0_u32;
    let mut number_of_last = 0;
    while !sender.is_done() {
        match sender.poll_transmit(Instant::ZERO) {
            Some(transmit) => {
                packets += 1;
                sender.sent_as(Instant::ZERO, BLOCK, u64::from(packets));
                let Transmit::Block { number, len, .. } = transmit else {
                    continue;
                };
                if !(loses && packets % LOST == 0) {
                    number_of_last = packets;
                    let _ = receiver.handle_block(Instant::ZERO, number, usize::try_from(len).ok()?);
                }
            }
            None if answers => {
                let mut memory = [0; 128];
                let mut writer = AckWriter::new(&mut memory);
                let state = if receiver.missing() == 0 { AckState::Verified } else { AckState::Receiving };
                let missing = receiver
                    .missing_ranges()
                    .map(|range| (range.start, u16::try_from(range.len()).unwrap_or(u16::MAX)));
                writer.entry((0, state), false, layout.blocks(), missing);
                let ack = Ack { list: writer.finish(), ..Ack::default() };
                for entry in ack.entries() {
                    sender.handle_entry(&entry, u64::from(number_of_last), 0);
                }
                sender.ask();
            }
            None => return None,
        }
    }
    Some(receiver.missing() == 0)
}

fn modes() -> Option<[(&'static str, bool); 4]> {
    let layout = Layout::new(PICTURE.len() as u64, BLOCK).ok()?;
    let copies = u32::from(layout.blocks() > 0);
    let pass = |config: SenderConfig| Sending::passes(layout, config, true);
    let shape = Shape::for_blocks(BLOCK, Some(layout.size()));
    let geometry = Geometry::of(shape, layout).ok()?;
    let fountain = SenderConfig::fountain(Some(0));
    let arq = Sending::arq(layout, SenderConfig::arq(), [Slot::default(); WINDOW], true);
    Some([
        ("once", run(pass(SenderConfig::once()), layout, false, false)?),
        ("repeat", run(pass(SenderConfig::repeat(copies)), layout, true, false)?),
        ("fountain", run(Sending::fountain(layout, geometry, fountain, false), layout, false, false)?),
        ("arq", run(arq, layout, true, true)?),
    ])
}

#[entry]
fn main() -> ! {
    #[cfg(feature = "allocates")]
    core::hint::black_box(alloc::vec::Vec::<u8>::with_capacity(PICTURE.len()));
    let mut well = false;
    if let Some(modes) = modes() {
        well = modes.iter().all(|(_, arrived)| *arrived);
        for (name, arrived) in modes {
            report::number(name, u32::from(arrived));
        }
    }
    report::end(well)
}
