//! The counting allocator counts what happens, and only that.

use packhorse_testkit::allocator::{CountingAllocator, Counts, measure, measure_process};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn code_without_allocations_counts_none() {
    let mut sum = 0_u64;
    let counts = measure(|| sum = (0..1000_u64).map(core::hint::black_box).sum());
    assert_eq!(counts, Counts::NONE);
    assert_eq!(sum, 499_500);
}

#[test]
fn an_allocation_and_its_growth_count_one_each() {
    let counts = measure(|| {
        let mut bytes = Vec::<u8>::with_capacity(10);
        bytes.extend_from_slice(&[1; 10]);
        bytes.reserve_exact(90);
        drop(core::hint::black_box(bytes));
    });
    assert_eq!(counts, Counts { allocations: 2, frees: 2, bytes: 110 });
}

#[test]
fn another_thread_counts_only_for_the_process() {
    let (work, ask) = std::sync::mpsc::sync_channel::<()>(0);
    let (done, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let worker = std::thread::spawn(move || {
        while ask.recv().is_ok() {
            drop(core::hint::black_box(vec![0_u8; 1 << 20]));
            if done.send(()).is_err() {
                return;
            }
        }
    });
    // Rendezvous once before measuring: the channels' own waiting lists are then in place.
    let meet = || {
        work.send(()).unwrap();
        wait.recv().unwrap();
    };
    meet();
    let mut here = Counts::NONE;
    let everywhere = measure_process(|| here = measure(meet));
    assert!(here.bytes < 1 << 20, "{here:?}");
    assert!(everywhere.bytes >= 1 << 20, "{everywhere:?}");
    drop(work);
    worker.join().unwrap();
}
