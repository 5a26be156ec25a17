//! [`send`] and [`receive`]: the agents as async tasks, for executors such as embassy's. No executor is needed to build them.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use packhorse_buffer::{Clock, Instant, PacketBuf};
use packhorse_transfer::{BlockSink, BlockSource};

use crate::answers::Answering;
use crate::inbound::{Event, Inbound};
use crate::modes::Sending;
use crate::outbound::{Outbound, OutboundError, Polled};
use crate::wire::Wire;

/// Why a task ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskError<L, E> {
    /// What the driver of the line says.
    Line(L),
    /// The object could not be sent.
    Outbound(OutboundError<E>),
}

/// Sends everything that `outbound` has, a frame of at most `FRAME` bytes at a time. `until` waits for a time.
///
/// A line that takes nothing holds the task, and no other one, until it takes something: put a timeout around this where that can be
/// for ever. Dropped while a frame is being written, the rest of that frame is lost, as if the line had damaged it.
///
/// # Errors
/// When the line or the source fails.
pub async fn send<W, M, L, O, C, const PACKET: usize, const MESSAGE: usize, const FRAME: usize>(
    outbound: &mut Outbound<'_, W, PACKET, MESSAGE, M>,
    source: &mut O,
    line: &mut L,
    clock: &C,
    mut until: impl AsyncFnMut(Instant),
) -> Result<(), TaskError<L::Error, O::Error>>
where
    W: Wire,
    M: Sending,
    L: embedded_io_async::Write,
    O: BlockSource,
    C: Clock,
{
    let mut frame = PacketBuf::new([0; FRAME]);
    loop {
        match outbound.poll(clock.now(), source, &mut frame).map_err(TaskError::Outbound)? {
            Polled::Frame => line.write_all(frame.as_slice()).await.map_err(TaskError::Line)?,
            Polled::Wait(then) => until(then).await,
            Polled::Done => return line.flush().await.map_err(TaskError::Line),
        }
    }
}

/// Receives until the line ends, which is when a read brings nothing, and what is there then is verified; tells `see` what happens.
///
/// An error of the line does not end it: noise is why most drivers tell of one. Whatever was not whole is forgotten, the error is
/// [counted](crate::inbound::InboundStats::interruptions), and other tasks have a turn before the next read. Whoever wants to
/// stop drops the future: nothing is lost but the call, since all that is known is in `inbound`.
pub async fn receive<W, A, L, O, C, const MEMORY: usize, const MESSAGE: usize, const BITMAP: usize>(
    inbound: &mut Inbound<W, MEMORY, MESSAGE, BITMAP, A>,
    sink: &mut O,
    line: &mut L,
    clock: &C,
    see: &mut dyn FnMut(Event<'_>),
) where
    W: Wire,
    A: Answering,
    L: embedded_io_async::Read,
    O: BlockSource + BlockSink,
    C: Clock,
{
    loop {
        let read = {
            let (spare, objects) = inbound.split();
            let mut read = pin!(line.read(spare));
            // While nothing comes, what is there is hashed; the read is not given up for it, which not every driver can bear.
            poll_fn(|context| {
                let polled = read.as_mut().poll(context);
                if polled.is_pending() && objects.is_verifying() {
                    objects.hash(clock.now(), sink, see);
                    context.waker().wake_by_ref();
                }
                polled
            })
            .await
        };
        match read {
            Ok(0) => {
                let (_, objects) = inbound.split();
                while objects.hash(clock.now(), sink, see) {}
                return;
            }
            Ok(len) => inbound.take(clock.now(), len, sink, see),
            Err(_) => {
                inbound.interrupted();
                turn().await;
            }
        }
    }
}

/// Gives other tasks a turn: a line that says nothing but errors keeps nobody waiting.
async fn turn() {
    let mut given = false;
    poll_fn(|context| {
        if core::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
