//! Where the time goes: [`Timed`] measures a layer, [`Stage`] anything else, [`Table`] prints both.
//!
//! ```text
//!   Over<Timed<transfer, P>, Over<Timed<packet, P>, Timed<check, P>>>     every layer's own time, push and pull
//!   Stage<P> "read"   Stage<P> "hash"   Stage<P> "write"                  whatever lies around the stack
//! ```
//!
//! What measures is a [`Probe`]: [`Stopwatch`] keeps calls, least, most, total and percentiles;
//! [`NoProbe`] keeps nothing and leaves no code; `Option<Stopwatch>` decides at run time, at the price of a branch.
//! Not a profiler: a stopwatch reads the clock twice a call, which on hosts is some 50 to 150 ns
//! and part of what it measures; `cargo bench -p packhorse-buffer` shows it.

mod stopwatch;
mod table;

pub use stopwatch::{Stopwatch, Summary};
pub use table::{Row, Table, Timings};

use crate::{Layer, NoRoom, PacketBuf, Storage};

/// Measures how long one thing takes, over and over.
pub trait Probe {
    /// What has to be remembered from the start of a measurement to its end.
    type Mark;

    /// A measurement starts.
    fn start(&self) -> Self::Mark;

    /// The measurement that started with `mark` ends. One that is not stopped does not count.
    fn stop(&mut self, mark: Self::Mark);

    /// What was measured so far; `None` when nothing is kept, or nothing was measured.
    fn summary(&self) -> Option<Summary> {
        None
    }

    /// Measures `work` and gives its result.
    #[inline]
    fn time<R>(&mut self, work: impl FnOnce() -> R) -> R
    where
        Self: Sized,
    {
        let mark = self.start();
        let result = work();
        self.stop(mark);
        result
    }
}

/// Measures nothing, takes no memory and leaves no code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoProbe;

impl Probe for NoProbe {
    type Mark = ();

    #[inline(always)]
    fn start(&self) {}
    #[inline(always)]
    fn stop(&mut self, (): ()) {}
}

/// A probe that may be switched off when the program starts: `None` measures nothing.
impl<P: Probe> Probe for Option<P> {
    type Mark = Option<P::Mark>;

    #[inline]
    fn start(&self) -> Self::Mark {
        self.as_ref().map(P::start)
    }
    #[inline]
    fn stop(&mut self, mark: Self::Mark) {
        if let (Some(probe), Some(mark)) = (self, mark) {
            probe.stop(mark);
        }
    }
    fn summary(&self) -> Option<Summary> {
        self.as_ref().and_then(P::summary)
    }
}

/// A probe out of line: a [`Stopwatch`] is some kilobytes large.
#[cfg(feature = "alloc")]
impl<P: Probe> Probe for alloc::boxed::Box<P> {
    type Mark = P::Mark;

    #[inline]
    fn start(&self) -> Self::Mark {
        (**self).start()
    }
    #[inline]
    fn stop(&mut self, mark: Self::Mark) {
        (**self).stop(mark);
    }
    fn summary(&self) -> Option<Summary> {
        (**self).summary()
    }
}

/// A layer whose pushes and pulls are measured. On the wire and to the caller it is the layer itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timed<L, P> {
    /// The layer.
    pub layer: L,
    /// What measures pushing.
    pub push: P,
    /// What measures pulling, refused packets included.
    pub pull: P,
    name: &'static str,
}

impl<L, P: Default> Timed<L, P> {
    /// `layer`, called `name` in tables, measured by fresh probes.
    pub fn new(name: &'static str, layer: L) -> Self {
        Self::with_probes(name, layer, P::default(), P::default())
    }
}

impl<L, P> Timed<L, P> {
    /// `layer`, called `name` in tables, measured by the given probes.
    pub const fn with_probes(name: &'static str, layer: L, push: P, pull: P) -> Self {
        Self { layer, push, pull, name }
    }

    /// What the layer is called in tables.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<L: Layer, P: Probe> Layer for Timed<L, P> {
    const HEADROOM: usize = L::HEADROOM;
    const TAILROOM: usize = L::TAILROOM;
    type Tx = L::Tx;
    type Rx = L::Rx;
    type Error = L::Error;

    #[inline]
    fn push<S: Storage>(&mut self, tx: L::Tx, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let mark = self.push.start();
        let result = self.layer.push(tx, buf);
        self.push.stop(mark);
        result
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<L::Rx, L::Error> {
        let mark = self.pull.start();
        let result = self.layer.pull(buf);
        self.pull.stop(mark);
        result
    }
}

/// A probe with a name, for what is not a layer: reading, framing, hashing, writing.
///
/// ```
/// use packhorse_buffer::timing::{Probe, Stage, Stopwatch, Table};
/// # #[cfg(feature = "std")] {
/// let mut hash: Stage<Stopwatch> = Stage::new("hash");
/// let sum: u32 = hash.time(|| (0..1000).sum());
/// assert_eq!(hash.summary().map(|times| times.calls), Some(1));
/// println!("{}", Table(&[&hash]));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Stage<P> {
    /// What measures.
    pub probe: P,
    name: &'static str,
}

impl<P: Default> Stage<P> {
    /// A stage called `name` in tables, measured by a fresh probe.
    pub fn new(name: &'static str) -> Self {
        Self::with_probe(name, P::default())
    }
}

impl<P> Stage<P> {
    /// A stage called `name` in tables, measured by `probe`.
    pub const fn with_probe(name: &'static str, probe: P) -> Self {
        Self { probe, name }
    }

    /// What the stage is called in tables.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<P: Probe> Probe for Stage<P> {
    type Mark = P::Mark;

    #[inline]
    fn start(&self) -> Self::Mark {
        self.probe.start()
    }
    #[inline]
    fn stop(&mut self, mark: Self::Mark) {
        self.probe.stop(mark);
    }
    fn summary(&self) -> Option<Summary> {
        self.probe.summary()
    }
}
