//! Many adders, one reader.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::thread;

use packhorse_channel::aggregate::Aggregator;
use packhorse_channel::{ReceiveError, SendError};

#[test]
fn what_many_threads_add_is_read_once_each() {
    let (adder, mut aggregator) = Aggregator::<u64>::new(64, 4).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mut adder = adder.try_clone().unwrap();
            thread::spawn(move || (1..=20_000).for_each(|value| adder.add(value).unwrap()))
        })
        .collect();
    drop(adder);
    let (mut sum, mut count) = (0, 0);
    loop {
        let mut take = |value: &u64| sum += *value;
        match aggregator.wait_each(Duration::from_secs(20), &mut take) {
            Ok(taken) => count += taken,
            Err(error) => break assert_eq!(error, ReceiveError::Stopped),
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((count, sum), (80_000, 4 * 20_000 * 20_001 / 2));
}

#[test]
fn a_full_one_refuses_and_an_empty_one_has_nothing() {
    let (mut adder, mut aggregator) = Aggregator::<f64>::new(4, 1).unwrap();
    assert_eq!(aggregator.try_aggregate(), Ok(None));
    for value in [1.0, 2.0, 3.0, 4.0] {
        adder.try_add(value).unwrap();
    }
    assert_eq!(adder.try_add(5.0), Err(SendError::Full));
    assert_eq!(aggregator.try_aggregate(), Ok(Some(10.0)));
    adder.try_add(6.0).unwrap();
    drop(adder);
    assert_eq!(aggregator.try_aggregate(), Ok(Some(6.0)));
    assert_eq!(aggregator.try_aggregate(), Err(ReceiveError::Stopped));
}
