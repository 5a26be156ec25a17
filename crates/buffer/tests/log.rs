//! The log macros: nothing runs when nobody listens, and lines arrive when somebody does.

use core::cell::Cell;

use packhorse_buffer::{log_debug, log_error, log_info, log_trace, log_warn};

#[cfg(any(feature = "tracing", not(feature = "defmt")))]
#[test]
fn arguments_are_not_evaluated_when_nobody_listens() {
    let asked = Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        asked.get()
    };
    log_trace!("a packet of {} bytes", ask());
    log_debug!("dropped: {}", ask());
    log_info!("a transfer of {:?} started", ask(),);
    log_warn!("again {:x}", ask());
    log_error!("no more");
    assert_eq!(asked.get(), 0);
}

#[test]
fn macros_are_expressions_where_a_match_wants_one() {
    match Some(1) {
        Some(1) => log_debug!("one"),
        Some(other) => log_debug!("{}", other),
        None => {}
    }
}

#[cfg(feature = "tracing")]
#[test]
fn lines_go_to_tracing_with_their_level_and_place() {
    use std::sync::Mutex;

    use packhorse_buffer::log::tracing::{Event, Level, Metadata, Subscriber, field, span, subscriber};

    static SEEN: Mutex<Vec<(Level, String, String)>> = Mutex::new(Vec::new());

    struct Listener;
    struct Text(String);

    impl field::Visit for Text {
        fn record_debug(&mut self, field: &field::Field, value: &dyn core::fmt::Debug) {
            assert_eq!(field.name(), "message");
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
            let metadata = event.metadata();
            SEEN.lock().unwrap().push((*metadata.level(), metadata.target().to_owned(), text.0));
        }
    }

    subscriber::with_default(Listener, || {
        log_warn!("block {} of {:?}", 3, "file");
        log_trace!("below the level: {}", unreachable_argument());
    });
    assert_eq!(*SEEN.lock().unwrap(), [(Level::WARN, "log".to_owned(), "block 3 of \"file\"".to_owned())]);
}

#[cfg(feature = "tracing")]
fn unreachable_argument() -> u8 {
    panic!("the level is off")
}
