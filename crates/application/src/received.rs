//! [`Received`]: a session that is over, and what is told of objects that did not arrive whole.

use packhorse_buffer::Stage;
use packhorse_buffer::timing::{Row, Timings};

use crate::objects::Object;
use crate::profile::Profile;
use crate::report::ReceiveReport;

/// What is told of an object that did not arrive whole.
pub(crate) fn missing(object: &Object) -> String {
    let Some(receiver) = object.receiver.as_ref() else { return "it did not arrive".to_owned() };
    let advice = if object.fountain.is_some() {
        "send it again, with more repair: --mode fountain=PERCENT, or --expect-loss"
    } else {
        "send it again, on a link that loses packets with --mode fountain=PERCENT or repeat=N"
    };
    match (receiver.layout(), receiver.missing()) {
        (Some(layout), missing) if missing > 0 => {
            format!("{missing} of {} blocks are missing; {advice}", layout.blocks())
        }
        (Some(_), _) => format!("its end is missing, so it could not be verified; {advice}"),
        (None, missing) => format!("its end and at least {missing} blocks are missing; {advice}"),
    }
}

/// A session that is over: what was received, and where the time went.
pub struct Received<P: Profile> {
    /// What was received.
    pub report: ReceiveReport,
    pub(crate) stack: P::Stack,
    pub(crate) received: Stage<P::Probe>,
    pub(crate) deframed: Stage<P::Probe>,
    pub(crate) written: Stage<P::Probe>,
}

impl<P: Profile> Timings for Received<P> {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        self.received.visit(see);
        self.deframed.visit(see);
        self.stack.visit(see);
        self.written.visit(see);
    }
}
