//! Layers stack, count their room, and can be timed one by one, at no cost when nobody asks.

use core::cell::Cell;
use core::time::Duration;

use packhorse_buffer::timing::{Row, Table, Timings};
use packhorse_buffer::{
    Clock, DecodeError, DecodeErrorKind, Instant, Layer, NoProbe, NoRoom, Over, PacketBuf, Probe, Stage,
    Stopwatch, Storage, Timed,
};

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// A clock that stands still until something says how long it took.
#[derive(Clone, Copy, Default)]
struct Hand;

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_nanos(NOW.get())
    }
}

fn pass(nanos: u64) {
    NOW.set(NOW.get() + nanos);
}

/// Pushes its letter in front and behind; takes `PUSH` nanoseconds for it, and ten times as long to pull.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Letter<const LETTER: u8, const PUSH: u64>;

impl<const LETTER: u8, const PUSH: u64> Layer for Letter<LETTER, PUSH> {
    const HEADROOM: usize = 1;
    const TAILROOM: usize = 1;
    type Tx = ();
    type Rx = u8;
    type Error = DecodeError;

    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        pass(PUSH);
        *buf.push_array()? = [LETTER];
        *buf.put_array()? = [LETTER];
        Ok(())
    }

    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<u8, DecodeError> {
        pass(10 * PUSH);
        let [front] = *buf.pull_array().map_err(|short| short.at("letter", 0))?;
        let [back] = *buf.trim_array().map_err(|short| short.at("letter", 1))?;
        if [front, back] == [LETTER; 2] {
            Ok(front)
        } else {
            Err(DecodeError {
                layer: "letter",
                offset: 0,
                kind: DecodeErrorKind::BadValue { value: front.into() },
            })
        }
    }
}

type Plain = Over<Letter<b'a', 1>, Over<Letter<b'b', 20>, Letter<b'c', 300>>>;
type Measured<P> =
    Over<Timed<Letter<b'a', 1>, P>, Over<Timed<Letter<b'b', 20>, P>, Timed<Letter<b'c', 300>, P>>>;

fn measured<P: Default>() -> Measured<P> {
    Over::new(Timed::new("a", Letter), Over::new(Timed::new("b", Letter), Timed::new("c", Letter)))
}

#[test]
fn layers_push_downwards_and_pull_upwards_in_the_same_memory() {
    let mut stack = Plain::default();
    let mut buf = PacketBuf::<[u8; 8]>::for_stack::<Plain, 2>();
    assert_eq!((Plain::HEADROOM, Plain::TAILROOM), (3, 3));
    buf.put_slice(b"..").unwrap();
    let payload = buf.as_slice().as_ptr();
    stack.push(((), ((), ())), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), b"cba..abc");
    assert_eq!(stack.pull(&mut buf), Ok((b'a', (b'b', b'c'))));
    assert_eq!(buf.as_slice(), b"..");
    assert_eq!(buf.as_slice().as_ptr(), payload);
}

#[test]
fn every_layer_is_given_its_own_time_and_no_other() {
    let mut stack = measured::<Stopwatch<Hand>>();
    let mut buf = PacketBuf::<[u8; 8]>::for_stack::<Measured<Stopwatch<Hand>>, 2>();
    for _ in 0..3 {
        stack.push(((), ((), ())), &mut buf).unwrap();
        stack.pull(&mut buf).unwrap();
    }
    let mut seen = Vec::new();
    stack
        .visit(&mut |Row { name, step, times }| seen.push((name, step, times.calls, times.total.as_nanos())));
    let expected = [
        ("a", "push", 3, 3),
        ("a", "pull", 3, 30),
        ("b", "push", 3, 60),
        ("b", "pull", 3, 600),
        ("c", "push", 3, 900),
        ("c", "pull", 3, 9000),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn refused_packets_are_measured_too() {
    let mut layer = Timed::<Letter<b'a', 7>, Stopwatch<Hand>>::new("a", Letter);
    assert!(layer.pull(&mut PacketBuf::filled(*b"xx")).is_err());
    assert_eq!(layer.pull.summary().unwrap().total, Duration::from_nanos(70));
    assert_eq!(layer.push.summary(), None);
}

#[test]
fn without_a_probe_nothing_is_kept_and_no_clock_is_read() {
    assert_eq!(size_of::<NoProbe>(), 0);
    assert_eq!(size_of::<<NoProbe as Probe>::Mark>(), 0);
    let mut stack = measured::<NoProbe>();
    let mut buf = PacketBuf::<[u8; 8]>::for_stack::<Measured<NoProbe>, 2>();
    stack.push(((), ((), ())), &mut buf).unwrap();
    assert_eq!(Table(&[&stack]).to_string(), "");
}

#[test]
fn a_probe_can_be_switched_on_when_the_program_starts() {
    let mut off: Stage<Option<Stopwatch<Hand>>> = Stage::new("read");
    assert_eq!(off.time(|| 5), 5);
    assert_eq!(off.summary(), None);
    let mut on = Stage::with_probe("read", Some(Stopwatch::with_clock(Hand)));
    on.time(|| pass(4));
    assert_eq!(on.summary().unwrap().total, Duration::from_nanos(4));
}

#[cfg(feature = "std")]
#[test]
fn boxed_stopwatches_read_the_systems_clock() {
    let mut stage: Stage<Box<Stopwatch>> = Stage::new("sleep");
    stage.time(|| std::thread::sleep(Duration::from_millis(2)));
    let times = stage.summary().unwrap();
    assert!(times.min >= Duration::from_millis(2) && times.min == times.max && times.max == times.total);
}

#[test]
fn the_table_has_a_line_for_everything_that_was_measured() {
    let mut layer = Timed::<Letter<b'a', 31>, Stopwatch<Hand>>::new("packet", Letter);
    layer.push((), &mut PacketBuf::<[u8; 8]>::poisoned(4)).unwrap();
    let mut hash = Stage::with_probe("hash", Stopwatch::with_clock(Hand));
    for nanos in [1_500, 2_500_000, 61_000_000_000] {
        hash.time(|| pass(nanos));
    }
    let unused: Stage<Stopwatch<Hand>> = Stage::new("write");
    let table = Table(&[&layer, &hash, &unused]).to_string();
    let expected = "\
layer                  calls         min         p50         p99         max       total
packet push                1       31 ns       31 ns       31 ns       31 ns       31 ns
hash                       3     1.50 us     2.55 ms    61.00 s     61.00 s     61.00 s ";
    assert_eq!(table, expected);
}
