//! Pipelines: order, places, endings, and a stage that panics.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;

use packhorse_channel::pipeline::Pipeline;
use packhorse_channel::placement::Cores;
use packhorse_channel::{OpenError, ReceiveError, SendError};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn every_value_passes_every_stage_in_order_and_stays_where_it_is() {
    let (mut input, mut output, pipeline) = Pipeline::of(8, || Vec::<f32>::with_capacity(16))
        .stage("double", |values| values.iter_mut().for_each(|value| *value *= 2.0))
        .stage("one more", |values| values.iter_mut().for_each(|value| *value += 1.0))
        .start()
        .unwrap();
    let feeding = std::thread::spawn(move || {
        let mut places = Vec::new();
        for number in 0..1000_u16 {
            let mut values = input.claim().unwrap();
            values.clear();
            values.extend([f32::from(number); 16]);
            places.push(values.as_ptr() as usize);
            values.publish();
        }
        places
    });
    let mut places = Vec::new();
    for number in 0..1000_u16 {
        let values = output.receive_timeout(LONG).unwrap();
        assert_eq!(**values, [f32::from(number) * 2.0 + 1.0; 16]);
        places.push(values.as_ptr() as usize);
    }
    assert_eq!(feeding.join().unwrap(), places, "no value was moved");
    assert_eq!(output.receive().map(|_| ()), Err(ReceiveError::Stopped));
    pipeline.join().unwrap();
}

#[test]
fn when_all_slots_are_on_their_way_the_input_waits() {
    let (mut input, mut output, pipeline) =
        Pipeline::of(2, || 0_u64).stage("s", |n| *n += 1).start().unwrap();
    for _ in 0..2 {
        input.claim().unwrap().publish();
    }
    assert_eq!(input.try_claim().map(|_| ()), Err(SendError::Full));
    assert_eq!(*output.receive().unwrap(), 1);
    *input.claim().unwrap() = 41;
    assert_eq!(*output.receive().unwrap(), 1);
    assert_eq!(*output.receive().unwrap(), 42);
    drop(input);
    assert_eq!(output.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::Stopped));
    pipeline.join().unwrap();
}

#[test]
fn a_panic_in_a_stage_ends_the_pipeline_and_is_reported_with_its_stage() {
    let (mut input, mut output, pipeline) = Pipeline::of(4, || 0_u32)
        .stage("harmless", |_| ())
        .stage("divide", |n| assert!(*n != 3, "cannot divide {n}"))
        .stage("after", |_| ())
        .start()
        .unwrap();
    let feeding = std::thread::spawn(move || {
        for number in 0_u32.. {
            match input.claim() {
                Ok(mut slot) => *slot = number,
                Err(error) => return error,
            }
        }
        SendError::Full
    });
    let mut got = Vec::new();
    let end = loop {
        match output.receive_timeout(LONG) {
            Ok(value) => got.push(*value),
            Err(error) => break error,
        }
    };
    assert_eq!((end, feeding.join().unwrap()), (ReceiveError::Stopped, SendError::Stopped));
    assert!(got == [0, 1, 2] || got == [0, 1] || got == [0] || got.is_empty(), "{got:?}");
    let panic = pipeline.join().unwrap_err();
    assert_eq!(panic.to_string(), "stage 'divide' of the pipeline panicked: cannot divide 3");
}

#[test]
fn dropping_the_output_ends_the_input() {
    let (mut input, output, pipeline) = Pipeline::of(4, || 0_u32).stage("s", |_| ()).start().unwrap();
    drop(output);
    while input.claim().map(publish).is_ok() {}
    drop(input);
    pipeline.join().unwrap();
}

fn publish<T>(slot: packhorse_channel::pipeline::Filling<'_, T>) {
    slot.publish();
}

#[test]
fn stages_stay_on_their_processors() {
    let cpu = Cores::read().unwrap().cpus()[0].number;
    let (mut input, mut output, pipeline) = Pipeline::of(2, Vec::new)
        .stage_on(cpu, "pinned", |seen| seen.extend(Cores::read().unwrap().cpus().iter().map(|c| c.number)))
        .start()
        .unwrap();
    input.claim().unwrap().publish();
    assert_eq!(**output.receive().unwrap(), [cpu]);
    drop(input);
    pipeline.join().unwrap();
    let nowhere = Pipeline::of(2, || 0).stage_on(usize::MAX, "nowhere", |_| ()).start();
    assert!(matches!(nowhere, Err(OpenError::Io(_))));
}
