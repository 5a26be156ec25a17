//! Which profile and framing a stream is in: told from the first whole packet in it.

use packhorse_application::Profile;
use packhorse_buffer::{Layer as _, NoProbe, PacketBuf};
use packhorse_link::{Cobs, Framing, LengthPrefixed, Rugged, Step};

use crate::profile_name::packet_max;
use crate::{ByteStream, Ftag, Native, ProfileName, Wire};

/// In which profile, and framed how, a stream is that begins, or goes on, with `bytes`; `None` while nothing in them is
/// whole.
///
/// Of `native` with length-prefixed frames and of `rugged` a frame's header is enough, since it has a check of its own; of
/// the others the whole packet must be there.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Wire> {
    let native = first(bytes, 8, is_header);
    // What lies behind a header belongs to that frame.
    let bytes = &bytes[..native.unwrap_or(bytes.len())];
    let rugged = first(bytes, packhorse_link::rugged::FRONT, |front| Rugged::peek(front).is_some());
    let bytes = &bytes[..rugged.unwrap_or(bytes.len())];
    if has_packet::<Ftag, _>(bytes, Ftag::<NoProbe>::framing()) {
        Some(Wire::stream(ProfileName::Ftag))
    } else if has_packet::<Native, _>(bytes, Cobs::new(packet_max::<Native>())) {
        Some(Wire::lossy_stream(ProfileName::Native))
    } else if rugged.is_some() {
        Some(Wire::stream(ProfileName::Rugged))
    } else {
        native.map(|_| Wire::stream(ProfileName::Native))
    }
}

/// The first place where a header of `len` bytes stands.
fn first(bytes: &[u8], len: usize, is_header: impl Fn(&[u8]) -> bool) -> Option<usize> {
    bytes.windows(len).position(is_header)
}

/// Whether these eight bytes are a header, for which the framing then waits to see the packet.
fn is_header(header: &[u8]) -> bool {
    if !header.starts_with(b"PH") {
        return false;
    }
    let mut framing: LengthPrefixed = Native::<NoProbe>::framing();
    let mut copy = [0; 8];
    copy.copy_from_slice(header);
    match framing.deframe(&mut copy) {
        Step::More { consumed } => consumed == 0,
        // An empty packet: real ones are longer.
        Step::Frame { .. } => false,
    }
}

/// Whether there is a packet of this profile.
fn has_packet<P: Profile, F: Framing>(bytes: &[u8], mut framing: F) -> bool {
    let mut copy = bytes.to_vec();
    let mut stack = P::stack();
    let mut at = 0;
    loop {
        match framing.deframe(&mut copy[at..]) {
            Step::Frame { packet, consumed } => {
                let packet = at + packet.start..at + packet.end;
                if stack.pull(&mut PacketBuf::filled(&mut copy[packet])).is_ok() {
                    return true;
                }
                at += consumed;
            }
            Step::More { .. } => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ftag_stream_is_known_by_its_first_packet_even_behind_junk() {
        for golden in packhorse_testkit::golden::ftag() {
            assert_eq!(recognise(golden.stream), Some(Wire::stream(ProfileName::Ftag)), "{}", golden.name);
            let noisy = [b"login: PH\x01 PHPH".as_slice(), golden.stream].concat();
            assert_eq!(recognise(&noisy), Some(Wire::stream(ProfileName::Ftag)), "{}", golden.name);
        }
    }

    #[test]
    fn garbage_is_no_profile() {
        assert_eq!(recognise(&[]), None);
        assert_eq!(recognise(&[0xFF; 1000]), None);
        assert_eq!(recognise(&b"PH\x01".repeat(100)), None);
    }
}
