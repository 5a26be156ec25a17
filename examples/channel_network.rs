//! Messages over tcp: batched by themselves, and coalesced by hand.

use core::error::Error;

// ANCHOR: network
use packhorse::channel::net::{self, Options};
use packhorse::channel::{Address, Spsc};

fn network() -> Result<u64, Box<dyn Error>> {
    // NODELAY is on. What else there is to tune is in the options; both ends take the same.
    let options = Options { send_buffer: Some(1 << 20), receive_buffer: Some(1 << 20), ..Options::default() };
    // An empty host listens; port 0 is any that is free.
    let mut receiver = net::receiver::<Spsc>(&"tcp://:0".parse()?, &options)?;
    let port = receiver.local_addr().ok_or("it listens")?.port();
    let sending = std::thread::spawn(move || -> Result<_, Box<dyn Error + Send + Sync>> {
        let to: Address = format!("tcp://127.0.0.1:{port}").parse()?;
        let mut sender = net::sender::<Spsc>(&to, &options)?;
        // The first leaves at once. Those that follow closely share packets.
        for number in 0..50_000_u32 {
            sender.send(1, &number.to_le_bytes())?;
        }
        sender.flush()?;
        Ok(sender.metrics())
    });
    let mut next = 0_u32;
    while let Ok(message) = receiver.receive() {
        assert_eq!(*message, next.to_le_bytes());
        next += 1;
    }
    let metrics = sending.join().map_err(|_| "the sender panicked")?.map_err(|error| error.to_string())?;
    assert_eq!((next, metrics.messages_sent), (50_000, 50_000));
    Ok(metrics.packets)
}
// ANCHOR_END: network

// ANCHOR: coalescer
use packhorse::channel::coalesce::{Coalescer, Splitter};
use packhorse::channel::{Channel, SendError};

fn coalesced(messages: &[&[u8]]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 20).records::<Spsc>()?;
    let mut send = |pieces: &[&[u8]]| -> Result<(), SendError> {
        let mut claim = sender.claim(0, pieces.iter().map(|piece| piece.len()).sum())?;
        let mut at = 0;
        for piece in pieces {
            claim[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        claim.publish();
        Ok(())
    };
    let mut coalescer = Coalescer::new();
    for message in messages {
        // Flushes when the next one does not fit; one that never fits passes alone.
        coalescer.add(message, &mut send)?;
    }
    coalescer.flush(&mut send)?;
    drop(sender);

    let mut received = Vec::new();
    while let Ok(message) = receiver.receive() {
        for message in Splitter::new(&message) {
            received.push(message?.to_vec());
        }
    }
    Ok(received)
}
// ANCHOR_END: coalescer

fn main() -> Result<(), Box<dyn Error>> {
    let packets = network()?;
    println!("50000 messages in {packets} packets");
    let large = vec![7; 100_000];
    let messages: Vec<&[u8]> = vec![b"one", b"", &large, b"two"];
    assert_eq!(coalesced(&messages)?, messages);
    Ok(())
}
