//! One message there and its answer back, at a time: over two channels, one each way.
//!
//! ```text
//!   here   --ADDRESS-->        there: answers each message with the same bytes
//!          <--ADDRESS-back--
//! ```
//! On tcp and udp the second channel has the next port.

use std::thread::{self, JoinHandle};

use anyhow::{Context as _, bail, ensure};
use packhorse::channel::placement::pin;
use packhorse::channel::{Address, ClaimedRecord as _, ReceiveError, ReceiveRecords, SendRecords};

use super::parts::{Plan, Took};
use super::report::Report;
use super::stamp::{Stamp, now};
use super::{free, joined, listening, opening};
use crate::channel::args::BenchArgs;
use crate::channel::open::{Opening, WithReceiver, WithSender};
use crate::exit::Exit;

/// Round trips before the clock counts.
const WARM: u64 = 500;

pub(super) fn run(args: &BenchArgs) -> anyhow::Result<Exit> {
    ensure!(args.senders == 1 && args.receivers == 1, "ping-pong is between two");
    let plan = Plan::of(args);
    if args.part {
        println!("ready");
        answer(args, &args.address, &plan)?;
        println!("{{}}");
        return Ok(Exit::Done);
    }
    let (child, address, thread) = if args.processes {
        let (child, address) = super::child(args)?;
        (Some(child), address, None)
    } else {
        let address = free(&args.address)?;
        let (own, at, table) = (args.clone(), address.clone(), plan.clone());
        (None, address, Some(thread::spawn(move || answer(&own, &at, &table))))
    };
    // This end listens for the answers before it asks.
    let back = opening(args, &back(&address)?);
    let answers = Opening { address: listening(&back.address), ..back };
    let begin = now();
    let answers = answers.receiver(Boxed)?;
    let took = joined(opening(args, &address).sender(Asking { plan: plan.clone(), answers })?)?;
    if let Some(child) = child {
        super::finished(child)?;
    }
    if let Some(thread) = thread {
        joined(thread)?;
    }
    let report = Report {
        args,
        messages: took.messages,
        lost: plan.messages - took.messages,
        wrong: took.wrong,
        blocks: 0,
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        seconds: took.end.saturating_sub(begin).max(1) as f64 / 1e9,
        latency: &took.latency,
    };
    report.print(args.json);
    Ok(if took.wrong == 0 { Exit::Done } else { Exit::Damaged })
}

/// The address of the way back.
fn back(address: &Address) -> anyhow::Result<Address> {
    Ok(match address {
        Address::Memory(name) => Address::Memory(format!("{name}-back")),
        Address::Ipc(name) => Address::Ipc(format!("{name}-back")),
        Address::Tcp { host, port } => Address::Tcp { host: host.clone(), port: next(*port)? },
        Address::Udp { host, port } => Address::Udp { host: host.clone(), port: next(*port)? },
        other => bail!("there is no way back from {other}"),
    })
}

fn next(port: u16) -> anyhow::Result<u16> {
    port.checked_add(1).context("the way back needs the next port, and there is none")
}

/// Receives one message and gives it to whom it is told.
type Receive = Box<dyn FnMut(&mut dyn FnMut(&[u8])) -> Result<(), ReceiveError> + Send>;

/// A receiver whose type is forgotten: both ends together have one, and not one for each pair of carriers and modes.
struct Boxed;

impl WithReceiver for Boxed {
    type Out = Receive;

    fn with<R: ReceiveRecords + Send + 'static>(self, mut receiver: R) -> anyhow::Result<Receive> {
        Ok(Box::new(move |take| {
            take(&receiver.receive()?);
            Ok(())
        }))
    }
}

/// The end that asks.
struct Asking {
    plan: Plan,
    answers: Receive,
}

impl WithSender for Asking {
    type Out = JoinHandle<anyhow::Result<Took>>;

    fn with<S: SendRecords + Send + 'static>(self, mut sender: S) -> anyhow::Result<Self::Out> {
        let Self { plan, mut answers } = self;
        let ask = move || {
            if let Some(cpu) = plan.cpu(0) {
                pin(cpu).with_context(|| format!("cannot run on processor {cpu}"))?;
            }
            let mut took = Took::default();
            for number in 0..plan.messages + WARM {
                let stamp = Stamp { number, time: now(), sender: 0 };
                let mut claim = sender.claim(1, plan.size).context("cannot send")?;
                stamp.write(&mut claim);
                claim.publish().context("cannot send")?;
                let mut same = false;
                answers(&mut |answer| same = Stamp::read(answer) == Some(stamp)).context("no answer came")?;
                if number >= WARM {
                    took.latency.saturating_record(now().saturating_sub(stamp.time).max(1));
                    took.messages += 1;
                }
                took.wrong += u64::from(!same);
            }
            took.end = now();
            Ok(took)
        };
        thread::Builder::new().name("ping".to_owned()).spawn(ask).context("cannot start a thread")
    }
}

/// The end that answers.
fn answer(args: &BenchArgs, address: &Address, plan: &Plan) -> anyhow::Result<()> {
    let way_back = match back(address)? {
        Address::Tcp { port, .. } => Address::Tcp { host: "127.0.0.1".to_owned(), port },
        Address::Udp { port, .. } => Address::Udp { host: "127.0.0.1".to_owned(), port },
        other => other,
    };
    let mut questions = opening(args, &listening(address)).receiver(Boxed)?;
    // Over a network each end lets the other in while it receives: whoever answers waits for a question first.
    let mut first = Vec::new();
    questions(&mut |question| first = question.to_vec()).context("no question came")?;
    opening(args, &way_back).sender(Answering { questions, first, cpu: plan.cpu(1) })
}

/// The end that answers.
struct Answering {
    questions: Receive,
    first: Vec<u8>,
    cpu: Option<usize>,
}

impl WithSender for Answering {
    type Out = ();

    fn with<S: SendRecords + Send + 'static>(self, mut sender: S) -> anyhow::Result<()> {
        let Self { mut questions, first, cpu } = self;
        if let Some(cpu) = cpu {
            pin(cpu).with_context(|| format!("cannot run on processor {cpu}"))?;
        }
        sender.send(1, &first).context("cannot answer")?;
        loop {
            let mut answered = Ok(());
            match questions(&mut |question| answered = sender.send(1, question)) {
                Ok(()) => answered.context("cannot answer")?,
                Err(ReceiveError::Stopped) => return Ok(()),
                Err(error) => return Err(error).context("cannot receive"),
            }
        }
    }
}
