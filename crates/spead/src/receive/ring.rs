//! [`Ring`]: a bounded queue from the threads that receive to the one that consumes, in batches.
//!
//! ```text
//!   readers --push_all--> | heap | heap | heap |        | --take--> consumer: blocking, trying, or as a future
//!                         |<----- capacity, with what the consumer took and has not used up ----->|
//! ```
//! A lock and a wake-up for a batch cost less than lock-free steps for every heap, most of all when both sides share
//! a core. Not for latencies of nanoseconds between threads that spin: that is what channels are for.

use alloc::collections::VecDeque;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::NoHeap;

/// A bounded queue of whatever a stream delivers.
pub(crate) struct Ring<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
}

struct State<T> {
    queue: VecDeque<T>,
    /// What the consumer took the last time, which counts until it comes again.
    taken: usize,
    closed: bool,
    consumers_waiting: usize,
    producers_waiting: usize,
    wakers: Vec<(usize, Waker)>,
    /// The number of the next task that waits.
    next_task: usize,
}

/// What a task that waits is known by, as long as it does.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Option<usize>);

/// What there is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Something was taken.
    Some,
    /// Nothing is there now.
    Empty,
    /// Nothing is there, and nothing will come.
    Closed,
}

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State {
            queue: VecDeque::with_capacity(capacity.min(1024)),
            taken: 0,
            closed: false,
            consumers_waiting: 0,
            producers_waiting: 0,
            wakers: Vec::new(),
            next_task: 0,
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity: capacity.max(1),
        }
    }

    /// Appends all of `items` in order, waiting for room as often as needed; tells how often that was. What is left
    /// when the ring closes is dropped.
    pub(crate) fn push_all(&self, items: &mut Vec<T>) -> u64 {
        if items.is_empty() {
            return 0;
        }
        let mut waited = 0;
        let mut items = items.drain(..);
        let mut state = self.lock();
        loop {
            let room = self.capacity.saturating_sub(state.queue.len() + state.taken);
            state.queue.extend(items.by_ref().take(room));
            if room > 0 {
                self.wake_consumer(&mut state);
            }
            if items.len() == 0 || state.closed {
                return waited;
            }
            waited += 1;
            state.producers_waiting += 1;
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.producers_waiting -= 1;
        }
    }

    /// Appends one item, waiting for room; gives it back when the ring is closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(item);
            }
            if state.queue.len() + state.taken < self.capacity {
                state.queue.push_back(item);
                self.wake_consumer(&mut state);
                return Ok(());
            }
            state.producers_waiting += 1;
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.producers_waiting -= 1;
        }
    }

    /// As [`push`](Self::push), waiting until `end`; gives the item back then, and tells whether the ring is open.
    pub(crate) fn push_until(&self, item: T, end: Instant) -> Result<(), (T, bool)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err((item, false));
            }
            if state.queue.len() + state.taken < self.capacity {
                state.queue.push_back(item);
                self.wake_consumer(&mut state);
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err((item, true));
            }
            state.producers_waiting += 1;
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.producers_waiting -= 1;
        }
    }

    /// Takes one item.
    pub(crate) fn pop(&self, wait: Wait) -> Result<T, NoHeap> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.queue.pop_front() {
                self.wake_producer(&state);
                return Ok(item);
            }
            if state.closed {
                return Err(NoHeap::Ended);
            }
            state = match self.sleep(state, wait) {
                Some(state) => state,
                None => return Err(NoHeap::NotYet),
            };
        }
    }

    /// As [`pop`](Self::pop); when nothing is there, the task of `context` is woken as soon as something is. Whoever
    /// stops asking says so by [`forget`](Self::forget).
    pub(crate) fn poll_pop(&self, waiting: &mut Waiting, context: &Context<'_>) -> Poll<Result<T, NoHeap>> {
        let mut state = self.lock();
        if let Some(item) = state.queue.pop_front() {
            self.wake_producer(&state);
            return Poll::Ready(Ok(item));
        }
        if state.closed {
            return Poll::Ready(Err(NoHeap::Ended));
        }
        Self::register(&mut state, waiting, context);
        Poll::Pending
    }

    /// A task that waited does so no longer.
    pub(crate) fn forget(&self, waiting: &Waiting) {
        if let Some(task) = waiting.0 {
            self.lock().wakers.retain(|(other, _)| *other != task);
        }
    }

    /// Moves a batch into `into`, which is empty: at most half of the capacity, so that producers go on meanwhile.
    /// Waits until `end`, without end for `None`; `Some` of the past is a try.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, wait: Wait) -> Taken {
        let mut state = self.lock();
        loop {
            match self.take_now(&mut state, into) {
                Taken::Empty => {}
                taken => return taken,
            }
            state = match self.sleep(state, wait) {
                Some(state) => state,
                None => return Taken::Empty,
            };
        }
    }

    /// As [`take`](Self::take); when nothing is there, the task of `context` is woken as soon as something is.
    pub(crate) fn poll_take(
        &self,
        into: &mut VecDeque<T>,
        waiting: &mut Waiting,
        context: &Context<'_>,
    ) -> Poll<Taken> {
        let mut state = self.lock();
        match self.take_now(&mut state, into) {
            Taken::Empty => {
                Self::register(&mut state, waiting, context);
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }

    /// Nothing more is taken in. What is there can still be taken out.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wakers.drain(..).for_each(|(_, waker)| waker.wake());
        drop(state);
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Items that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    fn take_now(&self, state: &mut State<T>, into: &mut VecDeque<T>) -> Taken {
        let batch = state.queue.len().min(self.capacity.div_ceil(2));
        into.extend(state.queue.drain(..batch));
        state.taken = batch;
        self.wake_producers(state);
        match (batch, state.closed) {
            (0, true) => Taken::Closed,
            (0, false) => Taken::Empty,
            _ => Taken::Some,
        }
    }

    /// Sleeps until something may be there; `None` when the time is over.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State<T>>, wait: Wait) -> Option<MutexGuard<'a, State<T>>> {
        state.consumers_waiting += 1;
        let mut state = match wait {
            Wait::Forever => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            Wait::No => {
                state.consumers_waiting -= 1;
                return None;
            }
            Wait::Until(end) => {
                let left = end.saturating_duration_since(Instant::now());
                if left == Duration::ZERO {
                    state.consumers_waiting -= 1;
                    return None;
                }
                self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.consumers_waiting -= 1;
        Some(state)
    }

    fn register(state: &mut State<T>, waiting: &mut Waiting, context: &Context<'_>) {
        let task = *waiting.0.get_or_insert_with(|| {
            state.next_task += 1;
            state.next_task
        });
        match state.wakers.iter_mut().find(|(other, _)| *other == task) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => state.wakers.push((task, context.waker().clone())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_consumer(&self, state: &mut State<T>) {
        // Waking is a system call even when nobody sleeps.
        if state.consumers_waiting > 0 {
            self.filled.notify_one();
        }
        // All of them: the one that is woken may be about to give up, and several items may have come.
        state.wakers.drain(..).for_each(|(_, waker)| waker.wake());
    }

    fn wake_producer(&self, state: &State<T>) {
        if state.producers_waiting > 0 {
            self.emptied.notify_one();
        }
    }

    fn wake_producers(&self, state: &State<T>) {
        // With a little room a producer would run for a heap or two and sleep again.
        let used = state.queue.len() + state.taken;
        if state.producers_waiting > 0 && used <= self.capacity / 2 + self.capacity % 2 {
            self.emptied.notify_all();
        }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    No,
    Forever,
    Until(Instant),
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn all_come_out_in_order_however_small_the_ring() {
        for capacity in [1, 2, 3, 7, 64] {
            let ring = Arc::new(Ring::new(capacity));
            let producer = Arc::clone(&ring);
            let thread = thread::spawn(move || {
                for batch in 0..200_u32 {
                    let mut items: Vec<u32> = (batch * 10..batch * 10 + 10).collect();
                    producer.push_all(&mut items);
                }
                producer.close();
            });
            let (mut local, mut all) = (VecDeque::new(), Vec::new());
            while ring.take(&mut local, Wait::Forever) == Taken::Some {
                assert!(local.len() <= capacity);
                all.extend(local.drain(..));
            }
            thread.join().unwrap();
            assert_eq!(all, (0..2000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn closing_frees_a_producer_that_waits() {
        let ring = Arc::new(Ring::new(1));
        let producer = Arc::clone(&ring);
        let thread = thread::spawn(move || producer.push_all(&mut vec![1, 2, 3]));
        while ring.len() == 0 {
            thread::yield_now();
        }
        ring.close();
        thread.join().unwrap();
        assert_eq!(
            (ring.pop(Wait::No), ring.pop(Wait::No), ring.push(9)),
            (Ok(1), Err(NoHeap::Ended), Err(9))
        );
    }

    /// Counts how often it is woken.
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn task() -> (Arc<Woken>, Waker) {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        (Arc::clone(&woken), Waker::from(woken))
    }

    #[test]
    fn every_task_that_waits_is_woken() {
        let ring = Ring::<u8>::new(4);
        let tasks: Vec<_> = (0..3).map(|_| task()).collect();
        let mut waiting: Vec<_> = tasks.iter().map(|_| Waiting::default()).collect();
        let mut poll = |at: usize| ring.poll_pop(&mut waiting[at], &Context::from_waker(&tasks[at].1));
        for at in [0, 1, 2, 1] {
            assert!(poll(at).is_pending());
        }
        ring.push(1).unwrap();
        let counts = |at: usize| tasks[at].0.0.load(Ordering::Relaxed);
        assert_eq!([0, 1, 2].map(counts), [1, 1, 1]);
        assert_eq!(poll(2), Poll::Ready(Ok(1)));
        assert!(poll(0).is_pending() && poll(1).is_pending());
        ring.close();
        assert_eq!([0, 1, 2].map(counts), [2, 2, 1]);
        assert_eq!(poll(0), Poll::Ready(Err(NoHeap::Ended)));
    }

    #[test]
    fn a_task_that_gives_up_leaves_nothing_behind() {
        let ring = Ring::<u8>::new(4);
        for _ in 0..100 {
            let (_, waker) = task();
            let mut waiting = Waiting::default();
            assert!(ring.poll_pop(&mut waiting, &Context::from_waker(&waker)).is_pending());
            ring.forget(&waiting);
        }
        assert!(ring.lock().wakers.is_empty());
    }

    #[test]
    fn trying_and_waiting_in_vain_come_back() {
        let ring = Ring::<u8>::new(4);
        let mut local = VecDeque::new();
        assert_eq!(ring.take(&mut local, Wait::No), Taken::Empty);
        let end = Instant::now() + Duration::from_millis(2);
        assert_eq!(ring.take(&mut local, Wait::Until(end)), Taken::Empty);
        assert!(Instant::now() >= end);
    }
}
