//! Many senders or many receivers, 64-byte messages; fan-out to many readers.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Barrier;
use std::time::Instant;

use packhorse_channel::{Broadcast, Channel, Mpmc, Mpsc, Spmc, typed};

use crate::contest::{Options, median, pin, rates};

/// Slots of every ring.
const SLOTS: usize = 1024;

type Message = [u64; 8];

/// A sending and a receiving half of any channel.
type Send<'a> = Box<dyn FnMut(u64) + core::marker::Send + 'a>;
type Receive<'a> = Box<dyn FnMut() -> Option<u64> + core::marker::Send + 'a>;

pub(crate) fn run(options: &Options) {
    let messages = options.thousands * 500;
    rates(
        options,
        "2 senders, 1 receiver",
        messages,
        &[
            ("packhorse mpsc", &|n| exchange(n, mpsc(2))),
            ("crossbeam-channel", &|n| exchange(n, crossbeam(2, 1))),
        ],
    );
    rates(
        options,
        "1 sender, 2 receivers",
        messages,
        &[
            ("packhorse spmc", &|n| exchange(n, spmc(2))),
            ("crossbeam-channel", &|n| exchange(n, crossbeam(1, 2))),
        ],
    );
    rates(
        options,
        "2 senders, 2 receivers",
        messages,
        &[
            ("packhorse mpmc", &|n| exchange(n, mpmc(2, 2))),
            ("crossbeam-channel", &|n| exchange(n, crossbeam(2, 2))),
        ],
    );
    fan_out(options, "fan-out, cost to the sender");
}

/// Every sender sends its share, every receiver takes what it gets; sums and counts tell loss and doubling.
fn exchange(messages: u64, (senders, receivers): (Vec<Send<'_>>, Vec<Receive<'_>>)) -> Duration {
    let ready = Barrier::new(senders.len() + receivers.len() + 1);
    let share = messages / senders.len() as u64;
    let total = share * senders.len() as u64;
    let (count, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = std::thread::scope(|scope| {
        for (own, mut send) in senders.into_iter().enumerate() {
            let ready = &ready;
            scope.spawn(move || {
                pin(0);
                ready.wait();
                for number in own as u64 * share..(own as u64 + 1) * share {
                    send(number);
                }
            });
        }
        for mut receive in receivers {
            let (ready, count, sum) = (&ready, &count, &sum);
            scope.spawn(move || {
                pin(1);
                ready.wait();
                let (mut own_count, mut own_sum) = (0, 0_u64);
                while let Some(number) = receive() {
                    own_count += 1;
                    own_sum = own_sum.wrapping_add(number);
                }
                count.fetch_add(own_count, Ordering::Relaxed);
                sum.fetch_add(own_sum, Ordering::Relaxed);
            });
        }
        ready.wait();
        Instant::now()
    });
    let time = start.elapsed();
    assert_eq!(count.into_inner(), total, "messages were lost or doubled");
    assert_eq!(sum.into_inner(), total * (total - 1) / 2, "other messages arrived");
    time
}

fn checked(message: &Message) -> u64 {
    crate::one_to_one::check(message, message[0]);
    message[0]
}

macro_rules! ends {
    ($name:ident, $mode:ty, $senders:ident: $many_senders:expr, $receivers:ident: $many_receivers:expr) => {
        fn $name<'a>($senders: usize, $receivers: usize) -> (Vec<Send<'a>>, Vec<Receive<'a>>) {
            let (sender, receiver) = Channel::anonymous()
                .capacity(SLOTS * size_of::<Message>())
                .prefault()
                .typed::<Message, $mode>()
                .expect("a channel");
            let clone_sender: fn(&typed::Sender<Message, $mode>) -> _ = $many_senders;
            let clone_receiver: fn(&typed::Receiver<Message, $mode>) -> _ = $many_receivers;
            let mut all_senders: Vec<_> = (1..$senders).map(|_| clone_sender(&sender)).collect();
            let mut all_receivers: Vec<_> = (1..$receivers).map(|_| clone_receiver(&receiver)).collect();
            all_senders.push(sender);
            all_receivers.push(receiver);
            let sends = all_senders.into_iter().map(|mut sender| -> Send<'a> {
                Box::new(move |number| {
                    let mut claim = sender.claim().expect("room");
                    claim.fill(number);
                    claim.publish();
                })
            });
            let receives = all_receivers.into_iter().map(|mut receiver| -> Receive<'a> {
                Box::new(move || receiver.receive().ok().map(|message| checked(&message)))
            });
            (sends.collect(), receives.collect())
        }
    };
}

ends!(mpsc_ends, Mpsc, senders: |one| one.try_clone().expect("a place"), receivers: |_| unreachable!());
ends!(spmc_ends, Spmc, senders: |_| unreachable!(), receivers: |one| one.try_clone().expect("a place"));
ends!(mpmc, Mpmc, senders: |one| one.try_clone().expect("a place"), receivers: |one| one.try_clone().expect("a place"));

fn mpsc<'a>(senders: usize) -> (Vec<Send<'a>>, Vec<Receive<'a>>) {
    mpsc_ends(senders, 1)
}

fn spmc<'a>(receivers: usize) -> (Vec<Send<'a>>, Vec<Receive<'a>>) {
    spmc_ends(1, receivers)
}

fn crossbeam<'a>(senders: usize, receivers: usize) -> (Vec<Send<'a>>, Vec<Receive<'a>>) {
    let (sender, receiver) = crossbeam_channel::bounded::<Message>(SLOTS);
    let sends = (0..senders).map(|_| {
        let sender = sender.clone();
        let send: Send<'a> = Box::new(move |number| sender.send([number; 8]).expect("room"));
        send
    });
    let receives = (0..receivers).map(|_| {
        let receiver = receiver.clone();
        let receive: Receive<'a> = Box::new(move || receiver.recv().ok().map(|message| checked(&message)));
        receive
    });
    (sends.collect(), receives.collect())
}

/// What a message costs the sender's thread, with one reader and with a hundred. Readers take turns on the other core
/// and read everything; the sender's log is as long as what it sends at once, so that what is measured is its work
/// and not how fast a hundred readers are.
fn fan_out(options: &Options, title: &str) {
    const AT_ONCE: usize = 8192;
    if !options.wants(title) {
        return;
    }
    let cost = |readers: usize| {
        let (mut sender, first) = Channel::anonymous()
            .capacity(AT_ONCE * size_of::<Message>())
            .prefault()
            .peers(128)
            .typed::<Message, Broadcast>()
            .expect("a channel");
        let mut all: Vec<_> = (1..readers).map(|_| first.try_clone().expect("a place")).collect();
        all.push(first);
        let mut spent = Duration::ZERO;
        let mut number = 0;
        for _ in 0..20 {
            pin(0);
            let start = Instant::now();
            for _ in 0..AT_ONCE {
                let mut claim = sender.claim().expect("room");
                claim.fill(number);
                claim.publish();
                number += 1;
            }
            spent += start.elapsed();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    pin(1);
                    for reader in &mut all {
                        let mut expected = number - AT_ONCE as u64;
                        while let Ok(messages) = reader.try_receive_batch(256) {
                            for message in messages.iter() {
                                crate::one_to_one::check(message, expected);
                                expected += 1;
                            }
                        }
                        assert_eq!(expected, number, "a reader missed messages");
                    }
                });
            });
        }
        spent.as_nanos() as f64 / number as f64
    };
    let mut one = Vec::new();
    let mut hundred = Vec::new();
    for _ in 0..options.rounds {
        one.push(cost(1));
        hundred.push(cost(100));
    }
    let (one, hundred) = (median(&mut one), median(&mut hundred));
    println!("{title}");
    println!("  1 reader                     {one:8.1} ns");
    println!("  100 readers                  {hundred:8.1} ns   {:5.2} of the first", hundred / one);
}
