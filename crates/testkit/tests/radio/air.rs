//! [`Air`]: what radios share. Who sends is heard by all others when the packet has ended, unless chance takes it or another packet
//! was in the air meanwhile.

extern crate alloc;

use alloc::collections::VecDeque;
use core::cell::{Cell, RefCell};
use core::convert::Infallible;

use packhorse_buffer::{Clock, Instant};
use packhorse_embedded::radio::RadioSettings;
use packhorse_link::{Boundaries, Transport, TransportError};
use packhorse_testkit::simulation::Dice;

/// One frequency, in virtual time.
pub(crate) struct Air {
    now: Cell<Instant>,
    settings: RadioSettings,
    loss_ppm: u32,
    dice: RefCell<Dice>,
    /// Every packet that was sent, in order.
    sent: RefCell<Vec<OnAir>>,
    /// Packets that were lost because two were in the air.
    collided: Cell<u64>,
    /// For each station: packets on their way to it.
    coming: RefCell<Vec<Coming>>,
}

/// A packet in the air.
#[derive(Clone, Copy)]
pub(crate) struct OnAir {
    pub(crate) station: usize,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Air {
    pub(crate) fn new(settings: RadioSettings, stations: usize, loss_ppm: u32, dice: Dice) -> Self {
        Self {
            now: Cell::new(Instant::ZERO),
            settings,
            loss_ppm,
            dice: RefCell::new(dice),
            sent: RefCell::default(),
            collided: Cell::new(0),
            coming: RefCell::new(vec![VecDeque::new(); stations]),
        }
    }

    /// It is so late now; time never goes back.
    pub(crate) fn advance(&self, to: Instant) {
        self.now.set(self.now.get().max(to));
    }

    /// When the next packet has come to a station.
    pub(crate) fn next_at(&self, station: usize) -> Option<Instant> {
        self.coming.borrow()[station].front().map(|(packet, _)| packet.to)
    }

    pub(crate) fn sent(&self) -> Vec<OnAir> {
        self.sent.borrow().clone()
    }

    pub(crate) fn collided(&self) -> u64 {
        self.collided.get()
    }

    /// Whether another station sent at the same time.
    fn collides(&self, packet: OnAir) -> bool {
        let sent = self.sent.borrow();
        // No packet is longer than a second.
        let mut near = sent.iter().rev().take_while(|other| packet.from.since(other.from).as_secs() < 1);
        near.any(|other| other.station != packet.station && other.from < packet.to && packet.from < other.to)
    }
}

impl Clock for Air {
    fn now(&self) -> Instant {
        self.now.get()
    }
}

/// Packets on their way to a station.
type Coming = VecDeque<(OnAir, Vec<u8>)>;

/// A place from which to send and where to hear.
#[derive(Clone, Copy)]
pub(crate) struct Station<'a> {
    pub(crate) air: &'a Air,
    pub(crate) number: usize,
}

impl Transport for Station<'_> {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        1000
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        let Air { now, settings, loss_ppm, dice, sent, coming, .. } = self.air;
        let (from, to) = (now.get(), now.get() + settings.time_on_air(bytes.len()));
        let packet = OnAir { station: self.number, from, to };
        sent.borrow_mut().push(packet);
        for (number, station) in coming.borrow_mut().iter_mut().enumerate() {
            if number != self.number && !dice.borrow_mut().ppm(*loss_ppm) {
                station.push_back((packet, bytes.to_vec()));
            }
        }
        Ok(())
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        self.send(&pieces.concat())
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        loop {
            let mut coming = self.air.coming.borrow_mut();
            let queue = &mut coming[self.number];
            let Some((packet, bytes)) = queue.pop_front_if(|(packet, _)| packet.to <= self.air.now.get())
            else {
                return Err(TransportError::WouldBlock);
            };
            if !self.air.collides(packet) {
                into[..bytes.len()].copy_from_slice(&bytes);
                return Ok(bytes.len());
            }
            self.air.collided.set(self.air.collided.get() + 1);
        }
    }
}
