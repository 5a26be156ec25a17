//! `packhorse channel bench`: how fast a carrier moves messages on this machine, and how long one takes.
//!
//! ```text
//!   highest rate   senders  ---- as fast as they can ---->  receivers       messages a second
//!   --rate         a timetable; stamp = the time in it -->  reading - stamp  coordinated omission is not possible
//!   --ping-pong    one message there, its answer back                        round trips
//! ```
//!
//! Not a comparison with other libraries: that is `cargo xtask bench channel`. Every message says whose it is and its
//! number, and what arrives is checked.

mod parts;
mod ping_pong;
mod report;
mod stamp;

use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, bail, ensure};
use packhorse::channel::{Address, BackPressure, ModeName};

use super::args::BenchArgs;
use super::open::{Opening, options};
use crate::exit::Exit;
use parts::{Plan, Reading, Sent, Took, Writing};
use report::Report;

pub(super) fn run(args: &BenchArgs) -> anyhow::Result<Exit> {
    ensure!(
        args.size as usize >= stamp::LEN,
        "a message that can be checked has at least {} bytes",
        stamp::LEN
    );
    ensure!(args.senders > 0 && args.receivers > 0, "at least one sender and one receiver");
    ensure!(args.senders == 1 || args.mode.many_senders(), "{} has one sender", args.mode);
    ensure!(args.receivers == 1 || args.mode.many_receivers(), "{} has one receiver", args.mode);
    let network = matches!(args.address, Address::Tcp { .. } | Address::Udp { .. });
    ensure!(
        !args.processes || !matches!(args.address, Address::Memory(_)),
        "two processes cannot share memory://"
    );
    if args.ping_pong {
        return ping_pong::run(args);
    }
    let plan = Plan::of(args);
    if args.part {
        let took = receive(args, &plan)?;
        println!("{}", took.to_json());
        return Ok(Exit::Done);
    }
    let opening = opening(args, &args.address);
    let (sent, took) = if args.processes {
        let (child, address) = child(args)?;
        let sent = send(&Opening { address, ..opening }, &plan)?;
        (sent, Took::from_json(&finished(child)?)?)
    } else if network {
        // The receiver listens, and lets the senders in while it receives.
        let address = free(&args.address)?;
        let (own, table) = (args.clone(), plan.clone());
        let listens = listening(&address);
        let receiving = thread::spawn(move || receive(&BenchArgs { address: listens, ..own }, &table));
        let sent = send(&Opening { address, ..opening }, &plan)?;
        (sent, joined(receiving)?)
    } else {
        let ready = ready(&opening, &plan, args.receivers)?;
        let sent = send(&opening, &plan)?;
        (sent, ready.wait()?)
    };
    let report = Report::of(args, &plan, &sent, &took);
    report.print(args.json);
    let whole = matches!(args.address, Address::Udp { .. }) || took.is_whole(&plan, &sent);
    Ok(if whole { Exit::Done } else { Exit::Damaged })
}

fn opening(args: &BenchArgs, address: &Address) -> Opening {
    let capacity = args.capacity as usize;
    let mut options = options(BackPressure::Block, Some(capacity));
    options.senders_max = args.senders as usize;
    Opening { address: address.clone(), mode: args.mode, options, capacity: Some(capacity) }
}

/// Receivers that have their ends already.
struct Ready(Vec<thread::JoinHandle<anyhow::Result<Took>>>);

fn ready(opening: &Opening, plan: &Plan, receivers: u32) -> anyhow::Result<Ready> {
    let mut threads = Vec::new();
    for number in 0..receivers {
        let cpu = plan.cpu(plan.senders + number);
        threads.push(opening.receiver(Reading { plan: plan.clone(), cpu })?);
    }
    Ok(Ready(threads))
}

impl Ready {
    fn wait(self) -> anyhow::Result<Took> {
        let mut all = Took::default();
        for thread in self.0 {
            all.add(joined(thread)?);
        }
        Ok(all)
    }
}

fn receive(args: &BenchArgs, plan: &Plan) -> anyhow::Result<Took> {
    let ready = ready(&opening(args, &args.address), plan, args.receivers)?;
    if args.part {
        // Whoever started this process may begin.
        println!("ready");
    }
    ready.wait()
}

/// All senders in threads of their own: what they did, from the first message to the last.
fn send(opening: &Opening, plan: &Plan) -> anyhow::Result<Sent> {
    let mut threads = Vec::new();
    for number in 0..plan.senders {
        threads.push(opening.sender(Writing { plan: plan.clone(), number })?);
    }
    let mut all = Sent::default();
    for thread in threads {
        all.add(&joined(thread)?);
    }
    Ok(all)
}

fn joined<T>(thread: thread::JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    match thread.join() {
        Ok(result) => result,
        Err(_) => bail!("a thread panicked"),
    }
}

/// Port 0 becomes one that is free now.
fn free(address: &Address) -> anyhow::Result<Address> {
    let text = address.to_string();
    let Some(base) = text.strip_suffix(":0") else { return Ok(address.clone()) };
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(format!("{base}:{}", listener.local_addr()?.port()).parse()?)
}

/// Where a receiver listens that others reach at `address`.
fn listening(address: &Address) -> Address {
    match address {
        Address::Tcp { port, .. } => Address::Tcp { host: String::new(), port: *port },
        Address::Udp { port, .. } => Address::Udp { host: String::new(), port: *port },
        other => other.clone(),
    }
}

/// Starts the receivers as a process, and waits until they have their ends.
fn child(args: &BenchArgs) -> anyhow::Result<(Child, Address)> {
    let address = free(&args.address)?;
    let mut command = Command::new(std::env::current_exe().context("this program is gone")?);
    let numbers = [
        ("--size", u64::from(args.size)),
        ("--messages", Plan::of(args).messages),
        ("--capacity", u64::from(args.capacity)),
        ("--senders", u64::from(args.senders)),
        ("--receivers", u64::from(args.receivers)),
    ];
    command.args([
        "channel",
        "bench",
        &listening(&address).to_string(),
        "--part",
        "--mode",
        args.mode.as_str(),
    ]);
    for (name, number) in numbers {
        command.args([name, &number.to_string()]);
    }
    if let Some(rate) = args.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    if args.ping_pong {
        command.arg("--ping-pong");
    }
    if !args.pin.is_empty() {
        let pin: Vec<String> = args.pin.iter().map(ToString::to_string).collect();
        command.args(["--pin", &pin.join(",")]);
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a process")?;
    let mut ready = [0; 6];
    let output = child.stdout.as_mut().context("the process has no output")?;
    std::io::Read::read_exact(output, &mut ready).context("the receiving process did not start")?;
    Ok((child, address))
}

fn finished(child: Child) -> anyhow::Result<String> {
    let output = child.wait_with_output().context("the receiving process is gone")?;
    ensure!(output.status.success(), "the receiving process ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether each message goes to every receiver.
fn copies(args: &BenchArgs) -> u64 {
    if args.mode == ModeName::Broadcast { u64::from(args.receivers) } else { 1 }
}
