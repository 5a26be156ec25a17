//! What the pools promise: slots are exclusive, come back, run out without a fuss, and lie where they should.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used)] // all of it is tests

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashSet;
use std::thread;
use std::time::Instant;

use packhorse_buffer::{HeapPool, HeapSlot, PacketBuf, Pool, Pooled, Storage};

fn address(slot: &impl Storage) -> usize {
    slot.as_slice().as_ptr().addr()
}

#[test]
fn an_empty_pool_gives_none_and_a_dropped_slot_comes_back() {
    static POOL: Pool<3, 16> = Pool::new();
    let mut slots: Vec<_> = (0..3).map(|_| POOL.take().unwrap()).collect();
    assert!(POOL.take().is_none());
    assert_eq!(POOL.available(), 0);
    let freed = address(&slots[1]);
    drop(slots.remove(1));
    assert_eq!(POOL.available(), 1);
    assert_eq!(address(&POOL.take().unwrap()), freed);

    let heap = HeapPool::new(3, 16);
    let mut slots: Vec<_> = (0..3).map(|_| heap.take().unwrap()).collect();
    assert!(heap.take().is_none());
    assert_eq!((heap.available(), heap.slots(), heap.size()), (0, 3, 16));
    let freed = address(&slots[1]);
    drop(slots.remove(1));
    assert_eq!(heap.available(), 1);
    assert_eq!(address(&heap.take().unwrap()), freed);
}

#[test]
fn pools_of_more_slots_than_a_word_has_bits_give_each_slot_once() {
    let pool = Box::new(Pool::<131, 8>::new());
    let slots: Vec<_> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!(slots.iter().map(address).collect::<HashSet<_>>().len(), 131);
    drop(slots);
    assert_eq!(pool.available(), 131);
    assert_eq!((pool.slots(), pool.size()), (131, 8));

    for count in [0, 1, 63, 64, 65, 128, 1000] {
        let heap = HeapPool::new(count, 8);
        let slots: Vec<_> = core::iter::from_fn(|| heap.take()).collect();
        assert_eq!(slots.iter().map(address).collect::<HashSet<_>>().len(), count);
        drop(slots);
        assert_eq!(heap.available(), count);
    }
}

#[test]
fn a_pool_of_nothing_is_empty_and_slots_of_nothing_are_slots() {
    assert!(Pool::<0, 64>::new().take().is_none());
    let pool = Pool::<2, 0>::new();
    assert_eq!(pool.take().unwrap().as_slice(), []);
    assert!(HeapPool::new(0, 64).take().is_none());
    assert_eq!(HeapPool::new(2, 0).take().unwrap().as_slice(), []);
}

#[test]
fn a_slot_that_is_dropped_is_taken_again_first_while_its_memory_is_warm() {
    let heap = HeapPool::new(1000, 64);
    let mut all: Vec<_> = core::iter::from_fn(|| heap.take()).collect();
    let warm = all.swap_remove(700);
    let at = address(&warm);
    drop(warm);
    assert_eq!(address(&heap.take().unwrap()), at);
}

#[test]
fn heap_slots_are_aligned_to_cache_lines_and_large_ones_to_pages() {
    for (size, alignment) in [(1, 64), (64, 64), (1500, 64), (4096, 4096), (70_000, 4096)] {
        let pool = HeapPool::new(5, size);
        let slots: Vec<_> = core::iter::from_fn(|| pool.take()).collect();
        assert!(address(&slots[0]).is_multiple_of(4096), "the first slot is at a page");
        let mut starts: Vec<_> = slots.iter().map(address).collect();
        starts.sort_unstable();
        assert!(starts.iter().all(|start| start.is_multiple_of(alignment)), "{size}");
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= size), "slots do not overlap");
        assert!(slots.iter().all(|slot| slot.as_slice().len() == size));
    }
}

#[test]
#[should_panic(expected = "exceeds the address space")]
fn a_pool_larger_than_the_address_space_is_refused_in_words() {
    let _ = HeapPool::new(usize::MAX / 2, 4096);
}

#[test]
fn heap_slots_outlive_the_pool_and_go_to_other_threads() {
    let pool = HeapPool::new(1, 32);
    let mut buf = PacketBuf::new(pool.take().unwrap());
    drop(pool);
    buf.put_slice(b"still there").unwrap();
    let read = thread::spawn(move || buf.as_slice().to_vec()).join().unwrap();
    assert_eq!(read, b"still there");
}

#[test]
fn slots_can_be_sent_and_shared() {
    fn both<T: Send + Sync>() {}
    both::<Pool<2, 8>>();
    both::<Pooled<'static, 2, 8>>();
    both::<HeapPool>();
    both::<HeapSlot>();
}

#[cfg(feature = "poison")]
#[test]
fn slots_are_taken_full_of_a5() {
    let pool = Pool::<1, 32>::new();
    pool.take().unwrap().as_mut_slice().fill(0);
    assert_eq!(pool.take().unwrap().as_slice(), [0xA5; 32]);
    let heap = HeapPool::new(1, 32);
    heap.take().unwrap().as_mut_slice().fill(0);
    assert_eq!(heap.take().unwrap().as_slice(), [0xA5; 32]);
}

/// Threads take, fill, look again and drop. Anyone else in the slot would be seen.
fn hammer<S: Storage>(threads: usize, rounds: usize, take: impl Fn() -> Option<S> + Sync) -> usize {
    let empty = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (take, empty) = (&take, &empty);
            scope.spawn(move || {
                for round in 0..rounds {
                    let Some(mut slot) = take() else {
                        empty.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                        continue;
                    };
                    let mark = u8::try_from((round * threads + thread) % 251).unwrap();
                    slot.as_mut_slice().fill(mark);
                    if round % 16 == 0 {
                        thread::yield_now();
                    }
                    assert!(slot.as_slice().iter().all(|&byte| byte == mark), "two threads in one slot");
                }
            });
        }
    });
    empty.into_inner()
}

#[test]
fn no_slot_is_ever_in_two_hands() {
    static POOL: Pool<3, 64> = Pool::new();
    hammer(4, 20_000, || POOL.take());
    assert_eq!(POOL.available(), 3);

    let heap = HeapPool::new(3, 64);
    hammer(4, 20_000, || heap.take());
    assert_eq!(heap.available(), 3);
}

#[test]
fn no_waiter_is_forgotten() {
    let heap = HeapPool::new(2, 64);
    // Would hang if a wake-up were lost; every take succeeds.
    assert_eq!(hammer(4, 20_000, || Some(heap.take_blocking())), 0);
    assert_eq!(heap.available(), 2);
}

#[test]
fn waiting_ends_with_a_slot_or_in_time() {
    let heap = HeapPool::new(1, 64);
    let held = heap.take().unwrap();
    let start = Instant::now();
    assert!(heap.take_timeout(Duration::from_millis(20)).is_none());
    assert!(start.elapsed() >= Duration::from_millis(20));

    let freed = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let slot = heap.take_timeout(Duration::MAX);
            assert!(freed.load(Ordering::SeqCst), "it was not there before");
            slot.is_some()
        });
        thread::sleep(Duration::from_millis(10));
        freed.store(true, Ordering::SeqCst);
        drop(held);
        assert!(waiter.join().unwrap());
    });
    assert!(heap.take_timeout(Duration::ZERO).is_some(), "a free slot needs no waiting");
}
