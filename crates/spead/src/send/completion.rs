//! [`Completion`]: what a heap's sender holds until the heap has left.
//!
//! ```text
//!   slots   | waiting | done: heap | free | waiting, with a waker | abandoned |      as many as are under way
//! ```
//! Slots are used again, so that waiting allocates nothing. Not the queue: that is in `stream`.

use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;

use super::outcome::{Sent, SentBatch};
use super::stream::Shared;
use crate::PrebuiltHeap;

/// A heap under way. As a future it ends with the heap, on any executor; [`wait`](Self::wait) blocks and
/// [`try_take`](Self::try_take) polls. Dropping it sends the heap all the same, and drops it then.
#[derive(Debug)]
pub struct Completion(Pending);

/// Several heaps under way, which end together. As [`Completion`].
#[derive(Debug)]
pub struct BatchCompletion(Pending);

/// One heap or several that end together.
#[derive(Debug)]
pub(super) enum Heaps {
    One(PrebuiltHeap),
    Many(Vec<PrebuiltHeap>),
}

impl Heaps {
    pub(super) fn as_slice(&self) -> &[PrebuiltHeap] {
        match self {
            Self::One(heap) => core::slice::from_ref(heap),
            Self::Many(heaps) => heaps,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [PrebuiltHeap] {
        match self {
            Self::One(heap) => core::slice::from_mut(heap),
            Self::Many(heaps) => heaps,
        }
    }

    pub(super) fn into_vec(self) -> Vec<PrebuiltHeap> {
        match self {
            Self::One(heap) => vec![heap],
            Self::Many(heaps) => heaps,
        }
    }
}

/// What became of them.
pub(super) type Outcome = (Heaps, io::Result<usize>);

/// Places where outcomes are left.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Debug)]
enum Slot {
    Free,
    Waiting(Option<Waker>),
    /// Nobody wants to know any more.
    Abandoned,
    Done(Outcome),
}

impl Slots {
    pub(super) fn take(&mut self) -> usize {
        if let Some(index) = self.free.pop() {
            self.slots[index] = Slot::Waiting(None);
            return index;
        }
        self.slots.push(Slot::Waiting(None));
        // So that giving it back never allocates.
        self.free.reserve(self.slots.len());
        self.slots.len() - 1
    }

    /// Leaves an outcome; returns whom to wake, and the outcome when nobody wants it.
    pub(super) fn finish(&mut self, index: usize, outcome: Outcome) -> (Option<Waker>, Option<Outcome>) {
        match core::mem::replace(&mut self.slots[index], Slot::Free) {
            Slot::Waiting(waker) => {
                self.slots[index] = Slot::Done(outcome);
                (waker, None)
            }
            _ => {
                self.free.push(index);
                (None, Some(outcome))
            }
        }
    }

    /// The outcome, if it is there; then the slot is free.
    fn collect(&mut self, index: usize) -> Option<Outcome> {
        if !matches!(self.slots[index], Slot::Done(_)) {
            return None;
        }
        let Slot::Done(outcome) = core::mem::replace(&mut self.slots[index], Slot::Free) else {
            return None;
        };
        self.free.push(index);
        Some(outcome)
    }

    fn wake_with(&mut self, index: usize, waker: &Waker) {
        if let Slot::Waiting(known) = &mut self.slots[index]
            && known.as_ref().is_none_or(|known| !known.will_wake(waker))
        {
            *known = Some(waker.clone());
        }
    }

    fn abandon(&mut self, index: usize) -> Option<Outcome> {
        let outcome = self.collect(index);
        if outcome.is_none() {
            self.slots[index] = Slot::Abandoned;
        }
        outcome
    }
}

/// A slot that is to be collected.
#[derive(Debug)]
pub(super) struct Pending {
    shared: Arc<Shared>,
    slot: Option<usize>,
}

impl Pending {
    pub(super) const fn new(shared: Arc<Shared>, slot: usize) -> Self {
        Self { shared, slot: Some(slot) }
    }

    fn try_take(&mut self) -> Option<Outcome> {
        let outcome = self.shared.lock().slots.collect(self.slot?)?;
        self.slot = None;
        Some(outcome)
    }

    fn wait(mut self) -> Option<Outcome> {
        let slot = self.slot.take()?;
        let mut state = self.shared.lock();
        loop {
            if let Some(outcome) = state.slots.collect(slot) {
                return Some(outcome);
            }
            state = self.shared.wait(state);
        }
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Outcome>> {
        let Some(slot) = self.slot else {
            return Poll::Ready(None);
        };
        let mut state = self.shared.lock();
        match state.slots.collect(slot) {
            Some(outcome) => {
                drop(state);
                self.slot = None;
                Poll::Ready(Some(outcome))
            }
            None => {
                state.slots.wake_with(slot, context.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            // The heap is dropped after the lock.
            let outcome = self.shared.lock().slots.abandon(slot);
            drop(outcome);
        }
    }
}

macro_rules! completion {
    ($name:ident, $sent:ident, $make:expr) => {
        impl $name {
            pub(super) const fn new(pending: Pending) -> Self {
                Self(pending)
            }

            /// What became of it, if it has left or failed; otherwise, and when that was taken already, `None`.
            pub fn try_take(&mut self) -> Option<$sent> {
                self.0.try_take().map($make)
            }

            /// Waits until it has left or failed. `None` only when that was taken already.
            #[must_use]
            pub fn wait(self) -> Option<$sent> {
                self.0.wait().map($make)
            }
        }

        impl Future for $name {
            type Output = Option<$sent>;

            /// Ready with `None` only when it was taken already.
            fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<$sent>> {
                self.0.poll(context).map(|outcome| outcome.map($make))
            }
        }
    };
}

completion!(Completion, Sent, |(heaps, result)| match heaps {
    Heaps::One(heap) => Sent { heap, result },
    // A completion of one heap is made for one heap.
    Heaps::Many(mut heaps) => Sent { heap: heaps.swap_remove(0), result },
});
completion!(BatchCompletion, SentBatch, |(heaps, result)| SentBatch { heaps: heaps.into_vec(), result });
