//! What messages of a channel are made of, from any bytes. Promises: no panic; records lie inside their run, and what
//! parses is written the same again; a stream of records and a run of them hold the same messages; nothing that was
//! compressed becomes longer than allowed.

use packhorse::channel::compress::Decompressor;
use packhorse::channel::packed::{Layout, RecordReader, Records};

/// The longest message that the bodies accept.
const MOST: usize = 1 << 16;

/// Any bytes as a run of records, in both layouts, and as a stream of them.
pub fn channel_records(data: &[u8]) {
    for layout in [Layout::Packed, Layout::Aligned] {
        let mut again = vec![0; data.len()];
        let mut at = 0;
        for record in Records::new(layout, data) {
            let Ok((kind, message)) = record else { break };
            at += layout.put(&mut again[at..], kind, message).expect("it came from as many bytes");
        }
        if layout == Layout::Packed {
            assert_eq!(again[..at], data[..at]);
        }
    }
    let mut stream = RecordReader::new(data, MOST);
    for record in Records::new(Layout::Packed, data) {
        let read = stream.next_message();
        match record {
            Ok((_, message)) if message.len() <= MOST => assert_eq!(read.ok().flatten(), Some(message)),
            _ => return assert!(read.is_err()),
        }
    }
    assert!(matches!(stream.next_message(), Ok(None)));
}

/// Any bytes as a compressed message.
pub fn channel_compressed(data: &[u8]) {
    let mut decompressor = Decompressor::new(MOST);
    let first = decompressor.decompress(data).map(<[u8]>::to_vec);
    if let Ok(message) = &first {
        assert!(message.len() <= MOST);
    }
    // Nothing is remembered from one message to the next.
    let _ = decompressor.decompress(b"\0");
    assert_eq!(decompressor.decompress(data).map(<[u8]>::to_vec), first);
}

/// Any bytes as what another process writes over the memory of a channel while two ends use it.
pub fn channel_segment(data: &[u8]) {
    packhorse_channel::fuzz::segment(data);
}
