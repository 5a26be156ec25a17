//! Two processes over ipc, beside the same two ends as threads.
//!
//! The other process is this benchmark again, told by its first argument.

use core::time::Duration;
use std::process::{Command, Stdio};
use std::time::Instant;

use packhorse_channel::{Builder, Channel, Spin, Spsc};

use crate::contest::{Options, pair, pin, rates};
use crate::one_to_one::check;

const SLOTS: usize = 1024;
type Message = [u64; 8];

/// What the other process is told.
pub(crate) const OTHER: &str = "other-process";

pub(crate) fn run(options: &Options) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let messages = options.thousands * 1000;
    let threads_name = format!("ipc://bench-threads-{}", std::process::id());
    rates(
        options,
        "two threads, two processes",
        messages,
        &[
            ("memory, two threads", &|n| threads(n, Channel::anonymous())),
            ("ipc, two threads", &|n| threads(n, Channel::at(&threads_name).expect("an address"))),
            ("ipc, two processes", &processes),
        ],
    );
}

fn open(builder: Builder) -> Builder<Spin> {
    builder.capacity(SLOTS * size_of::<Message>()).prefault().wait::<Spin>()
}

fn send(builder: Builder, messages: u64) {
    let mut sender = open(builder).typed_sender::<Message, Spsc>().expect("a sender");
    fill(&mut sender, messages);
}

fn fill(sender: &mut packhorse_channel::typed::Sender<Message, Spsc, Spin>, messages: u64) {
    for number in 0..messages {
        let mut claim = sender.claim().expect("room");
        claim.fill(number);
        claim.publish();
    }
}

fn threads(messages: u64, builder: Builder) -> Duration {
    let (mut sender, mut receiver) = open(builder).typed::<Message, Spsc>().expect("a channel");
    pair(
        move || fill(&mut sender, messages),
        move || {
            for number in 0..messages {
                check(&receiver.receive().expect("a message"), number);
            }
        },
    )
}

fn processes(messages: u64) -> Duration {
    let name = format!("ipc://bench-{}", std::process::id());
    let builder = || Channel::at(&name).expect("an address");
    let mut receiver = open(builder()).typed_receiver::<Message, Spsc>().expect("a receiver");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([OTHER, &name, &messages.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .expect("another process");
    let time = std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            pin(1);
            check(&receiver.receive().expect("a message"), 0);
            // From the first message on: starting a process is not what is measured.
            let start = Instant::now();
            for number in 1..messages {
                check(&receiver.receive().expect("a message"), number);
            }
            start.elapsed()
        });
        receiving.join().expect("no panic")
    });
    assert!(child.wait().expect("the other process").success());
    time
}

/// The other process.
pub(crate) fn other(args: &[String]) {
    pin(0);
    let messages = args[1].parse().expect("a number");
    send(Channel::at(&args[0]).expect("an address"), messages);
}
