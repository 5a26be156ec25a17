//! Which profile a stream is in: told from the first whole packet in it.

use packhorse_application::Profile;
use packhorse_buffer::{Layer as _, NoProbe, PacketBuf};
use packhorse_link::{Framing as _, LengthPrefixed, Step};

use crate::{ByteStream, Ftag, Native, ProfileName};

/// The profile of a stream that begins, or goes on, with `bytes`; `None` while nothing in them is whole.
///
/// A native frame's header is enough, since it has a check of its own; for `ftag` the whole packet must be there.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<ProfileName> {
    let native = first_header(bytes);
    // What lies behind the first native header belongs to that frame.
    let ftag = first_packet::<Ftag>(&bytes[..native.unwrap_or(bytes.len())]);
    match (native, ftag) {
        (_, true) => Some(ProfileName::Ftag),
        (Some(_), false) => Some(ProfileName::Native),
        (None, false) => None,
    }
}

/// Where the first native frame begins.
fn first_header(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 8;
    (0..bytes.len().saturating_sub(HEADER - 1)).find(|&at| {
        let header = &bytes[at..at + HEADER];
        header.starts_with(b"PH") && is_header(header)
    })
}

/// Whether these eight bytes are a header, for which the framing then waits to see the packet.
fn is_header(header: &[u8]) -> bool {
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
fn first_packet<P: ByteStream>(bytes: &[u8]) -> bool {
    let mut copy = bytes.to_vec();
    let mut framing = P::framing();
    let mut stack = <P as Profile>::stack();
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
            assert_eq!(recognise(golden.stream), Some(ProfileName::Ftag), "{}", golden.name);
            let noisy = [b"login: PH\x01 PHPH".as_slice(), golden.stream].concat();
            assert_eq!(recognise(&noisy), Some(ProfileName::Ftag), "{}", golden.name);
        }
    }

    #[test]
    fn garbage_is_no_profile() {
        assert_eq!(recognise(&[]), None);
        assert_eq!(recognise(&[0xFF; 1000]), None);
        assert_eq!(recognise(&b"PH\x01".repeat(100)), None);
    }
}
