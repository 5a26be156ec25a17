//! [`Aggregator`]: many threads add values, one reads what they come to. Nothing is lost, nothing counts twice.
//!
//! ```text
//!   Adder --.
//!   Adder ---> ring of values (many senders, one receiver) --> Aggregator: sum, or any fold, of what is there
//!   Adder --'
//! ```
//!
//! No locks: an adder never waits for another, only for room. For a plain counter an atomic is enough; this is for
//! values of any fixed layout, and for folds that need each of them once.

use core::ops::AddAssign;
use core::time::Duration;

use crate::typed::{self, Value};
use crate::{Channel, Mpsc, OpenError, ReceiveError, SendError};

/// The reading end: see the [module](self).
#[derive(Debug)]
pub struct Aggregator<T: Value> {
    receiver: typed::Receiver<T, Mpsc>,
    /// Values taken at most in one go, so that adders that never rest cannot hold the reader.
    most: usize,
}

/// An end that adds: one for each thread, by [`try_clone`](Self::try_clone).
#[derive(Debug)]
pub struct Adder<T: Value>(typed::Sender<T, Mpsc>);

impl<T: Value> Aggregator<T> {
    /// Room for `values` values that nobody has read yet, rounded up to a power of two, and for `adders` adders.
    ///
    /// # Errors
    /// [`OpenError::Capacity`] when that is more than the machine has.
    pub fn new(values: usize, adders: usize) -> Result<(Adder<T>, Self), OpenError> {
        let most = values.max(2).next_power_of_two();
        let capacity = most.saturating_mul(size_of::<T>());
        let channel = Channel::anonymous().capacity(capacity).peers(adders.saturating_add(1));
        let (sender, receiver) = channel.typed::<T, Mpsc>()?;
        Ok((Adder(sender), Self { receiver, most }))
    }

    /// The sum of what is there now; `None` when there is nothing.
    ///
    /// # Errors
    /// [`ReceiveError::Stopped`] when all adders are gone and everything has been read.
    pub fn try_aggregate(&mut self) -> Result<Option<T>, ReceiveError>
    where
        T: AddAssign + Copy,
    {
        let mut sum = None;
        self.each(|value| match &mut sum {
            Some(sum) => *sum += *value,
            None => sum = Some(*value),
        })
        .map(|_| sum)
    }

    /// Gives each value that is there now to `take`, once, and tells how many there were.
    ///
    /// # Errors
    /// [`ReceiveError::Stopped`] when all adders are gone and everything has been read.
    pub fn each(&mut self, mut take: impl FnMut(&T)) -> Result<usize, ReceiveError> {
        let mut count = 0;
        while count < self.most {
            match self.receiver.try_receive() {
                Ok(value) => take(&value),
                Err(ReceiveError::Empty) => break,
                // What was read before the end is told first.
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
            count += 1;
        }
        Ok(count)
    }

    /// Waits for a value, at most `within`, and gives it and all that are there then to `take`: how many.
    ///
    /// # Errors
    /// [`ReceiveError::Timeout`], [`ReceiveError::Stopped`].
    pub fn wait_each(&mut self, within: Duration, mut take: impl FnMut(&T)) -> Result<usize, ReceiveError> {
        take(&*self.receiver.receive_timeout(within)?);
        Ok(1 + self.each(take).unwrap_or(0))
    }
}

impl<T: Value> Adder<T> {
    /// Adds a value; waits for room.
    ///
    /// # Errors
    /// [`SendError::Disconnected`] when the aggregator is gone: nobody will ever read it.
    pub fn add(&mut self, value: T) -> Result<(), SendError> {
        self.0.send(value)
    }

    /// Adds a value, if there is room.
    ///
    /// # Errors
    /// [`SendError::Full`], and as [`add`](Self::add).
    pub fn try_add(&mut self, value: T) -> Result<(), SendError> {
        self.0.try_claim().map(|claim| claim.write(value))
    }

    /// Another adder.
    ///
    /// # Errors
    /// [`OpenError::Crowded`] when there are as many as the aggregator was made for.
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        self.0.try_clone().map(Self)
    }
}
