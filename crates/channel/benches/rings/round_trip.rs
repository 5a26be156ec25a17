//! There and back: how long a message and its answer take, on two cores and on one; and what waiting costs.

use core::time::Duration;
use std::time::Instant;

use packhorse_channel::{Adaptive, Channel, Spin, Spsc, Wait};

use crate::contest::{Options, pin};

type Message = [u64; 8];

pub(crate) fn run(options: &Options) {
    if options.wants("round trip") {
        println!("round trip, 64 B");
        let trips = options.thousands as usize * 100;
        show("two cores, spin", &mut ours::<Spin>(trips, [0, 1]));
        show("two cores, adaptive", &mut ours::<Adaptive>(trips, [0, 1]));
        show("one core, adaptive", &mut ours::<Adaptive>(trips / 4, [0, 0]));
        show("rtrb, two cores", &mut rtrb(trips));
    }
    if options.wants("idle") {
        idle();
    }
}

fn show(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    println!("  {name:<28} p50 {:7.3} us   p99 {:7.3} us   p99.9 {:7.3} us", at(0.5), at(0.99), at(0.999));
}

fn ours<W: Wait>(trips: usize, cores: [usize; 2]) -> Vec<u64> {
    let open = || {
        let builder = Channel::anonymous().capacity(64 * size_of::<Message>()).prefault().wait::<W>();
        builder.typed::<Message, Spsc>().expect("a channel")
    };
    let ((mut there, mut from_there), (mut back, mut from_back)) = (open(), open());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(cores[1]);
            while let Ok(message) = from_there.receive() {
                let message = *message;
                if back.send(message).is_err() {
                    break;
                }
            }
        });
        let times = scope.spawn(move || {
            pin(cores[0]);
            times(trips, |number| {
                there.send([number; 8]).expect("room");
                assert_eq!(*from_back.receive().expect("an answer"), [number; 8]);
            })
        });
        times.join().expect("no panic")
    })
}

fn rtrb(trips: usize) -> Vec<u64> {
    let (mut there, mut from_there) = rtrb::RingBuffer::<Message>::new(64);
    let (mut back, mut from_back) = rtrb::RingBuffer::<Message>::new(64);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(1);
            loop {
                match from_there.pop() {
                    Ok(message) => back.push(message).expect("room"),
                    Err(_) if from_there.is_abandoned() => break,
                    Err(_) => core::hint::spin_loop(),
                }
            }
        });
        let times = scope.spawn(move || {
            pin(0);
            times(trips, |number| {
                there.push([number; 8]).expect("room");
                let answer = loop {
                    match from_back.pop() {
                        Ok(answer) => break answer,
                        Err(_) => core::hint::spin_loop(),
                    }
                };
                assert_eq!(answer, [number; 8]);
            })
        });
        times.join().expect("no panic")
    })
}

fn times(trips: usize, mut trip: impl FnMut(u64)) -> Vec<u64> {
    (0..1000).for_each(&mut trip);
    (0..trips as u64)
        .map(|number| {
            let start = Instant::now();
            trip(number);
            start.elapsed().as_nanos() as u64
        })
        .collect()
}

/// How much of a core a receiver uses that waits for messages which come ten times a second.
fn idle() {
    let (mut sender, mut receiver) = Channel::anonymous().typed::<Message, Spsc>().expect("a channel");
    let thread = std::thread::spawn(move || {
        let start = (Instant::now(), thread_time());
        while receiver.receive().is_ok() {}
        (thread_time() - start.1).as_secs_f64() / start.0.elapsed().as_secs_f64()
    });
    for number in 0..10 {
        std::thread::sleep(Duration::from_millis(100));
        sender.send([number; 8]).expect("room");
    }
    drop(sender);
    println!(
        "idle receiver, ten messages a second: {:.3} % of a core",
        thread.join().expect("no panic") * 100.0
    );
}

fn thread_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
