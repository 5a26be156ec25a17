//! The network's ends as [`SendRecords`] and [`ReceiveRecords`]: what batchers, pipelines and programs are generic over.

use core::time::Duration;

use super::{Claim, Message, Receiver, Sender};
use crate::{
    ClaimedRecord, Metrics, Mode, ReceiveError, ReceiveRecords, ReceivedRecord, SendError, SendRecords,
};

impl ClaimedRecord for Claim<'_> {
    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
    fn publish(self) -> Result<(), SendError> {
        self.publish();
        Ok(())
    }
}

impl ReceivedRecord for Message<'_> {
    fn kind(&self) -> u32 {
        self.kind()
    }
}

impl<M: Mode> SendRecords for Sender<M> {
    type Claim<'a> = Claim<'a>;
    fn claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_>, SendError> {
        self.claim(kind, len)
    }
    fn try_claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_>, SendError> {
        self.try_claim(kind, len)
    }
    fn largest(&self) -> usize {
        self.message_max()
    }
    fn is_idle(&self) -> bool {
        self.depth() == 0
    }
    fn flush(&mut self) -> Result<(), SendError> {
        self.flush()
    }
    fn stop(&self) {
        self.stop();
    }
    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
    fn metrics(&self) -> Metrics {
        self.metrics()
    }
}

impl<M: Mode> ReceiveRecords for Receiver<M> {
    type Message<'a> = Message<'a>;
    fn try_receive(&mut self) -> Result<Message<'_>, ReceiveError> {
        self.try_receive()
    }
    fn receive(&mut self) -> Result<Message<'_>, ReceiveError> {
        self.receive()
    }
    fn receive_timeout(&mut self, within: Duration) -> Result<Message<'_>, ReceiveError> {
        self.receive_timeout(within)
    }
    fn stop(&self) {
        self.stop();
    }
    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
    fn metrics(&self) -> Metrics {
        self.metrics()
    }
}
