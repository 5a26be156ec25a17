//! The rings and the bell, the very files, under every order in which threads can run. Sizes are small: two or
//! three threads, two or four cells, few messages.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::explicit_auto_deref
)] // all of it is tests
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))] // Cargo.toml says why
#![allow(dead_code, unreachable_pub)] // what the library uses beyond

/// What the rings find instead of the processor's atomics.
mod atomic {
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

#[path = "../src/wait/bell.rs"]
mod bell;
#[path = "../src/ring/broadcast.rs"]
mod broadcast;
#[path = "../src/ring/indexed.rs"]
mod indexed;
#[path = "../src/ring/pace.rs"]
mod pace;
#[path = "../src/ring/shared.rs"]
mod shared;
#[path = "../src/ring/single.rs"]
mod single;
#[path = "../src/ring/turns.rs"]
mod turns;

use atomic::{AtomicU64, Ordering, fence};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use shared::{Consume, Fault, Produce, Run, Shared};

/// Cells whose memory complains when two threads reach it without one having waited for the other.
struct Ring {
    tail: AtomicU64,
    head: AtomicU64,
    turns: Vec<AtomicU64>,
    backs: Vec<AtomicU64>,
    contended: bool,
    cursors: Vec<AtomicU64>,
    intents: Vec<AtomicU64>,
    readers: AtomicU64,
    memory: Vec<UnsafeCell<u64>>,
}

impl Ring {
    fn new(cells: u64, peers: usize, contended: bool) -> Arc<Self> {
        let words = |count: u64| (0..count).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            turns: words(cells),
            backs: words(cells),
            contended,
            cursors: words(peers as u64),
            intents: words(peers as u64),
            readers: AtomicU64::new(0),
            memory: (0..cells).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn at(&self, position: u64) -> usize {
        (position % self.memory.len() as u64) as usize
    }

    fn write(&self, run: Run, value: u64) {
        self.memory[self.at(run.at)].with_mut(|cell| {
            // SAFETY: loom fails the test if any other thread is here.
            unsafe { *cell = value }
        });
    }

    fn read(&self, run: Run) -> u64 {
        self.memory[self.at(run.at)].with(|cell| {
            // SAFETY: loom fails the test if any other thread writes here.
            unsafe { *cell }
        })
    }
}

impl Shared for Ring {
    fn cells(&self) -> u64 {
        self.memory.len() as u64
    }
    fn tail(&self) -> &AtomicU64 {
        &self.tail
    }
    fn head(&self) -> &AtomicU64 {
        &self.head
    }
    fn turn(&self, position: u64) -> &AtomicU64 {
        &self.turns[self.at(position)]
    }
    fn back(&self, position: u64) -> &AtomicU64 {
        &self.backs[self.at(position)]
    }
    fn contended(&self) -> bool {
        self.contended
    }
    fn intent(&self, peer: usize) -> Option<&AtomicU64> {
        Some(&self.intents[peer])
    }
    fn cursor(&self, peer: usize) -> &AtomicU64 {
        &self.cursors[peer]
    }
    fn slowest(&self, tail: u64) -> u64 {
        let readers = self.readers.load(Ordering::Acquire);
        let reads = |peer: &usize| readers & (1 << peer) != 0;
        let behind = |peer: usize| tail.wrapping_sub(self.cursors[peer].load(Ordering::Acquire));
        tail.wrapping_sub((0..self.cursors.len()).filter(reads).map(behind).max().unwrap_or(0))
    }
    fn overwrites(&self) -> bool {
        false
    }
}

fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    // Every order takes minutes; those in which threads are interrupted so often, seconds.
    model.preemption_bound = Some(preemptions);
    model.max_branches = 20_000;
    model.check(body);
}

/// One try. Nobody waits for anybody: loom would wait for ever.
fn send<P: Produce>(ring: &Ring, producer: &mut P, value: u64) -> bool {
    match producer.claim_some(ring, 1) {
        Ok(run) => {
            ring.write(run, value);
            producer.publish(ring, run, 1, 1);
            true
        }
        Err(fault) => {
            assert_eq!(fault, Fault::Wait);
            false
        }
    }
}

fn receive<C: Consume>(ring: &Ring, consumer: &mut C) -> Option<u64> {
    match consumer.next_some(ring, 1) {
        Ok(run) => {
            let value = ring.read(run);
            consumer.release(ring, run);
            Some(value)
        }
        Err(fault) => {
            assert_eq!(fault, Fault::Wait);
            None
        }
    }
}

/// So many senders try each their messages, so many receivers try to receive them: what was sent is received, once.
fn exchange<P: Produce + 'static, C: Consume + 'static>(
    senders: u64,
    each: u64,
    receivers: u64,
    contended: bool,
    preemptions: usize,
) {
    model(preemptions, move || {
        let ring = Ring::new(2, (senders + receivers) as usize, contended);
        let sending: Vec<_> = (0..senders)
            .map(|own| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let mut producer = P::attach(&*ring, own as usize);
                    let numbers = own * each..(own + 1) * each;
                    numbers.filter(|number| send(&*ring, &mut producer, *number)).collect::<Vec<_>>()
                })
            })
            .collect();
        let attach = move |ring: &Ring, own: u64| C::attach(ring, (senders + own) as usize);
        let others: Vec<_> = (1..receivers)
            .map(|own| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let mut consumer = attach(&ring, own);
                    (0..2).filter_map(|_| receive(&*ring, &mut consumer)).collect::<Vec<_>>()
                })
            })
            .collect();
        // One end runs in the model's own thread: loom counts threads dearly.
        let mut consumer = attach(&ring, 0);
        let mut seen: Vec<_> = (0..2).filter_map(|_| receive(&*ring, &mut consumer)).collect();
        let mut sent: Vec<_> = sending.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        others.into_iter().for_each(|thread| seen.extend(thread.join().unwrap()));
        while let Some(value) = receive(&*ring, &mut consumer) {
            seen.push(value);
        }
        sent.sort_unstable();
        seen.sort_unstable();
        assert!(!sent.is_empty());
        assert_eq!(seen, sent);
    });
}

#[test]
fn one_to_one_loses_nothing() {
    exchange::<indexed::Producer, indexed::Consumer>(1, 4, 1, false, 3);
}

#[test]
fn one_to_one_loses_nothing_where_the_oldest_may_be_dropped() {
    exchange::<single::Producer, single::Consumer>(1, 4, 1, true, 3);
}

#[test]
fn many_to_one_loses_nothing() {
    exchange::<turns::Producer<true>, turns::Consumer>(2, 2, 1, false, 3);
}

#[test]
fn many_to_one_loses_nothing_where_the_oldest_may_be_dropped() {
    exchange::<turns::Producer<true>, turns::Consumer>(2, 2, 1, true, 2);
}

#[test]
fn one_to_many_loses_nothing() {
    exchange::<turns::Producer<false>, turns::Consumer>(1, 4, 2, true, 3);
}

#[test]
fn many_to_many_loses_nothing() {
    exchange::<turns::Producer<true>, turns::Consumer>(2, 1, 2, true, 3);
}

#[test]
fn runs_of_cells_stay_whole_among_many_senders() {
    model(2, || {
        let ring = Ring::new(4, 3, false);
        let others: Vec<_> = (0..2)
            .map(|own| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let mut producer = turns::Producer::<true>::attach(&*ring, own);
                    let Ok(run) = producer.claim(&*ring, 2) else { return 0 };
                    for at in 0..2 {
                        ring.write(Run { at: run.at + at, cells: 1, pad: 0 }, own as u64);
                    }
                    producer.publish(&*ring, run, 2, 2);
                    1
                })
            })
            .collect();
        let mut consumer = turns::Consumer::attach(&*ring, 2);
        let mut seen = 0;
        let mut look = || {
            if let Ok(run) = consumer.next(&*ring) {
                assert_eq!(run.cells, 2);
                let value = |at| ring.read(Run { at: run.at + at, cells: 1, pad: 0 });
                assert_eq!(value(0), value(1));
                consumer.release(&*ring, run);
                seen += 1;
            }
        };
        look();
        let sent: usize = others.into_iter().map(|thread| thread.join().unwrap()).sum();
        look();
        look();
        assert_eq!((seen, sent), (2, 2));
    });
}

#[test]
fn a_claim_given_up_among_many_is_skipped() {
    model(2, || {
        let ring = Ring::new(2, 3, true);
        let other = Arc::clone(&ring);
        let thread = thread::spawn(move || {
            let mut producer = turns::Producer::<true>::attach(&*other, 0);
            if let Ok(run) = producer.claim(&*other, 1) {
                producer.abandon(&*other, run);
            }
        });
        let mut producer = turns::Producer::<true>::attach(&*ring, 1);
        assert!(send(&*ring, &mut producer, 7));
        thread.join().unwrap();
        let mut consumer = turns::Consumer::attach(&*ring, 2);
        assert_eq!(receive(&*ring, &mut consumer), Some(7));
        assert_eq!(receive(&*ring, &mut consumer), None);
    });
}

#[test]
fn the_oldest_is_dropped_or_read_and_never_both() {
    model(2, || {
        let ring = Ring::new(2, 2, true);
        let mut producer = turns::Producer::<true>::attach(&*ring, 0);
        assert!(send(&*ring, &mut producer, 1) && send(&*ring, &mut producer, 2));
        let other = Arc::clone(&ring);
        let thread = thread::spawn(move || {
            let mut consumer = turns::Consumer::attach(&*other, 1);
            receive(&*other, &mut consumer)
        });
        let dropped = producer.evict(&*ring);
        let read = thread.join().unwrap();
        // While the reader has the first, the second is not given up in vain; but it may come in between.
        assert!(read == Some(1) || dropped && read == Some(2));
        let mut consumer = turns::Consumer::attach(&*ring, 1);
        assert_eq!(receive(&*ring, &mut consumer), if dropped { None } else { Some(2) });
    });
}

#[test]
fn a_sender_that_drops_the_oldest_never_writes_over_what_is_read() {
    model(2, || {
        let ring = Ring::new(2, 2, true);
        let mut producer = single::Producer::attach(&*ring, 0);
        assert!(send(&*ring, &mut producer, 1) && send(&*ring, &mut producer, 2));
        let other = Arc::clone(&ring);
        let thread = thread::spawn(move || {
            let mut consumer = single::Consumer::attach(&*other, 1);
            [receive(&*other, &mut consumer), receive(&*other, &mut consumer)]
        });
        let mut dropped = 0;
        let mut sent = send(&*ring, &mut producer, 3);
        while !sent && producer.evict(&*ring) {
            dropped += 1;
            sent = send(&*ring, &mut producer, 3);
        }
        let read = thread.join().unwrap();
        let mut seen: Vec<u64> = read.into_iter().flatten().collect();
        let mut consumer = single::Consumer::attach(&*ring, 1);
        while let Some(value) = receive(&*ring, &mut consumer) {
            seen.push(value);
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "in order, nothing twice");
        assert_eq!(seen.len() + dropped, if sent { 3 } else { 2 });
    });
}

#[test]
fn a_reader_that_joins_a_broadcast_is_never_written_over() {
    model(3, || {
        let ring = Ring::new(2, 2, false);
        let other = Arc::clone(&ring);
        let thread = thread::spawn(move || {
            let mut producer = broadcast::Producer::attach(&*other, 0);
            // More than twice round: a reader may show itself when its first look at the ring is long over.
            for value in 0..5 {
                match producer.claim_some(&*other, 1) {
                    Ok(run) => {
                        other.write(run, value);
                        producer.publish(&*other, run, 1, 1);
                    }
                    Err(fault) => assert_eq!(fault, Fault::Wait),
                }
            }
        });
        let mut consumer = broadcast::Consumer::attach(&*ring, 1);
        ring.readers.store(1 << 1, Ordering::Release);
        consumer.settle(&*ring);
        let mut last = None;
        for _ in 0..2 {
            match consumer.next_some(&*ring, 1) {
                Ok(run) => {
                    let value = ring.read(run);
                    assert!(last.is_none_or(|last| value > last));
                    last = Some(value);
                    consumer.release(&*ring, run);
                }
                Err(fault) => assert_eq!(fault, Fault::Wait),
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn nobody_sleeps_through_a_message() {
    model(3, || {
        let shared = Arc::new((AtomicU64::new(0), bell::Bell::default()));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let (message, bell) = &*other;
            message.store(1, Ordering::Release);
            fence(Ordering::SeqCst);
            bell.is_needed() && bell.strike()
        });
        let (message, bell) = &*shared;
        let seen = bell.lie_down();
        fence(Ordering::SeqCst);
        let found = message.load(Ordering::Acquire) == 1;
        let rung = thread.join().unwrap();
        assert!(found || rung || bell.rings.load(Ordering::SeqCst) != seen, "asleep for ever");
    });
}
