//! Capture files with SPEAD in them.

use packhorse::spead::receive::readers::PcapReader;
use packhorse::spead::receive::{DirectStream, RingOptions, StreamConfig};

use super::spead::{LONGEST, check};

/// Any bytes as a capture file: what is found was in it, and it ends.
pub fn spead_pcap(data: &[u8]) {
    let Ok(reader) = PcapReader::new(std::io::Cursor::new(data.to_vec())) else { return };
    let config = StreamConfig {
        out_of_order: true,
        stop_on_stop_item: false,
        max_heap_length: LONGEST,
        max_memory: 3 * LONGEST,
        max_items: 200,
        ..StreamConfig::default()
    };
    let options = RingOptions { incomplete: true, ranges: true, ..RingOptions::default() };
    let mut stream = DirectStream::new(reader, config, &options);
    let mut failed = false;
    loop {
        match stream.next_heap() {
            Ok(Some(heap)) => check(&heap, false),
            Ok(None) => break,
            Err(_) => assert!(!core::mem::replace(&mut failed, true), "an error is told once"),
        }
    }
    let stats = stream.statistics();
    assert!(stats.bytes <= data.len() as u64 && stats.dropped.total() <= stats.packets, "{stats:?}");
}
