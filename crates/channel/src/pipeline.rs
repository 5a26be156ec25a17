//! [`Pipeline`]: stages in threads, through which values pass without being moved.
//!
//! ```text
//!             slots with values in them; only their numbers move
//!   input --number--> stage 1 --number--> stage 2 --number--> output
//!     ^                 works in place      works in place      |
//!     '---------------------- number, free again --------------'
//! ```
//!
//! Each arrow is a ring of one sender and one receiver. A value lies in its slot from the first stage to the last and is
//! never copied; slots are made once and used again, so that running allocates nothing. When all slots are on their way
//! the input waits: that is the back pressure. Values leave in the order in which they came.

use alloc::sync::Arc;
use core::any::Any;
use core::ops::{Deref, DerefMut};
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::placement::pin;
use crate::{Channel, OpenError, ReceiveError, SendError, Spsc, typed};

type Numbers = typed::Sender<u32, Spsc>;
type NumbersOut = typed::Receiver<u32, Spsc>;
type Slots<T> = Arc<[Mutex<T>]>;
type Work<T> = Box<dyn FnMut(&mut T) + Send>;

/// Whoever waits for a slot looks after so long whether the pipeline has ended.
const LOOK: Duration = Duration::from_millis(20);

/// A pipeline to be: see the [module](self).
pub struct Builder<T> {
    slots: Vec<T>,
    stages: Vec<Stage<T>>,
}

struct Stage<T> {
    name: String,
    cpu: Option<usize>,
    work: Work<T>,
}

impl<T: Send + 'static> Builder<T> {
    /// A stage behind those that are there. `work` changes each value in place.
    #[must_use]
    pub fn stage(self, name: &str, work: impl FnMut(&mut T) + Send + 'static) -> Self {
        self.add(name, None, work)
    }

    /// The same, with its thread kept on one processor: see [`Cores`](crate::placement::Cores).
    #[must_use]
    pub fn stage_on(self, cpu: usize, name: &str, work: impl FnMut(&mut T) + Send + 'static) -> Self {
        self.add(name, Some(cpu), work)
    }

    fn add(mut self, name: &str, cpu: Option<usize>, work: impl FnMut(&mut T) + Send + 'static) -> Self {
        self.stages.push(Stage { name: name.to_owned(), cpu, work: Box::new(work) });
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`OpenError`]: the system has no more threads, or a stage may not run on its processor.
    pub fn start(self) -> Result<(Input<T>, Output<T>, Pipeline), OpenError> {
        let ring = || {
            // A number for every slot, so that no ring is ever full: only the free ones can run out.
            let bytes = self.slots.len().next_power_of_two().max(2) * size_of::<u32>();
            Channel::anonymous().capacity(bytes).peers(2).typed::<u32, Spsc>()
        };
        let (mut free, taken) = ring()?;
        let (first, mut last) = ring()?;
        let mut stages = Vec::new();
        for _ in &self.stages {
            stages.push(ring()?);
        }
        let slots: Slots<T> = self.slots.into_iter().map(Mutex::new).collect();
        for number in 0..slots.len() {
            // At most as many as the ring was made for.
            let _ = free.send(u32::try_from(number).unwrap_or(u32::MAX));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (stage, (next, behind)) in self.stages.into_iter().zip(stages) {
            let from = core::mem::replace(&mut last, behind);
            let (name, own, ends) = (stage.name.clone(), Arc::clone(&slots), Arc::clone(&ended));
            let (told, started) = std::sync::mpsc::channel();
            let thread = std::thread::Builder::new().name(name.clone());
            let thread = thread.spawn(move || {
                let pinned = stage.cpu.map_or(Ok(()), pin);
                let runs = pinned.is_ok();
                let _ = told.send(pinned);
                if runs { run(stage.work, from, next, &own, &ends) } else { Ok(()) }
            })?;
            // A thread that says nothing did not start to work.
            started.recv().unwrap_or(Ok(()))?;
            threads.push((name, thread));
        }
        let input = Input { slots: Arc::clone(&slots), free: taken, first, ended };
        Ok((input, Output { slots, last, free }, Pipeline { threads }))
    }
}

/// Runs one stage until nothing more comes, or its work panics: what it said then.
fn run<T>(
    mut work: Work<T>,
    mut from: NumbersOut,
    mut to: Numbers,
    slots: &Slots<T>,
    ended: &AtomicBool,
) -> Result<(), String> {
    loop {
        let Ok(number) = from.receive().map(|number| *number) else { return Ok(()) };
        let mut slot = lock(slots, number);
        // The value is left as it is, and nobody looks at it again: the pipeline ends.
        let worked = catch_unwind(AssertUnwindSafe(|| slot.as_deref_mut().map_or((), &mut work)));
        drop(slot);
        if let Err(panic) = worked {
            ended.store(true, Ordering::Release);
            from.stop();
            to.stop();
            return Err(said(&*panic));
        }
        if to.send(number).is_err() {
            ended.store(true, Ordering::Release);
            from.stop();
            return Ok(());
        }
    }
}

/// Slots are only locked by who has their number, so nobody ever waits here.
fn lock<T>(slots: &Slots<T>, number: u32) -> Option<MutexGuard<'_, T>> {
    slots.get(number as usize).map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// The running threads.
#[derive(Debug)]
pub struct Pipeline {
    threads: Vec<(String, JoinHandle<Result<(), String>>)>,
}

impl Pipeline {
    /// A pipeline whose values live in `slots` slots, each made by `make`.
    ///
    /// # Panics
    /// With more than 2^27 slots.
    pub fn of<T: Send + 'static>(slots: usize, make: impl FnMut() -> T) -> Builder<T> {
        assert!(slots <= 1 << 27, "more slots than can be numbered");
        Builder { slots: core::iter::repeat_with(make).take(slots.max(1)).collect(), stages: Vec::new() }
    }

    /// Waits until all stages have ended, which they do when the input is dropped and everything has left by the output.
    ///
    /// # Errors
    /// [`StagePanic`] of the first stage that panicked. The values that were in the pipeline then are lost.
    pub fn join(self) -> Result<(), StagePanic> {
        let mut first = Ok(());
        for (stage, thread) in self.threads {
            let ended = thread.join().unwrap_or_else(|panic| Err(said(&*panic)));
            if let (Ok(()), Err(said)) = (&first, ended) {
                first = Err(StagePanic { stage, said });
            }
        }
        first
    }
}

/// Where values come in. Dropping it ends the pipeline behind the last value.
pub struct Input<T> {
    slots: Slots<T>,
    free: NumbersOut,
    first: Numbers,
    ended: Arc<AtomicBool>,
}

impl<T> Input<T> {
    /// A free slot, as long as it takes; it holds what an earlier value left.
    ///
    /// # Errors
    /// [`SendError::Stopped`] when a stage has panicked or the output is gone.
    pub fn claim(&mut self) -> Result<Filling<'_, T>, SendError> {
        let number = loop {
            match self.free.receive_timeout(LOOK).map(|number| *number) {
                Ok(number) => break number,
                // The slots may be lost in a stage that has panicked, while the output is still there.
                Err(ReceiveError::Timeout) if !self.ended.load(Ordering::Acquire) => {}
                Err(_) => return Err(SendError::Stopped),
            }
        };
        self.filling(number)
    }

    /// The same, if there is one now.
    ///
    /// # Errors
    /// [`SendError::Full`], [`SendError::Stopped`].
    pub fn try_claim(&mut self) -> Result<Filling<'_, T>, SendError> {
        let number = self.free.try_receive().map(|number| *number).map_err(|error| match error {
            ReceiveError::Empty => SendError::Full,
            _ => SendError::Stopped,
        })?;
        self.filling(number)
    }

    fn filling(&mut self, number: u32) -> Result<Filling<'_, T>, SendError> {
        if self.ended.load(Ordering::Acquire) {
            return Err(SendError::Stopped);
        }
        let slot = lock(&self.slots, number).ok_or(SendError::Corrupt)?;
        Ok(Filling { slot: Some(slot), number, first: &mut self.first })
    }
}

/// A value on its way in. Dropped, it goes in as it is.
pub struct Filling<'a, T> {
    slot: Option<MutexGuard<'a, T>>,
    number: u32,
    first: &'a mut Numbers,
}

impl<T> Filling<'_, T> {
    /// Sends the value through the stages.
    pub fn publish(self) {}
}

impl<T> Deref for Filling<'_, T> {
    type Target = T;
    #[expect(clippy::expect_used, reason = "it is there until the end of drop")]
    fn deref(&self) -> &T {
        self.slot.as_deref().expect("the slot is held")
    }
}

impl<T> DerefMut for Filling<'_, T> {
    #[expect(clippy::expect_used, reason = "it is there until the end of drop")]
    fn deref_mut(&mut self) -> &mut T {
        self.slot.as_deref_mut().expect("the slot is held")
    }
}

impl<T> Drop for Filling<'_, T> {
    fn drop(&mut self) {
        self.slot = None;
        // A pipeline that was stopped takes nothing more; the next claim says so.
        let _ = self.first.send(self.number);
    }
}

/// Where values come out.
pub struct Output<T> {
    slots: Slots<T>,
    last: NumbersOut,
    free: Numbers,
}

impl<T> Output<T> {
    /// The next value, as long as it takes.
    ///
    /// # Errors
    /// [`ReceiveError::Stopped`] when the input is gone and everything has come, or a stage has panicked.
    pub fn receive(&mut self) -> Result<Finished<'_, T>, ReceiveError> {
        let number = *self.last.receive()?;
        self.finished(number)
    }

    /// The next value, if it comes within that time.
    ///
    /// # Errors
    /// [`ReceiveError::Timeout`], [`ReceiveError::Stopped`].
    pub fn receive_timeout(&mut self, within: Duration) -> Result<Finished<'_, T>, ReceiveError> {
        let number = *self.last.receive_timeout(within)?;
        self.finished(number)
    }

    fn finished(&mut self, number: u32) -> Result<Finished<'_, T>, ReceiveError> {
        let slot = lock(&self.slots, number).ok_or(ReceiveError::Corrupt)?;
        Ok(Finished { slot: Some(slot), number, free: &mut self.free })
    }
}

/// A value that has passed all stages. Dropping it makes its slot free.
pub struct Finished<'a, T> {
    slot: Option<MutexGuard<'a, T>>,
    number: u32,
    free: &'a mut Numbers,
}

impl<T> Deref for Finished<'_, T> {
    type Target = T;
    #[expect(clippy::expect_used, reason = "it is there until the end of drop")]
    fn deref(&self) -> &T {
        self.slot.as_deref().expect("the slot is held")
    }
}

impl<T> DerefMut for Finished<'_, T> {
    #[expect(clippy::expect_used, reason = "it is there until the end of drop")]
    fn deref_mut(&mut self) -> &mut T {
        self.slot.as_deref_mut().expect("the slot is held")
    }
}

impl<T> Drop for Finished<'_, T> {
    fn drop(&mut self) {
        self.slot = None;
        // Nobody puts anything in any more: then nobody misses the slot.
        let _ = self.free.send(self.number);
    }
}

/// A stage panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stage '{stage}' of the pipeline panicked: {said}")]
pub struct StagePanic {
    /// The stage's name.
    pub stage: String,
    /// What the panic said.
    pub said: String,
}
