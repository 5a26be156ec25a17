//! One sender, one receiver, two threads.

use core::hint::{black_box, spin_loop};
use core::time::Duration;

use disruptor::{BusySpin, Polling, Producer as _};
use packhorse_channel::{Channel, Spin, Spsc};

use crate::contest::{Options, pair, rates};

/// Slots of every ring.
const SLOTS: usize = 1024;

pub(crate) fn run(options: &Options) {
    let messages = options.thousands * 1000;
    rates(
        options,
        "64 B, one by one",
        messages,
        &[
            ("packhorse", &|n| ours::<8>(n)),
            ("rtrb", &|n| rtrb_single::<8>(n)),
            ("crossbeam-channel", &|n| crossbeam::<8>(n)),
            ("disruptor", &|n| disrupt::<8>(n, 1)),
        ],
    );
    rates(
        options,
        "64 B, batches of 64",
        messages * 4,
        &[
            ("packhorse", &|n| ours_batched::<8>(n, 64)),
            ("rtrb chunks", &|n| rtrb_chunks::<8>(n, 64)),
            ("disruptor", &|n| disrupt::<8>(n, 64)),
        ],
    );
    rates(
        options,
        "1 KiB, one by one",
        messages / 2,
        &[
            ("packhorse", &|n| ours::<128>(n)),
            ("rtrb", &|n| rtrb_single::<128>(n)),
            ("crossbeam-channel", &|n| crossbeam::<128>(n)),
            ("disruptor", &|n| disrupt::<128>(n, 1)),
        ],
    );
    rates(
        options,
        "1 KiB, batches of 64",
        messages / 2,
        &[
            ("packhorse", &|n| ours_batched::<128>(n, 64)),
            ("rtrb chunks", &|n| rtrb_chunks::<128>(n, 64)),
            ("disruptor", &|n| disrupt::<128>(n, 64)),
        ],
    );
}

/// A message: its number in every word.
type Message<const WORDS: usize> = [u64; WORDS];

#[inline]
pub(crate) fn check<const WORDS: usize>(message: &Message<WORDS>, number: u64) {
    let wrong = message.iter().fold(0, |wrong, word| wrong | (word ^ number));
    assert_eq!(wrong, 0, "message {number} has other contents");
}

fn ours<const WORDS: usize>(messages: u64) -> Duration {
    let (mut sender, mut receiver) = Channel::anonymous()
        .capacity(SLOTS * WORDS * 8)
        .prefault()
        .wait::<Spin>()
        .typed::<Message<WORDS>, Spsc>()
        .expect("a channel");
    pair(
        move || {
            for number in 0..messages {
                let mut claim = sender.claim().expect("room");
                claim.fill(number);
                claim.publish();
            }
        },
        move || {
            for number in 0..messages {
                check(&receiver.receive().expect("a message"), number);
            }
        },
    )
}

fn ours_batched<const WORDS: usize>(messages: u64, batch: usize) -> Duration {
    let (mut sender, mut receiver) = Channel::anonymous()
        .capacity(SLOTS * WORDS * 8)
        .prefault()
        .wait::<Spin>()
        .typed::<Message<WORDS>, Spsc>()
        .expect("a channel");
    pair(
        move || {
            let mut number = 0;
            while number < messages {
                let most = batch.min((messages - number) as usize);
                let mut slots = sender.claim_batch(most).expect("room");
                for slot in slots.iter_mut() {
                    slot.fill(number);
                    number += 1;
                }
                slots.publish();
            }
        },
        move || {
            let mut number = 0;
            while number < messages {
                for message in receiver.receive_batch(batch).expect("messages").iter() {
                    check(message, number);
                    number += 1;
                }
            }
        },
    )
}

fn rtrb_single<const WORDS: usize>(messages: u64) -> Duration {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message<WORDS>>::new(SLOTS);
    pair(
        move || {
            for number in 0..messages {
                let mut message = [number; WORDS];
                while let Err(rtrb::PushError::Full(back)) = producer.push(message) {
                    message = back;
                    spin_loop();
                }
            }
        },
        move || {
            for number in 0..messages {
                let message = loop {
                    match consumer.pop() {
                        Ok(message) => break message,
                        Err(_) => spin_loop(),
                    }
                };
                check(black_box(&message), number);
            }
        },
    )
}

fn rtrb_chunks<const WORDS: usize>(messages: u64, batch: usize) -> Duration {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message<WORDS>>::new(SLOTS);
    pair(
        move || {
            let mut number = 0;
            while number < messages {
                let most = batch.min((messages - number) as usize);
                let free = producer.slots().min(most);
                if free == 0 {
                    spin_loop();
                    continue;
                }
                let chunk = producer.write_chunk_uninit(free).expect("room");
                number += chunk.fill_from_iter((number..).map(|number| [number; WORDS])) as u64;
            }
        },
        move || {
            let mut number = 0;
            while number < messages {
                let there = consumer.slots().min(batch);
                if there == 0 {
                    spin_loop();
                    continue;
                }
                let chunk = consumer.read_chunk(there).expect("messages");
                let (first, second) = chunk.as_slices();
                for message in first.iter().chain(second) {
                    check(message, number);
                    number += 1;
                }
                chunk.commit_all();
            }
        },
    )
}

fn crossbeam<const WORDS: usize>(messages: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::bounded::<Message<WORDS>>(SLOTS);
    pair(
        move || (0..messages).for_each(|number| sender.send([number; WORDS]).expect("room")),
        move || {
            for number in 0..messages {
                check(black_box(&receiver.recv().expect("a message")), number);
            }
        },
    )
}

struct Event<const WORDS: usize>(Message<WORDS>);

fn disrupt<const WORDS: usize>(messages: u64, batch: usize) -> Duration {
    let builder = disruptor::build_single_producer(SLOTS, || Event([0; WORDS]), BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    pair(
        move || {
            let mut number = 0;
            while number < messages {
                if batch == 1 {
                    producer.publish(|event| event.0.fill(number));
                    number += 1;
                } else {
                    let most = batch.min((messages - number) as usize);
                    producer.batch_publish(most, |events| {
                        for event in events {
                            event.0.fill(number);
                            number += 1;
                        }
                    });
                }
            }
        },
        move || {
            let mut number = 0;
            while number < messages {
                match poller.poll() {
                    Ok(mut events) => {
                        for event in &mut events {
                            check(&event.0, number);
                            number += 1;
                        }
                    }
                    Err(Polling::NoEvents) => spin_loop(),
                    Err(Polling::Shutdown) => break,
                }
            }
            assert_eq!(number, messages, "messages were lost");
        },
    )
}
