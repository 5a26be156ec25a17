//! An object goes round and round over a radio that loses packets and may send a hundredth of the time. In virtual time.

extern crate alloc;

use alloc::collections::VecDeque;
use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::time::Duration;

use packhorse_buffer::{Clock, Instant, PacketBuf};
use packhorse_embedded::inbound::Event;
use packhorse_embedded::radio::{DutyCycle, Radio, RadioSettings, RadioStats};
use packhorse_embedded::wire::Native;
use packhorse_embedded::{Inbound, Object, Outbound, Polled, Wire, hash_of};
use packhorse_link::{Boundaries, Transport, TransportError};
use packhorse_transfer::SenderConfig;

/// A frame of such a packet has 66 bytes.
const PACKET: usize = 63;

struct Hand(Cell<Instant>);

impl Clock for Hand {
    fn now(&self) -> Instant {
        self.0.get()
    }
}

/// What is on its way to the one who listens; every so many packets are lost.
struct Air {
    packets: RefCell<VecDeque<Vec<u8>>>,
    count: Cell<u64>,
    lost_of_100: u64,
}

impl Transport for &Air {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        1000
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        let count = self.count.get();
        self.count.set(count + 1);
        // Chance from a fixed seed (splitmix64).
        let mut chance = count.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        chance = (chance ^ chance >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        chance = (chance ^ chance >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        if (chance ^ chance >> 31) % 100 >= self.lost_of_100 {
            self.packets.borrow_mut().push_back(bytes.to_vec());
        }
        Ok(())
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        self.send(&pieces.concat())
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        let packet = self.packets.borrow_mut().pop_front().ok_or(TransportError::WouldBlock)?;
        into[..packet.len()].copy_from_slice(&packet);
        Ok(packet.len())
    }
}

/// How long it took until the object was there, and what the sending radio did.
fn cross(copies: u32, lost_of_100: u64, duty_cycle: Option<DutyCycle>) -> (Duration, RadioStats) {
    let bytes: Vec<u8> = (0..4000_u32).map(|n| (n * 7 + n / 251).to_le_bytes()[0]).collect();
    let clock = Hand(Cell::new(Instant::ZERO));
    let air = Air { packets: RefCell::default(), count: Cell::new(0), lost_of_100 };
    let settings = RadioSettings { duty_cycle, ..RadioSettings::FTAG };
    let (mut there, mut here) = (Radio::new(&air, &clock, settings), Radio::new(&air, &clock, settings));

    let mut source = &bytes[..];
    let hash = hash_of::<<Native as Wire>::Hash, _>(&mut source, 4000).expect("memory can be read");
    let mut outbound = Outbound::<Native, PACKET, 128>::new(SenderConfig::repeat(copies), 1);
    outbound.begin(Object { name: "picture", size: 4000, hash }).expect("few blocks");
    let mut memory = vec![0; 4096];
    let mut sink = &mut memory[..];
    let mut inbound = Inbound::<Native, 192, 160, 32>::new(4096);
    let mut frame = PacketBuf::new([0; 66]);
    let mut verified = false;
    while !verified {
        let polled = outbound.poll(clock.now(), &mut source, &mut frame).expect("everything fits");
        assert_eq!(polled, Polled::Frame, "everything was sent, and the object is not there");
        clock.0.set(there.ready_at(frame.len()).expect("short packets"));
        there.send(frame.as_slice()).expect("it is ready");
        while let Ok(len) = here.receive(inbound.spare()) {
            inbound.take(clock.now(), len, &mut sink, &mut |event| {
                verified |= matches!(event, Event::Verified { .. });
            });
        }
    }
    assert!(memory[..4000] == bytes);
    (clock.now().since(Instant::ZERO), *there.stats())
}

#[test]
fn copies_fill_what_a_radio_loses() {
    let (took, stats) = cross(20, 30, None);
    // Some 85 blocks, 32 ms in the air each, several times round.
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(40), "{took:?}, {stats:?}");
    assert_eq!(stats.missed, 0);
}

#[test]
fn an_object_crosses_a_radio_that_may_send_a_hundredth_of_the_time() {
    let window = Duration::from_secs(60);
    let (took, stats) = cross(20, 10, Some(DutyCycle { permille: 10, window }));
    // A hundredth of the time, and one window's share at once.
    assert!(stats.on_air <= (took + window) / 100, "{took:?}, {stats:?}");
    assert!(took > Duration::from_secs(200), "{took:?}, {stats:?}");
}
