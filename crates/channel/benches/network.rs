//! Channels over tcp on this machine, beside a raw socket: `cargo bench -p packhorse-channel --bench network`.
//!
//! ```text
//!   rate         64-byte messages as fast as they go, contents checked       wanted: 2 million a second
//!   round trip   one message there and back at a time, in alternate rounds   wanted: 1.1 of a raw socket's at most
//! ```

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use packhorse_channel::net::{self, Options, Receiver, Sender};
use packhorse_channel::{Address, Spsc};

type Failure = Box<dyn core::error::Error + Send + Sync>;

const SIZE: usize = 64;
const MESSAGES: u64 = 2_000_000;
const TRIPS: u32 = 4_000;
const ROUNDS: usize = 9;

fn main() -> Result<(), Failure> {
    let mut rates = (0..ROUNDS).map(|_| rate()).collect::<Result<Vec<_>, _>>()?;
    let (mut raws, mut channels, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (raw, channel) = (raw_trips()?, channel_trips()?);
        ratios.push(channel / raw);
        raws.push(raw);
        channels.push(channel);
    }
    println!("64-byte messages over tcp, million a second  {:.2}", median(&mut rates));
    println!("round trip, raw socket, microseconds         {:.2}", median(&mut raws));
    println!("round trip, channel, microseconds            {:.2}", median(&mut channels));
    println!("ratio                                        {:.3}", median(&mut ratios));
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Both ends, greeted.
fn pair() -> Result<(Sender<Spsc>, Receiver<Spsc>), Failure> {
    let mut receiver = net::receiver::<Spsc>(&"tcp://:0".parse()?, &Options::default())?;
    let port = receiver.local_addr().ok_or("it listens")?.port();
    let to: Address = format!("tcp://127.0.0.1:{port}").parse()?;
    let opening = thread::spawn(move || net::sender::<Spsc>(&to, &Options::default()));
    while !opening.is_finished() {
        let _ = receiver.receive_timeout(Duration::from_millis(1));
    }
    Ok((opening.join().map_err(|_| "the sender panicked")??, receiver))
}

/// Million messages a second.
fn rate() -> Result<f64, Failure> {
    let (mut sender, mut receiver) = pair()?;
    let begin = Instant::now();
    let sending = thread::spawn(move || {
        for number in 0..MESSAGES {
            let mut claim = sender.claim(1, SIZE)?;
            claim.fill(number.to_le_bytes()[0]);
            claim[..8].copy_from_slice(&number.to_le_bytes());
            claim.publish();
        }
        sender.flush()
    });
    let mut next = 0_u64;
    while let Ok(message) = receiver.receive() {
        let (number, filler) = message.split_at(8);
        assert!(number == next.to_le_bytes() && filler == [next.to_le_bytes()[0]; SIZE - 8]);
        next += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    sending.join().map_err(|_| "the sender panicked")??;
    assert_eq!(next, MESSAGES);
    Ok(f64::from(u32::try_from(MESSAGES)?) / seconds / 1e6)
}

/// Microseconds of the median round trip over two channels.
fn channel_trips() -> Result<f64, Failure> {
    let ((mut there, mut questions), (mut back, mut answers)) = (pair()?, pair()?);
    let answering = thread::spawn(move || -> Result<(), Failure> {
        while let Ok(question) = questions.receive() {
            back.send(1, &question)?;
        }
        Ok(())
    });
    let mut times = Vec::new();
    for number in 0..TRIPS {
        let message = [number.to_le_bytes()[0]; SIZE];
        let begin = Instant::now();
        there.send(1, &message)?;
        assert!(*answers.receive()? == message);
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    drop(there);
    answering.join().map_err(|_| "the answering thread panicked")??;
    Ok(median(&mut times))
}

/// The same over a socket, with nothing around the 64 bytes.
fn raw_trips() -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    let (mut there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    there.set_nodelay(true)?;
    let answering = thread::spawn(move || -> std::io::Result<()> {
        let mut message = [0; SIZE];
        while there.read_exact(&mut message).is_ok() {
            there.write_all(&message)?;
        }
        Ok(())
    });
    let mut times = Vec::new();
    let mut answer = [0; SIZE];
    for number in 0..TRIPS {
        let message = [number.to_le_bytes()[0]; SIZE];
        let begin = Instant::now();
        here.write_all(&message)?;
        here.read_exact(&mut answer)?;
        assert_eq!(answer, message);
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    drop(here);
    answering.join().map_err(|_| "the answering thread panicked")??;
    Ok(median(&mut times))
}
