//! Selective repeat: every block until it is acknowledged, over links with a way back. No memory of its own: windows lie in
//! slots that the caller gives.
//!
//! - [`Window`](Slot): which blocks of one object are under way, acknowledged, lost.
//! - [`Path`]: what acknowledgements tell about the link: round-trip time, rate, loss; how much may be under way, and how
//!   fast it goes. One for all objects of a session.
//!
//! A block counts as lost when the receiver has seen a packet that was sent three or more packets later. No timer decides
//! that, so neither a long delay nor one that varies causes a repeat; timers only ask again when nothing is heard at all.

mod measure;
mod path;
mod rate;
mod rtt;
mod window;

pub use measure::LinkMeasure;
pub use path::{Heard, Path, Ready, Sent};
pub use rtt::RoundTrip;
pub use window::Slot;
pub(crate) use window::Window;

/// A packet this much later than a missing one has come: the missing one is lost. Links that reorder do so by less.
const REORDER: u64 = 3;
