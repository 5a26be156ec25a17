//! Whole files over radios, in virtual time: 35 kB in packets of 66 bytes, through the real sessions and stacks, with time on air,
//! half-duplex turnaround, collisions, loss and a duty cycle; by fountain, and round and round for whoever comes late.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod air;

use core::time::Duration;
use std::io;

use air::{Air, Station};
use packhorse::application::integrity::Hasher;
use packhorse::application::{
    Growth, MemoryStore, ObjectSource, Offer, Profile, ReceiveSession, SendPlan, SendSession, Unwatched,
};
use packhorse::{Native, Rugged};
use packhorse_buffer::{Clock as _, Instant, Layer};
use packhorse_embedded::radio::{DutyCycle, Radio, RadioSettings};
use packhorse_link::Transport as _;
use packhorse_packet::Channel;
use packhorse_testkit::patterns;
use packhorse_testkit::simulation::Dice;
use packhorse_transfer::{ControlCodec as _, ObjectKind, SenderConfig};

const SIZE: usize = 35_000;
const NAME: &str = "picture.raw";
/// Nothing here takes longer.
const FOREVER: Instant = Instant::from_millis(30 * 24 * 3_600_000);

/// What is sent.
struct Picture(Vec<u8>);

impl ObjectSource for Picture {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        into.copy_from_slice(&self.0[at..at + into.len()]);
        Ok(())
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        Ok(None)
    }

    fn grow(&mut self, _keep: u64) -> io::Result<Growth> {
        Ok(Growth { available: self.0.len() as u64, whole: true })
    }
}

/// One who listens, and says a few words of its own now and then, whoever else may be sending.
struct Listener<'a, P: Profile> {
    radio: Radio<Station<'a>, &'a Air>,
    session: ReceiveSession<P>,
    store: MemoryStore,
    /// It is switched on at this time.
    from: Instant,
    beacon: SendSession<P, Picture>,
    beacon_at: Instant,
    /// When it had the file.
    done: Option<Instant>,
}

/// A radio link to try.
#[derive(Clone, Copy)]
struct Trial {
    seed: u64,
    config: SenderConfig,
    loss_ppm: u32,
    duty_cycle: Option<DutyCycle>,
    /// When each listener is switched on.
    listeners: &'static [Duration],
}

/// What came of it.
struct Came {
    /// When each listener had the file.
    done: Vec<Option<Duration>>,
    /// Packets of the sender.
    sent: u64,
    /// Packets that met another one in the air, or somebody who was turning around.
    lost_to_turns: u64,
    /// Beacons that the sender heard.
    heard: u64,
}

fn plan<P: Profile>(config: SenderConfig, session: u64) -> SendPlan {
    let block = RadioSettings::FTAG.mtu - <P::Stack as Layer>::HEADROOM - <P::Stack as Layer>::TAILROOM;
    SendPlan {
        config,
        block: u32::try_from(block).unwrap(),
        answers: false,
        session,
        objects: 1,
        patience: Duration::from_secs(1),
        loss: None,
        fit: None,
    }
}

impl<'a, P: Profile> Listener<'a, P> {
    fn new(air: &'a Air, number: usize, settings: RadioSettings, from: Instant) -> Self {
        Self {
            radio: Radio::new(Station { air, number }, air, settings),
            session: ReceiveSession::new(from, None),
            store: MemoryStore::default(),
            from,
            beacon: SendSession::new(plan::<P>(SenderConfig::once(), number as u64)),
            beacon_at: from + Duration::from_millis(3_700) * u32::try_from(number).unwrap(),
            done: None,
        }
    }

    /// Takes what has come; says its own when that is due.
    fn turn(&mut self, now: Instant) {
        let mut packet = [0; 100];
        while let Ok(len) = self.radio.receive(&mut packet) {
            if now < self.from || self.done.is_some() {
                continue;
            }
            let packet = &mut packet[..len];
            self.session.handle_packet(now, 0, packet, 0, &mut Unwatched);
            self.store.carry_out(&mut self.session, packet, now, &mut Unwatched);
        }
        if self.store.files().contains_key(NAME) {
            self.done.get_or_insert(now);
        }
        if now >= self.beacon_at && self.radio.ready_at(40).is_some_and(|at| at <= now) {
            self.beacon_at = now + Duration::from_secs(11);
            self.beacon.message(Channel::TELEMETRY, b"21.5 degrees, 3.1 V").unwrap();
            let mut memory = Vec::new();
            let packet = self.beacon.poll_transmit(now, &mut memory, 0).unwrap().unwrap();
            self.radio.send(packet.as_slice()).unwrap();
        }
    }

    fn next_at(&self, air: &Air, number: usize) -> Instant {
        let beacon = self.beacon_at.max(self.radio.ready_at(40).unwrap());
        air.next_at(number).map_or(beacon, |at| at.min(beacon))
    }
}

fn cross<P: Profile>(trial: Trial) -> Came {
    let settings = RadioSettings { duty_cycle: trial.duty_cycle, ..RadioSettings::FTAG };
    let stations = 1 + trial.listeners.len();
    let air = Air::new(settings, stations, trial.loss_ppm, Dice::new(trial.seed));
    let picture = patterns::random(trial.seed, SIZE);
    let mut sender = SendSession::<P, Picture>::new(plan::<P>(trial.config, trial.seed + 1));
    let mut hasher = Hasher::new(P::Codec::HASH);
    hasher.update(&picture);
    let offer = Offer {
        name: NAME.to_owned(),
        kind: ObjectKind::File,
        size: Some(SIZE as u64),
        compression: None,
        hash: Some(hasher.finish()),
        mode: None,
        modified: None,
        source: Picture(picture.clone()),
    };
    sender.offer(Instant::ZERO, offer).unwrap();
    sender.finish();
    let mut radio = Radio::new(Station { air: &air, number: 0 }, &air, settings);
    let mut listeners: Vec<Listener<'_, P>> = (1..)
        .zip(trial.listeners)
        .map(|(number, from)| Listener::new(&air, number, settings, Instant::ZERO + *from))
        .collect();
    let (mut memory, mut into) = (Vec::new(), [0; 100]);
    let mut heard = 0;
    // The last packets are still in the air when the sender is done.
    let mut last = None;
    loop {
        let now = air.now();
        assert!(now < FOREVER, "seed {}: it does not end", trial.seed);
        while radio.receive(&mut into).is_ok() {
            heard += 1;
        }
        listeners.iter_mut().for_each(|listener| listener.turn(now));
        let ready = radio.ready_at(settings.mtu).unwrap();
        if ready <= now
            && let Some(packet) = sender.poll_transmit(now, &mut memory, 0).unwrap()
        {
            assert!(packet.len() <= settings.mtu, "{} bytes", packet.len());
            radio.send(packet.as_slice()).unwrap();
            sender.sent(now, u32::try_from(packet.len()).unwrap());
        } else if ready <= now && sender.is_done() {
            last.get_or_insert(now + Duration::from_secs(1));
        }
        if listeners.iter().all(|listener| listener.done.is_some()) || last.is_some_and(|last| last <= now) {
            break;
        }
        let own = if ready > now { ready } else { now + Duration::from_millis(100) };
        let theirs = (1..).zip(&listeners).map(|(number, listener)| listener.next_at(&air, number)).min();
        air.advance(
            own.min(theirs.unwrap()).min(air.next_at(0).unwrap_or(own)).max(now + Duration::from_micros(1)),
        );
    }
    assert_no_more_than(&air, settings, stations, trial.seed);
    for listener in &listeners {
        assert!(listener.store.files().values().all(|file| *file == picture), "seed {}", trial.seed);
    }
    let missed: u64 = listeners.iter().map(|listener| listener.radio.stats().missed).sum();
    Came {
        done: listeners.iter().map(|listener| Some(listener.done?.since(Instant::ZERO))).collect(),
        sent: radio.stats().sent,
        lost_to_turns: air.collided() + radio.stats().missed + missed,
        heard,
    }
}

/// What every station was allowed, by what was in the air and not by what the radio counted: a window that ends with a packet is
/// the fullest of those around it.
fn assert_no_more_than(air: &Air, settings: RadioSettings, stations: usize, seed: u64) {
    let sent = air.sent();
    for station in 0..stations {
        let own: Vec<_> = sent.iter().filter(|packet| packet.station == station).collect();
        for pair in own.windows(2) {
            assert!(pair[0].to <= pair[1].from, "seed {seed}: station {station} sends two packets at a time");
        }
        let Some(duty) = settings.duty_cycle else { continue };
        let most = duty.window * u32::from(duty.permille) / 1000;
        let (mut on_air, mut oldest) = (Duration::ZERO, 0);
        for packet in &own {
            on_air += packet.to - packet.from;
            while packet.to.since(own[oldest].to) >= duty.window {
                on_air -= own[oldest].to - own[oldest].from;
                oldest += 1;
            }
            // The oldest one may reach into the window.
            let before = packet.to.since(own[oldest].from).saturating_sub(duty.window);
            assert!(on_air - before <= most, "seed {seed}: station {station}: {on_air:?} in a window");
        }
    }
}

const TENTH: DutyCycle = DutyCycle { permille: 100, window: Duration::from_secs(60) };
const HUNDREDTH: DutyCycle = DutyCycle { permille: 10, window: Duration::from_secs(3600) };

fn fountain<P: Profile>(seeds: u64) {
    let (mut lost_to_turns, mut heard) = (0, 0);
    for seed in 0..seeds {
        let trial = Trial {
            seed,
            config: SenderConfig::fountain(Some(70)),
            loss_ppm: 100_000 + 10_000 * u32::try_from(seed % 16).unwrap(),
            duty_cycle: [None, Some(TENTH), Some(HUNDREDTH)][usize::try_from(seed % 3).unwrap()],
            listeners: &[Duration::ZERO],
        };
        let came = cross::<P>(trial);
        let took = came.done[0].unwrap_or_else(|| panic!("seed {seed}: the picture has not come"));
        lost_to_turns += came.lost_to_turns;
        heard += came.heard;
        let least = match seed % 3 {
            0 => Duration::from_secs(20),
            1 => Duration::from_secs(200),
            // What an hour allows goes at once.
            _ => Duration::from_secs(20),
        };
        assert!(took >= least, "seed {seed}: {took:?} for {} packets", came.sent);
    }
    // Both sides say something, and neither hears while it does.
    assert!(lost_to_turns > 0 && heard > 0, "{lost_to_turns} not heard by who was sending, {heard} heard");
}

#[test]
fn a_picture_crosses_radios_by_fountain_whatever_gets_lost() {
    fountain::<Native>(96);
    fountain::<Rugged>(24);
}

const LATER: [Duration; 3] = [Duration::ZERO, Duration::from_secs(13), Duration::from_secs(700)];

fn carousel<P: Profile>(seeds: u64) {
    for seed in 0..seeds {
        let trial = Trial {
            seed,
            config: SenderConfig::fountain(None),
            loss_ppm: 50_000 + 25_000 * u32::try_from(seed % 16).unwrap(),
            duty_cycle: [None, Some(TENTH), Some(HUNDREDTH)][usize::try_from(seed % 3).unwrap()],
            // One is there from the start, one comes in the first pass, one when both may be gone.
            listeners: &LATER,
        };
        let came = cross::<P>(trial);
        let done: Vec<Duration> = came.done.iter().map(|done| done.unwrap()).collect();
        for (done, from) in done.iter().zip(trial.listeners) {
            assert!(done > from, "seed {seed}: {done:?}");
        }
    }
}

#[test]
fn who_comes_late_to_a_carousel_of_radios_leaves_with_the_picture() {
    carousel::<Native>(64);
    carousel::<Rugged>(16);
}
