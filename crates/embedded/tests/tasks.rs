//! The agents as async tasks, over a line whose driver tells of noise.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::RefCell;

use embedded_io::ErrorKind;
use packhorse_buffer::{Clock, Instant};
use packhorse_embedded::inbound::Event;
use packhorse_embedded::wire::Native;
use packhorse_embedded::{AsyncSerial, Inbound, Object, Outbound, SerialError, Wire, hash_of, receive, send};
use packhorse_testkit::{patterns, tasks::block_on};
use packhorse_transfer::SenderConfig;

/// Time stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::ZERO
    }
}

/// What was written can be read, a piece at a time; every `errors`th read is an error of the driver, as framing errors are.
#[derive(Clone)]
struct Line {
    bytes: Rc<RefCell<VecDeque<u8>>>,
    errors: usize,
    reads: usize,
}

impl Line {
    fn new(errors: usize) -> Self {
        Self { bytes: Rc::default(), errors, reads: 0 }
    }
}

impl embedded_io::ErrorType for Line {
    type Error = ErrorKind;
}

impl embedded_io_async::Write for Line {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.bytes.borrow_mut().extend(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_io_async::Read for Line {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!into.is_empty(), "there is always room, so that zero is the end of the line");
        self.reads += 1;
        if self.errors > 0 && self.reads.is_multiple_of(self.errors) {
            return Err(ErrorKind::Other);
        }
        let mut bytes = self.bytes.borrow_mut();
        let len = into.len().min(bytes.len()).min(40);
        into.iter_mut().zip(bytes.drain(..len)).for_each(|(place, byte)| *place = byte);
        Ok(len)
    }
}

/// A line with an object on it, sent so often.
fn sent(mut bytes: &[u8], times: u32, errors: usize) -> Line {
    let size = bytes.len() as u64;
    let hash = hash_of::<<Native as Wire>::Hash, _>(&mut bytes, size).unwrap();
    let mut outbound = Outbound::<Native, 64, 128>::new(SenderConfig::repeat(times), 1);
    outbound.begin(Object { name: "picture.raw", size, hash }).unwrap();
    outbound.end_session();
    let mut line = Line::new(errors);
    block_on(send::<_, _, _, _, _, 64, 128, 72>(&mut outbound, &mut bytes, &mut line, &Still, async |_| {}))
        .unwrap();
    line
}

#[test]
fn errors_of_the_line_are_counted_and_end_nothing() {
    let bytes = patterns::random(1, 3000);
    let mut line = sent(&bytes, 3, 9);
    let mut memory = vec![0; 4096];
    let mut inbound = Inbound::<Native, 192, 160, 96>::new(4096);
    let mut verified = 0;
    let mut see = |event: Event<'_>| verified += u32::from(matches!(event, Event::Verified { .. }));
    block_on(receive(&mut inbound, &mut &mut memory[..], &mut line, &Still, &mut see));
    assert_eq!(verified, 1, "{:?}", inbound.stats());
    assert_eq!(memory[..3000], bytes);
    assert_eq!(inbound.stats().interruptions as usize, line.reads / 9);
}

#[test]
fn a_line_that_gives_nothing_but_errors_leaves_other_tasks_their_turn() {
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    let mut line = Line::new(1);
    let mut memory = [0; 64];
    let mut inbound = Inbound::<Native, 192, 160, 96>::new(64);
    {
        let mut sink = &mut memory[..];
        let mut see = |_: Event<'_>| {};
        let mut receiving = pin!(receive(&mut inbound, &mut sink, &mut line, &Still, &mut see));
        for _ in 0..10 {
            assert_eq!(receiving.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        }
    }
    assert_eq!(inbound.stats().interruptions, 10);
}

#[test]
fn an_object_is_verified_while_nothing_comes_any_more() {
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    let bytes = patterns::random(2, 3000);
    let mut line = Open(sent(&bytes, 1, 0));
    let mut memory = vec![0; 4096];
    let mut inbound = Inbound::<Native, 192, 160, 96>::new(4096);
    let mut sink = &mut memory[..];
    let (mut verified, mut turns) = (false, 0);
    {
        let mut see = |event: Event<'_>| verified |= matches!(event, Event::Verified { .. });
        let mut receiving = pin!(receive(&mut inbound, &mut sink, &mut line, &Still, &mut see));
        while turns < 100 {
            assert_eq!(receiving.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
            turns += 1;
        }
    }
    assert!(verified && memory[..3000] == bytes);
}

/// A line that stays open when everything was read.
struct Open(Line);

impl embedded_io::ErrorType for Open {
    type Error = ErrorKind;
}

impl embedded_io_async::Read for Open {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.0.read(into).await {
            Ok(0) => core::future::pending().await,
            other => other,
        }
    }
}

/// Takes nothing.
struct Mute;

impl embedded_io::ErrorType for Mute {
    type Error = core::convert::Infallible;
}

impl embedded_io_async::Write for Mute {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn halves_with_different_errors_are_one_line() {
    use embedded_io_async::{Read as _, Write as _};

    let mut line = AsyncSerial::new(Line::new(1), Mute);
    assert_eq!(block_on(line.write(b"abc")), Ok(3));
    assert_eq!(block_on(line.read(&mut [0; 4])), Err(SerialError::Read(ErrorKind::Other)));
}
