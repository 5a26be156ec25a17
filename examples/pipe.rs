//! A folder goes from one thread to another over a pipe of the operating system: the facade, without the program.
//!
//! The same two functions work over any `Transport`. Over standard input and output they are `send` and `receive`.

// ANCHOR: session
use core::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, thread};

use packhorse::application::{Catalog, Inbox, Target, Until};
use packhorse::prelude::*;
use packhorse::transport::PipeWriter;
use packhorse::{ReceiveOutcome, SendOutcome, receive_from, send_to};

fn session(outbox: PathBuf, inbox: &Path) -> Result<(SendOutcome, ReceiveOutcome), Box<dyn Error>> {
    let (reader, writer) = PipeWriter::pair()?;
    let target = Target::Folder(Inbox::open(inbox, Existing::Replace)?);
    let receiving = thread::spawn(move || {
        let mut watch = |event: Event<'_>| {
            if let Event::Done { name, bytes, .. } = event {
                println!("{name}: {bytes} bytes, verified");
            }
        };
        // The profile is recognised from the first packet.
        let options = ReceiveOptions::default();
        receive_from(target, reader, Until::LinkEnds, &options, &mut watch)
    });

    let catalog = Catalog::new(&[outbox], None)?;
    let options = SendOptions::default();
    let sent = send_to(catalog, writer, &options, |_messages| (), &mut |_: Event<'_>| ())?;
    // The writer is gone with the session: for the reader the link has ended.
    let received = receiving.join().map_err(|_| "the receiving thread panicked")??;
    Ok((sent, received))
}
// ANCHOR_END: session

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let (outbox, inbox) = (scratch.path().join("photos"), scratch.path().join("inbox"));
    fs::create_dir(&outbox)?;
    fs::write(outbox.join("one.raw"), vec![1; 1_000_000])?;
    fs::write(outbox.join("empty.raw"), [])?;

    let (sent, received) = session(outbox, &inbox)?;
    assert!(sent.error.is_none());
    assert_eq!((sent.report.objects, received.report.objects, received.report.failed), (3, 3, 0));
    assert_eq!(received.profile, ProfileName::Native);
    assert!(fs::read(inbox.join("photos/one.raw"))? == vec![1; 1_000_000]);
    assert_eq!(fs::metadata(inbox.join("photos/empty.raw"))?.len(), 0);
    Ok(())
}
