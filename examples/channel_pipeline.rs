//! Stages in threads that work in place: the values never move.

use core::error::Error;

// ANCHOR: pipeline
use packhorse::channel::pipeline::Pipeline;

fn pipeline() -> Result<(), Box<dyn Error>> {
    let (mut input, mut output, pipeline) = Pipeline::of(16, || Vec::<f32>::with_capacity(1024))
        .stage("scale", |values| values.iter_mut().for_each(|value| *value *= 0.5))
        .stage("clip", |values| values.iter_mut().for_each(|value| *value = value.min(100.0)))
        .start()?;
    let feeding = std::thread::spawn(move || {
        for number in 0..1000_u16 {
            let mut values = input.claim()?;
            values.clear();
            values.extend([f32::from(number); 1024]);
            values.publish();
        }
        // Dropping the input ends the pipeline, behind the last value.
        Ok::<(), packhorse::channel::SendError>(())
    });
    let mut count = 0_u16;
    while let Ok(values) = output.receive() {
        assert_eq!(values[0], (f32::from(count) * 0.5).min(100.0));
        count += 1;
    }
    feeding.join().map_err(|_| "the feeding thread panicked")??;
    // A panic in a stage would end everything and be told here, with the stage's name.
    pipeline.join()?;
    assert_eq!(count, 1000);
    Ok(())
}
// ANCHOR_END: pipeline

fn main() -> Result<(), Box<dyn Error>> {
    pipeline()
}
