//! Messages between two processes that did not start together, and what one learns when the other is killed.

use core::error::Error;
use std::process::{Child, Command};

// ANCHOR: processes
use packhorse::channel::{Channel, OpenError, ReceiveError, Spsc, typed};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What both programs say: a fixed layout without pointers. They agree on it by its name, size and alignment.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Reading {
    number: u64,
    value: f64,
}

/// One program. Whichever comes first makes the channel; the other finds it by its name.
fn sender(name: &str) -> Result<typed::Sender<Reading, Spsc>, OpenError> {
    Channel::at(name)?.typed_sender()
}

/// The other one. It reads what was sent before it came, too: as long as one of the two is there, so is the channel.
fn receiver(name: &str) -> Result<typed::Receiver<Reading, Spsc>, OpenError> {
    Channel::at(name)?.typed_receiver()
}

/// Reads until the end: how many readings came, and whether the sender left ([`ReceiveError::Stopped`]) or was killed
/// ([`ReceiveError::PeerLost`]).
fn read(receiver: &mut typed::Receiver<Reading, Spsc>) -> (u64, ReceiveError) {
    let mut next = 0;
    loop {
        match receiver.receive() {
            Ok(reading) => {
                assert_eq!((reading.number, reading.value), (next, 0.5), "nothing lost or doubled, in order");
                next += 1;
            }
            Err(end) => return (next, end),
        }
    }
}
// ANCHOR_END: processes

/// This program again, as the process that sends `count` readings.
fn another(name: &str, count: u64) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).args([name, &count.to_string()]).spawn()
}

fn send(name: &str, count: u64) -> Result<(), Box<dyn Error>> {
    let mut sender = sender(name)?;
    for number in 0..count {
        sender.send(Reading { number, value: 0.5 })?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, count] = arguments.as_slice() {
        return send(name, count.parse()?);
    }
    let name = format!("ipc://example-{}", std::process::id());
    let mut readings = receiver(&name)?;
    let mut child = another(&name, 100_000)?;
    let (count, end) = read(&mut readings);
    child.wait()?;
    println!("{count} readings, then: {end}");
    assert_eq!((count, end), (100_000, ReceiveError::Stopped));

    // This one would go on for ever.
    let name = name + "-killed";
    let mut readings = receiver(&name)?;
    let mut child = another(&name, u64::MAX)?;
    assert_eq!(readings.receive().map(|reading| reading.number), Ok(0));
    child.kill()?;
    child.wait()?;
    let end = loop {
        if let Err(end) = readings.receive() {
            break end;
        }
    };
    println!("then: {end}");
    assert_eq!(end, ReceiveError::PeerLost);
    Ok(())
}
