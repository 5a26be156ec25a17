//! What a damaged stream leaves in the log.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use std::sync::Mutex;

use packhorse_buffer::log::tracing::{Event, Level, Metadata, Subscriber, field, span, subscriber};
use packhorse_buffer::{Layer, PacketBuf};
use packhorse_link::{Check, Crc32c, LengthPrefixed};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;
struct Text(String);

impl field::Visit for Text {
    fn record_debug(&mut self, _: &field::Field, value: &dyn core::fmt::Debug) {
        self.0 = format!("{value:?}");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        SEEN.lock().unwrap().push(text.0);
    }
}

#[test]
fn a_damaged_stream_logs_each_cause_once_and_a_sound_one_nothing() {
    let packets: Vec<_> = (1..4u8).map(|n| common::checked(&[n; 20])).collect();
    let frames = common::frames(&mut LengthPrefixed::new(100), &packets);
    let lines = |stream: &[u8]| {
        let check =
            |packet: &[u8]| Check::<Crc32c>::new().pull(&mut PacketBuf::filled(packet.to_vec())).is_ok();
        subscriber::with_default(Listener, || {
            // One byte at a time: a run of junk is one line all the same.
            common::receive(&mut LengthPrefixed::new(100), stream, &[1], 400, check);
        });
        core::mem::take(&mut *SEEN.lock().unwrap())
    };
    assert!(lines(&frames.concat()).is_empty());

    let mut damaged = [b"noise", &frames.concat()[..]].concat();
    damaged[5 + 10] ^= 1;
    damaged.truncate(damaged.len() - 3);
    let lines = lines(&damaged);
    let having = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((having("check is"), having("cut short")), (1, 1), "{lines:?}");
    // The noise, the refused packet, and the one that was cut.
    assert_eq!(having("junk"), 3, "{lines:?}");
}
