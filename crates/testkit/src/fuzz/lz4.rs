//! LZ4 frames and blocks: any bytes in, and the same bytes back.
//!
//! ```text
//!   lz4_decode       | frames ... |                the same however they are cut, and as the C library has them
//!   lz4_round_trip   | options 3 | content ... |   comes back; the C library reads it too
//!   lz4_block        | room 2 | block ... |        never beyond the room; what is encoded decodes
//! ```

use std::io::{Read as _, Write as _};

use packhorse_compress::accelerator::Inline;
use packhorse_compress::frame::{BlockSize, Dictionary, FrameErrorKind};
use packhorse_compress::{
    BlockError, CompressOptions, DecompressKernel, DecompressOptions, Error, Expansion, Input, Level, Plan,
    Schedule, block, compress_to_vec, decompress_on, decompress_to_vec, unwatched, write,
};

/// Most bytes that a frame may become here: bombs are to be refused, not waited for.
const LIMIT: u64 = 1 << 20;

/// Any bytes as frames.
///
/// # Panics
/// When two ways of decoding disagree.
pub fn lz4_decode(data: &[u8]) {
    let options = DecompressOptions { limit: Some(LIMIT), ..DecompressOptions::default() };
    let plan = Plan { threads: 1, schedule: Schedule::Serial, blocks: 3, timeline: None };
    let mut content = Vec::new();
    let inline = Inline::new(&DecompressKernel::new(&options));
    let result = decompress_on(&inline, Input::stream(data), &mut content, &options, &plan, &mut unwatched);

    let mut decoder = write::FrameDecoder::new(Vec::new(), &options, &plan).expect("no thread is started");
    let cut = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let pieces = data.chunks(cut).try_for_each(|piece| decoder.write_all(piece));
    let pieced = pieces.is_ok().then(|| decoder.finish());
    match (&result, pieced) {
        (Ok(_), Some(Ok(again))) => assert!(again == content, "in pieces"),
        (Err(_), None | Some(Err(_))) => {}
        (whole, _) => panic!("whole and in pieces disagree: {whole:?}"),
    }

    // The C library stops behind the first frame that is not skippable.
    let mut reference = Vec::new();
    let Ok(decoder) = lz4::Decoder::new(data) else { return };
    let mut limited = decoder.take(LIMIT);
    let complete = limited.read_to_end(&mut reference).is_ok();
    let complete = complete && limited.limit() > 0 && limited.into_inner().finish().1.is_ok();
    match result {
        Ok(_) => assert!(content.starts_with(&reference), "the C library has other bytes"),
        Err(Error::Frame(error)) if complete => {
            let stricter = matches!(
                error.kind,
                FrameErrorKind::Block(BlockError::ZeroOffset)
                    | FrameErrorKind::Dictionary(_)
                    | FrameErrorKind::Empty
            );
            assert!(stricter || content.starts_with(&reference), "the C library reads more: {error}");
        }
        Err(_) => {}
    }
}

/// Any content with any options.
///
/// # Panics
/// When it does not come back.
pub fn lz4_round_trip(data: &[u8]) {
    let Some((&[flags, level, prefix], content)) = data.split_first_chunk() else { return };
    let flag = |bit: u8| flags & (1 << bit) != 0;
    // Longer than a block now and then.
    let content = if flag(0) { content.repeat(1 + 70_000 / content.len().max(1)) } else { content.to_vec() };
    let dictionary = Dictionary::new(&content[..content.len().min(usize::from(prefix) * 16)]);
    let options = CompressOptions {
        block_size: BlockSize::Kib64,
        linked: flag(1),
        block_checksum: flag(2),
        content_checksum: flag(3),
        content_size: flag(4).then(|| u64::try_from(content.len()).unwrap_or(u64::MAX)),
        dictionary: flag(5).then_some(dictionary),
        level: Level::new(i32::from(level % 16) - 3).unwrap_or_default(),
        expansion: flag(6).then_some(Expansion { free: 1000, ratio: 3 }),
    };
    let frame = compress_to_vec(&content, &options);
    let reading = DecompressOptions { dictionary: options.dictionary, ..DecompressOptions::default() };
    let back = decompress_to_vec(&frame, &reading).expect("it is ours");
    assert!(back == content, "it comes back");
    if reading.dictionary.is_none() {
        let mut reference = Vec::new();
        let mut decoder = lz4::Decoder::new(frame.as_slice()).expect("memory");
        decoder.read_to_end(&mut reference).expect("the C library reads it");
        decoder.finish().1.expect("to its end");
        assert!(reference == content, "the C library has the same");
    }
}

/// Any bytes as a block, and as the content of one.
///
/// # Panics
/// When a promise is broken.
pub fn lz4_block(data: &[u8]) {
    let Some((room, data)) = data.split_first_chunk() else { return };
    let room = usize::from(u16::from_le_bytes(*room));
    let mut output = vec![0xA5; room + 16];
    if let Ok(len) = block::decompress_into(data, &mut output[..room]) {
        assert!(len <= room, "no more than there is room for");
    }
    assert_eq!(output[room..], [0xA5; 16], "nothing behind it is touched");

    let mut coded = vec![0; block::max_len(data.len())];
    let len = block::compress_into(data, &mut coded).expect("max_len is enough");
    let mut back = vec![0; data.len()];
    assert_eq!(block::decompress_into(&coded[..len], &mut back), Ok(data.len()));
    assert!(back == data, "it comes back");
}
