//! Receiving sample streams into chunks: every heap where its timestamp says, in memory that goes round.
//!
//! ```text
//!   sender thread --queue--> reader thread --place(timestamp)--> chunk --ring--> main --given back-->
//! ```

use core::error::Error;
use std::thread;

use packhorse::spead::in_process;
use packhorse::spead::receive::Reader;
use packhorse::spead::receive::StreamConfig;
use packhorse::spead::receive::chunk::{Chunk, ChunkOptions, ChunkRing, ChunkStream, Place, PlaceRequest};
use packhorse::spead::receive::readers::InProcessReader;
use packhorse::spead::send::writers::InProcess;
use packhorse::spead::send::{self, Sender};
use packhorse::spead::{Descriptor, Flavour, Heap, HeapError};

const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const HEAP_SIZE: usize = 8192;
const HEAPS_PER_CHUNK: usize = 128;
const CHUNKS: u64 = 40;

// ANCHOR: place
/// Where a heap belongs follows from the number of its first sample.
fn place(heap: &mut PlaceRequest<'_>) -> Option<Place> {
    let number = heap.immediate(TIMESTAMP)? / HEAP_SIZE as u64;
    let chunk = number / HEAPS_PER_CHUNK as u64;
    let heap = usize::try_from(number % HEAPS_PER_CHUNK as u64).ok()?;
    Some(Place { chunk, heap, offset: heap * HEAP_SIZE, len: HEAP_SIZE })
}
// ANCHOR_END: place

/// The first heap, which says what the items are.
fn described() -> Result<Heap, HeapError> {
    let mut heap = Heap::new(Flavour::default());
    let samples =
        Descriptor::array::<u8>(SAMPLES, "adc_samples", "ADC converter output", &[HEAP_SIZE as u64]);
    heap.descriptor(&samples)?;
    heap.immediate(TIMESTAMP, 0).item(SAMPLES, vec![0_u8; HEAP_SIZE]);
    Ok(heap)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (queue, receiver) = in_process::queue(8, 1 << 16);
    let sender = thread::spawn(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        let config = send::StreamConfig { packet_size: 9000, ..send::StreamConfig::default() };
        let mut sender = Sender::new(InProcess::new(queue), &config);
        let mut heap = Heap::new(Flavour::default());
        heap.immediate(TIMESTAMP, 0).item(SAMPLES, vec![0_u8; HEAP_SIZE]);
        let mut heap = config.prebuild(&heap)?;
        let mut first = config.prebuild(&described()?)?;
        for number in 0..CHUNKS * HEAPS_PER_CHUNK as u64 {
            // One heap in a thousand is lost on the way.
            if number % 1000 == 999 {
                continue;
            }
            let heap = if number == 0 { &mut first } else { &mut heap };
            heap.set(TIMESTAMP, number * HEAP_SIZE as u64)?;
            heap.samples_mut::<u8>(SAMPLES).ok_or("the heap has samples")?.fill(number.to_le_bytes()[0]);
            sender.send(heap)?;
        }
        sender.send(&mut config.prebuild(&Heap::stop(Flavour::default()))?)?;
        Ok(())
    });
    let reader: Box<dyn Reader> = Box::new(InProcessReader::new(receiver));

    // ANCHOR: chunks
    // Two chunks in the window, four in the ring, one in the hands of the loop below, one to spare.
    let chunk = || Chunk::new(HEAPS_PER_CHUNK * HEAP_SIZE, HEAPS_PER_CHUNK);
    let ring = ChunkRing::new(4, (0..8).map(|_| chunk()));
    // The samples alone: heaps may carry descriptors in front of them, as the first one does.
    let options = ChunkOptions::new(place).item(SAMPLES).max_chunks(2);
    let stream = ChunkStream::start(StreamConfig::default(), options, &ring, [reader])?;
    let (mut chunks, mut missing) = (0, 0);
    while let Some(chunk) = ring.next() {
        assert_eq!(chunk.id(), chunks);
        for (samples, present) in chunk.data().chunks_exact(HEAP_SIZE).zip(chunk.present()) {
            if *present == 0 {
                missing += 1;
                continue;
            }
            assert_eq!(samples.first(), samples.last());
        }
        chunks += 1;
        ring.give(chunk);
    }
    println!("{chunks} chunks, {missing} heaps missing, {} heaps too old", stream.statistics().too_old_heaps);
    // ANCHOR_END: chunks
    assert_eq!((chunks, missing), (CHUNKS, 5));
    sender.join().map_err(|_| "the sender failed")?.map_err(|error| error.to_string())?;
    Ok(())
}
