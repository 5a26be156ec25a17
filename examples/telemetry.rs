//! Messages pass a file that is under way: telemetry beside a transfer, on one link.
//!
//! The file is paced to take half a second. Meanwhile another thread sends readings on the telemetry channel.

use core::error::Error;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::{fs, thread};

use packhorse::application::{Catalog, Inbox, Messages, Target, Until};
use packhorse::prelude::*;
use packhorse::transport::{PipeReader, PipeWriter};
use packhorse::{ReceiveOutcome, SendOutcome, receive_from, send_to};

/// Readings that are sent.
const READINGS: u32 = 10;

// ANCHOR: send
fn send_beside(file: PathBuf, link: PipeWriter) -> Result<SendOutcome, Box<dyn Error>> {
    let start = |messages: Messages| {
        thread::spawn(move || {
            for number in 1..=READINGS {
                let reading = format!("reading {number}: 7.9 V, 21.5 C");
                // False once the session is over.
                if !messages.send(Channel::TELEMETRY, reading.into_bytes()) {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
    };
    let options = SendOptions { block: Some(1000), rate: Some(200_000), ..SendOptions::default() };
    Ok(send_to(Catalog::new(&[file], None)?, link, &options, start, &mut |_: Event<'_>| ())?)
}
// ANCHOR_END: send

// ANCHOR: receive
/// What arrived, in the order in which it did.
fn receive_all(link: PipeReader, inbox: &Path) -> Result<(ReceiveOutcome, Vec<String>), packhorse::Error> {
    let mut seen = Vec::new();
    let mut watch = |event: Event<'_>| match event {
        Event::Message { channel, bytes } if channel == Channel::TELEMETRY.get() => {
            seen.push(String::from_utf8_lossy(bytes).into_owned());
        }
        Event::Done { name, .. } => seen.push(name.to_owned()),
        _ => {}
    };
    let target = Target::Folder(Inbox::open(inbox, Existing::Replace)?);
    let outcome = receive_from(target, link, Until::LinkEnds, &ReceiveOptions::default(), &mut watch)?;
    Ok((outcome, seen))
}
// ANCHOR_END: receive

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let (file, inbox) = (scratch.path().join("photo.raw"), scratch.path().join("inbox"));
    fs::write(&file, vec![7; 100_000])?;
    let (reader, writer) = PipeWriter::pair()?;

    let receiving = thread::spawn(move || receive_all(reader, &inbox));
    let sent = send_beside(file, writer)?;
    let (received, seen) = receiving.join().map_err(|_| "the receiving thread panicked")??;

    seen.iter().for_each(|line| println!("{line}"));
    assert!(sent.error.is_none());
    assert_eq!(sent.report.messages, u64::from(READINGS));
    assert_eq!((received.report.objects, received.report.messages), (1, u64::from(READINGS)));
    assert_eq!(seen.last().map(String::as_str), Some("photo.raw"), "the readings did not wait for the file");
    Ok(())
}
