//! A serial line on a pair of pseudo terminals: every byte passes, the speed is set, and a hang-up is an end.
#![cfg(all(feature = "serial", target_os = "linux"))]
#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use packhorse_link::{Boundaries, Transport as _, TransportError};
use packhorse_testkit::patterns;
use packhorse_transport::{Parity, PipeReader, PipeWriter, Serial, SerialOptions};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The far end of the line, and where this end is opened.
fn line() -> (OwnedFd, PathBuf) {
    let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    let name = ptsname(&far, Vec::new()).unwrap();
    (far, name.into_string().unwrap().into())
}

#[test]
fn every_byte_passes_both_ways_as_it_is() {
    let (far, path) = line();
    let (mut reader, mut writer) = Serial::open(&path, &SerialOptions::default()).unwrap().split();
    assert_eq!(reader.boundaries(), Boundaries::Bytes);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (mut far_in, mut far_out) = (PipeReader::new(far.try_clone().unwrap()), PipeWriter::new(far));
    let expected = bytes.clone();
    let sending = thread::spawn(move || {
        writer.send(&bytes).unwrap();
        writer.send_gather(&[b"the ", b"end"]).unwrap();
        writer.finish().unwrap();
        far_out.send(&bytes).unwrap();
        far_out
    });
    let mut into = vec![patterns::FRESH; 5000];
    let mut came = Vec::new();
    while came.len() < expected.len() + 7 {
        let len = far_in.receive(&mut into).unwrap();
        came.extend_from_slice(&into[..len]);
    }
    assert!(came[..expected.len()] == expected && came.ends_with(b"the end"));
    came.clear();
    while came.len() < expected.len() {
        let len = reader.receive(&mut into).unwrap();
        came.extend_from_slice(&into[..len]);
    }
    assert!(came == expected);
    drop(sending.join().unwrap());
}

#[test]
fn a_line_that_hangs_up_is_at_its_end() {
    let (far, path) = line();
    let mut serial = Serial::open(&path, &SerialOptions::default()).unwrap();
    let mut far_out = PipeWriter::new(far);
    far_out.send(b"last words").unwrap();
    let mut into = [0; 100];
    assert_eq!(serial.receive(&mut into).unwrap(), 10);
    drop(far_out);
    assert_eq!(serial.receive(&mut into).unwrap(), 0);
    assert!(matches!(serial.send(b"x"), Err(TransportError::Closed)));
    serial.sender.finish().unwrap();
}

#[test]
fn waiting_ends_in_time() {
    let (_far, path) = line();
    let mut serial = Serial::open(&path, &SerialOptions::default()).unwrap();
    serial.receiver.set_timeout(Some(Duration::from_millis(5)));
    assert!(matches!(serial.receive(&mut [0; 10]), Err(TransportError::WouldBlock)));
    serial.receiver.set_blocking(false);
    assert!(matches!(serial.receive(&mut [0; 10]), Err(TransportError::WouldBlock)));
    assert!(!serial.receiver.wait(Some(Duration::ZERO)).unwrap());
}

#[test]
fn speed_and_format_are_those_asked_for() {
    let (far, path) = line();
    let options =
        SerialOptions { baud: 57_600, stop_bits: 2, parity: Parity::Even, ..SerialOptions::default() };
    let _serial = Serial::open(&path, &options).unwrap();
    let set = rustix::termios::tcgetattr(&far).unwrap();
    assert_eq!((set.input_speed(), set.output_speed()), (57_600, 57_600));
    assert!(set.control_modes.contains(rustix::termios::ControlModes::CSTOPB));
    assert!(!set.local_modes.contains(rustix::termios::LocalModes::ICANON));
}

#[test]
fn what_is_no_line_or_in_use_or_absurd_is_refused() {
    let (_far, path) = line();
    let absurd = SerialOptions { data_bits: 9, ..SerialOptions::default() };
    assert!(Serial::open(&path, &absurd).unwrap_err().to_string().contains("5 to 8"));
    let _first = Serial::open(&path, &SerialOptions::default()).unwrap();
    Serial::open(&path, &SerialOptions::default()).unwrap_err();
    let none = Serial::open("/nonexistent/tty".as_ref(), &SerialOptions::default()).unwrap_err();
    assert_eq!(none.kind(), std::io::ErrorKind::NotFound);
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Serial::open(file.path(), &SerialOptions::default()).unwrap_err();
    assert!(error.to_string().contains("not a serial line"), "{error}");
}
