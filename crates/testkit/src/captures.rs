//! Captured packets, as `tcpdump` writes them: pcap files (little-endian, microseconds) of IPv4 frames with a datagram each.

/// An IPv4 packet from 10.0.0.1 port 1000 to 10.0.0.2 `port` with this payload, without checksums.
///
/// # Panics
/// When the payload is longer than a datagram's.
#[must_use]
pub fn ip_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a datagram's payload");
    let mut ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 9, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    ip[2..4].copy_from_slice(&(28 + len).to_be_bytes());
    let udp: Vec<u8> = [1000, port, 8 + len, 0].iter().flat_map(|word: &u16| word.to_be_bytes()).collect();
    [&ip[..], &udp, payload].concat()
}

/// A file of these frames, all whole, of a link of this type.
///
/// # Panics
/// When a frame is longer than 4 GiB.
#[must_use]
pub fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = words(&[0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, link]);
    for frame in frames {
        let len = u32::try_from(frame.len()).expect("shorter than 4 GiB");
        file.extend([words(&[0, 0, len, len]), frame.clone()].concat());
    }
    file
}

/// Little-endian words.
#[must_use]
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
