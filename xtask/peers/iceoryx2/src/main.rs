//! 64-byte messages between two processes, one by one: a channel over ipc beside iceoryx2, in turns, contents checked.
//!
//! ```text
//!   this program --starts--> itself, with the name of a side, of a channel, and how many
//!     receives  <----------- sends
//! ```
//! Both have 1024 slots, lose nothing, fill and read in place, and look again without sleeping. `cargo xtask bench
//! channel-peers` runs it.

use std::error::Error;
use std::hint::spin_loop;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory as Service;
use packhorse_channel::{Builder, Channel, Spin, Spsc};

type Failure = Box<dyn Error + Send + Sync>;
type Message = [u64; 8];

const SLOTS: usize = 1024;
const MESSAGES: u64 = 1_000_000;
const ROUNDS: usize = 9;

/// Who carries the messages.
#[derive(Clone, Copy)]
enum Side {
    Ours,
    Iceoryx2,
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [side, name, messages] = &args[..] {
        pin(0);
        let messages = messages.parse()?;
        return if side == "ours" { send(name, messages) } else { publish(name, messages) };
    }
    let rounds = args.first().map_or(Ok(ROUNDS), |text| text.parse())?.max(1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In threads of their own: a process that is started inherits where its starter is kept.
        for (side, rates) in [(Side::Ours, &mut ours), (Side::Iceoryx2, &mut theirs)] {
            let measured = std::thread::spawn(move || rate(side, round)).join();
            rates.push(measured.map_err(|_| "the receiver panicked")??);
        }
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("64-byte messages between two processes, million a second");
    println!("  packhorse ipc  {ours:8.2}");
    println!("  iceoryx2       {theirs:8.2}");
    println!("  ratio          {:8.2}", ours / theirs);
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Million messages a second, from the first message on: starting a process is not what is measured.
fn rate(side: Side, round: usize) -> Result<f64, Failure> {
    let name = format!("beside-{}-{round}", std::process::id());
    let time = match side {
        Side::Ours => receive(&name)?,
        Side::Iceoryx2 => subscribe(&name)?,
    };
    Ok((MESSAGES - 1) as f64 / time.as_secs_f64() / 1e6)
}

/// The other process.
fn other(side: &str, name: &str) -> Result<std::process::Child, Failure> {
    let program = std::env::current_exe()?;
    Ok(Command::new(program).args([side, name, &MESSAGES.to_string()]).stdin(Stdio::null()).spawn()?)
}

/// Receives all of them from `next`, and checks them.
fn take(mut child: std::process::Child, mut next: impl FnMut(u64)) -> Result<Duration, Failure> {
    pin(1);
    next(0);
    let begin = Instant::now();
    (1..MESSAGES).for_each(next);
    let time = begin.elapsed();
    if child.wait()?.success() { Ok(time) } else { Err("the other process failed".into()) }
}

fn check(message: &Message, number: u64) {
    let wrong = message.iter().fold(0, |wrong, word| wrong | (word ^ number));
    assert_eq!(wrong, 0, "message {number} has other contents");
}

fn channel(name: &str) -> Result<Builder<Spin>, Failure> {
    let address = format!("ipc://{name}");
    Ok(Channel::at(&address)?.capacity(SLOTS * size_of::<Message>()).prefault().wait::<Spin>())
}

fn receive(name: &str) -> Result<Duration, Failure> {
    let mut receiver = channel(name)?.typed_receiver::<Message, Spsc>()?;
    let child = other("ours", name)?;
    take(child, |number| check(&receiver.receive().expect("a message"), number))
}

fn send(name: &str, messages: u64) -> Result<(), Failure> {
    let mut sender = channel(name)?.typed_sender::<Message, Spsc>()?;
    for number in 0..messages {
        let mut claim = sender.claim()?;
        claim.fill(number);
        claim.publish();
    }
    Ok(())
}

fn service(name: &str) -> Result<Service<ipc::Service, Message, ()>, Failure> {
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    Ok(node
        .service_builder(&name.try_into()?)
        .publish_subscribe::<Message>()
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(SLOTS)
        .open_or_create()?)
}

fn subscribe(name: &str) -> Result<Duration, Failure> {
    let service = service(name)?;
    let subscriber: Subscriber<ipc::Service, Message, ()> =
        service.subscriber_builder().buffer_size(SLOTS).create()?;
    let child = other("iceoryx2", name)?;
    // Dropped with what it captures: the publisher waits for that.
    take(child, move |number| {
        loop {
            match subscriber.receive().expect("a connection") {
                Some(sample) => return check(sample.payload(), number),
                None => spin_loop(),
            }
        }
    })
}

fn publish(name: &str, messages: u64) -> Result<(), Failure> {
    let service = service(name)?;
    let publisher: Publisher<ipc::Service, Message, ()> = service
        .publisher_builder()
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    for number in 0..messages {
        // Where there is no room it says that nobody got it.
        while publisher.loan_uninit()?.write_payload([number; 8]).send()? == 0 {
            spin_loop();
        }
    }
    // What was sent lies in this end's memory: it stays until all of it was read.
    while service.dynamic_config().number_of_subscribers() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Keeps this thread on one of the cores that this process may use.
fn pin(core: usize) {
    if let Some(cores) = core_affinity::get_core_ids()
        && let Some(core) = cores.get(core % cores.len().max(1))
    {
        core_affinity::set_for_current(*core);
    }
}
