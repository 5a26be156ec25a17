//! Whole sessions allocate for threads, buffers and objects, and nothing for packets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::fs;
use std::thread;

use packhorse::application::{Catalog, Event, Inbox, Target, Until};
use packhorse::prelude::*;
use packhorse::transport::PipeWriter;
use packhorse::{receive_from, send_to};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure_process};
use packhorse_testkit::patterns;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Allocations of sender and receiver together for a file of so many bytes.
fn session(options: &SendOptions, size: usize) -> Counts {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, patterns::random(7, size)).unwrap();
    let inbox = root.path().join("in");
    let counts = measure_process(|| {
        let (reader, writer) = PipeWriter::pair().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let target = Target::Folder(Inbox::open(&inbox, Existing::Replace).unwrap());
                let options = ReceiveOptions { profile: Some(options.profile), ..ReceiveOptions::default() };
                let received =
                    receive_from(target, reader, Until::LinkEnds, &options, &mut |_: Event<'_>| ()).unwrap();
                assert_eq!(received.report.objects, 1);
            });
            let catalog = Catalog::new(core::slice::from_ref(&path), None).unwrap();
            send_to(catalog, writer, options, |_| (), &mut |_: Event<'_>| ()).unwrap();
        });
    });
    assert!(fs::read(&path).unwrap() == fs::read(inbox.join("file")).unwrap());
    counts
}

/// One test, since the whole process is counted.
#[test]
fn a_longer_file_takes_no_more_allocations_a_packet() {
    for (profile, mode, block) in [
        (ProfileName::Native, Mode::Once, 1024),
        (ProfileName::Native, Mode::Repeat { copies: 1 }, 256),
        (ProfileName::Ftag, Mode::Repeat { copies: 3 }, 50),
    ] {
        let options = SendOptions { profile, mode, block: Some(block), ..SendOptions::default() };
        session(&options, 100_000);
        let (short, long) = (session(&options, 500_000), session(&options, 2_500_000));
        let more = 2_000_000 / u64::from(block) * u64::from(mode.copies() + 1);
        let allocations = long.allocations.saturating_sub(short.allocations);
        println!("{profile} {mode:?}: {more} more packets, {allocations} more allocations");
        // What there is goes with slabs, batches and announcements, not with packets.
        assert!(allocations * 20 < more, "{profile} {mode:?}: {allocations} allocations for {more} packets");
    }
}
