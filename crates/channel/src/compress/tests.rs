//! What compressing promises: what goes in comes out, nothing grows by more than the trailer, and bytes of anybody
//! neither panic nor take memory.

use proptest::prelude::*;

use super::*;

fn through(compression: Compression, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut compressor = Compressor::new(compression).unwrap();
    let compressed = compressor.compress(message);
    let mut wire = vec![0; compressed.len()];
    compressed.write_to(&mut wire);
    let plain = Decompressor::new(message.len()).decompress(&wire).unwrap().to_vec();
    (wire, plain)
}

fn sine() -> Vec<u8> {
    (0..60_000_u16).flat_map(|n| (f32::from(n) * 0.01).sin().to_ne_bytes()).collect()
}

#[test]
fn every_method_brings_back_text_noise_and_nothing() {
    let text = b"packhorse ".repeat(1000);
    let noise = packhorse_testkit::patterns::random(1, 10_000);
    for method in Method::ALL {
        for checksum in [false, true] {
            let compression = Compression::new(method).checksum(checksum);
            for message in [&text[..], &noise, b"", b"x", &text[..127], &text[..128]] {
                let (wire, plain) = through(compression, message);
                assert_eq!(plain, message, "{method}");
                assert!(wire.len() <= message.len() + TRAILER_MAX);
            }
            if method != Method::None {
                assert!(through(compression, &text).0.len() < text.len() / 5, "{method}");
            }
        }
    }
}

#[test]
fn a_sine_of_floats_compresses_only_when_shuffled() {
    let sine = sine();
    let (plain, _) = through(Compression::new(Method::Lz4), &sine);
    let (shuffled, back) = through(Compression::new(Method::Lz4).shuffle(Shuffle::Four), &sine);
    assert!(plain.len() > sine.len() * 99 / 100, "without: {} of {}", plain.len(), sine.len());
    assert!(shuffled.len() < sine.len() * 85 / 100, "with: {} of {}", shuffled.len(), sine.len());
    assert_eq!(back, sine);
}

#[test]
fn what_does_not_help_is_left_out_and_counted() {
    let mut compressor = Compressor::new(Compression::new(Method::Lz4)).unwrap();
    let noise = packhorse_testkit::patterns::random(1, 1000);
    assert_eq!(compressor.compress(&noise).body, noise);
    assert_eq!(compressor.compress(&[7; 127]).len(), 128);
    assert!(compressor.compress(&[7; 1000]).len() < 50);
    let stats = *compressor.stats();
    assert_eq!((stats.incompressible, stats.small, stats.compressed), (1, 1, 1));
    assert_eq!(stats.bytes_in, 2127);
}

#[test]
fn stored_messages_are_read_where_they_lie() {
    let mut compressor = Compressor::new(Compression::new(Method::None)).unwrap();
    let mut wire = [0; 6];
    compressor.compress(b"hello").write_to(&mut wire);
    let mut decompressor = Decompressor::new(5);
    let message = decompressor.decompress(&wire).unwrap();
    assert_eq!(message.as_ptr(), wire.as_ptr());
}

#[test]
fn a_bomb_takes_no_memory() {
    for method in Method::ALL {
        let mut compressor = Compressor::new(Compression::new(method)).unwrap();
        let mut wire = vec![0; 2 << 20];
        let len = compressor.compress(&vec![0; 1 << 20]).write_to(&mut wire);
        let mut decompressor = Decompressor::new(1 << 19);
        let refused = decompressor.decompress(&wire[..len]);
        assert_eq!(refused, Err(CompressError::TooLong { len: 1 << 20, most: 1 << 19 }), "{method}");
        assert_eq!(decompressor.plain.capacity() + decompressor.shuffled.capacity(), 0);
        // One that lies about its length, too.
        if method != Method::None {
            let stated = len - 5..len - 1;
            wire[stated].copy_from_slice(&1000_u32.to_be_bytes());
            let refused = decompressor.decompress(&wire[..len]);
            assert!(matches!(refused, Err(CompressError::Damaged { .. })), "{method}: {refused:?}");
        }
    }
}

#[test]
fn damage_is_found_by_the_check() {
    let (mut wire, _) = through(Compression::new(Method::None).checksum(true), &[1, 2, 3]);
    wire[1] ^= 4;
    let refused = Decompressor::new(100).decompress(&wire).map(<[u8]>::to_vec);
    assert!(matches!(refused, Err(CompressError::Check { .. })), "{refused:?}");
}

#[test]
fn names_come_back() {
    for method in Method::ALL {
        assert_eq!(method.name().parse(), Ok(method));
    }
    assert_eq!("gzip".parse::<Method>(), Err(UnknownMethod));
}

proptest! {
    #[test]
    fn any_message_comes_back(
        message in prop::collection::vec(0_u8..4, 0..2000),
        method in prop::sample::select(Method::ALL.to_vec()),
        shuffle in prop::option::of(prop::sample::select(vec![Shuffle::Two, Shuffle::Four, Shuffle::Eight])),
        checksum: bool,
    ) {
        let mut compression = Compression::new(method).checksum(checksum).threshold(20);
        if let Some(shuffle) = shuffle {
            compression = compression.shuffle(shuffle);
        }
        prop_assert_eq!(through(compression, &message).1, message);
    }

    #[test]
    fn any_bytes_are_refused_or_within_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..300), flags: u8) {
        let mut bytes = bytes;
        bytes.push(flags);
        if let Ok(message) = Decompressor::new(4096).decompress(&bytes) {
            prop_assert!(message.len() <= 4096);
        }
    }
}
