//! Whole receiving sessions, fed with any stream, through the facade.
//!
//! ```text
//!   as a stream     | any bytes ... |                              each profile, and none told
//!   as bodies       | head 4 | body ... | head 4 | body ... |      each put into a packet that holds, each profile
//!
//!   head   kind: bit 0 control, bits 1-2 channel, bit 3 word as it is | tag | number | length of the body
//! ```
//! Few random streams hold a frame whose checks hold, so the second way puts them right: the agents see any bodies,
//! and any order of them.
//!
//! Promises: no panic; the session ends with the stream; its threads end with it.

use alloc::sync::Arc;
use core::time::Duration;
use std::io::{self, Write};
use std::time::Instant;

use packhorse::application::{Profile, Target, Until, Unwatched};
use packhorse::transport::StreamReader;
use packhorse::{ByteStream, Ftag, Native, ProfileName, ReceiveOptions, Rugged, receive_from};
use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::Framing as _;
use packhorse_packet::{Channel, Fragment};
use packhorse_transfer::BlockHeader;

/// Room around a body for all that the stack pushes.
const ROOM: usize = 64;

/// What comes before a body.
const HEAD: usize = 4;

/// How long a thread may take to end once nothing is left to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Any bytes as what a link carries, and as the bodies of packets.
pub fn session(data: &[u8]) {
    for profile in ProfileName::ALL.map(Some).into_iter().chain([None]) {
        receive(data, profile);
    }
    let native = stream::<Native>(data, Fragment::whole(1).to_word());
    receive(&native, Some(ProfileName::Native));
    // Control messages of this profile stand in block 0.
    let ftag = stream::<Ftag>(data, 0);
    receive(&ftag, Some(ProfileName::Ftag));
    let rugged = stream::<Rugged>(data, Fragment::whole(1).to_word());
    receive(&rugged, Some(ProfileName::Rugged));
}

fn receive(stream: &[u8], profile: Option<ProfileName>) {
    let held = Arc::new(());
    let target = Target::Stream(Box::new(Nowhere(Arc::clone(&held))));
    let options = ReceiveOptions { profile, ..ReceiveOptions::default() };
    // A stream of nothing sensible is refused, and is no finding.
    let _ = receive_from(target, StreamReader(stream), Until::LinkEnds, &options, &mut Unwatched);
    let since = Instant::now();
    while Arc::strong_count(&held) > 1 {
        assert!(since.elapsed() < PATIENCE, "the thread that writes outlives its session");
        std::thread::yield_now();
    }
}

/// The bodies in `data`, each in a packet and a frame of its own. What a profile has no room for is left out.
fn stream<P: ByteStream>(data: &[u8], control_word: u32) -> Vec<u8> {
    let (mut stack, mut framing) = (P::stack(), P::framing());
    let mut stream = Vec::new();
    let mut rest = data;
    while let Some((&[kind, tag, number, len], after)) = rest.split_first_chunk::<HEAD>() {
        let (body, after) = after.split_at(after.len().min(usize::from(len)));
        rest = after;
        let control = kind & 1 != 0;
        let channel = match kind >> 1 & 3 {
            0 => <P as Profile>::TRANSFER,
            1 => Channel::LINK,
            2 => Channel::TRANSFER,
            _ => Channel::TELEMETRY,
        };
        let address = if control { channel.control() } else { channel.data() };
        let as_is = kind & 8 != 0;
        let number = if control && !as_is { control_word } else { u32::from(number) };
        let header = BlockHeader { tag: tag.into(), number };
        let mut buf =
            PacketBuf::with_headroom(vec![0xA5; body.len() + 2 * ROOM], ROOM).expect("it is larger");
        buf.put_slice(body).expect("there is room");
        if stack.push((header, (address, ())), &mut buf).is_err() {
            continue;
        }
        let start = stream.len();
        stream.resize(start + framing.frame_len_max(buf.len()), 0);
        let framed = framing.enframe(buf.as_slice(), &mut stream[start..]).unwrap_or(0);
        stream.truncate(start + framed);
    }
    stream
}

/// Takes everything, and tells by its count whether somebody still has it.
struct Nowhere(#[allow(dead_code, reason = "it is only counted")] Arc<()>);

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_arrive_behind_the_checks() {
        let data = [0, 7, 0, 3, b'a', b'b', b'c', 1, 7, 0, 1, 0xFF];
        for (stream, profile) in [
            (stream::<Native>(&data, Fragment::whole(1).to_word()), ProfileName::Native),
            (stream::<Ftag>(&data, 0), ProfileName::Ftag),
        ] {
            let options = ReceiveOptions { profile: Some(profile), ..ReceiveOptions::default() };
            let target = Target::Stream(Box::new(io::sink()));
            let outcome =
                receive_from(target, StreamReader(&stream[..]), Until::LinkEnds, &options, &mut Unwatched);
            let frames = outcome.expect("frames were received").report.frames;
            assert_eq!((frames.frames, frames.junk_bytes), (2, 0), "{profile}");
        }
    }
}
