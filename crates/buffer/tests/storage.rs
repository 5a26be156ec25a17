//! Every kind of memory behaves the same behind a buffer, and freezing copies nothing.

#![allow(clippy::unwrap_used)] // all of it is tests

use packhorse_buffer::{PacketBuf, Pool, Side, Storage};

/// The same for every kind of 32 bytes.
fn behaves<S: Storage>(mut storage: S) {
    assert_eq!(storage.as_slice().len(), 32);
    assert_eq!(storage.as_mut_slice().len(), 32);
    let both = (storage.as_slice().as_ptr(), storage.as_mut_slice().as_ptr());
    assert_eq!(both.0, both.1, "two ways to the same memory");

    let mut buf = PacketBuf::with_headroom(storage, 8).unwrap();
    let start = buf.storage().as_slice().as_ptr();
    buf.put_slice(b"payload").unwrap();
    *buf.push_array().unwrap() = *b"head";
    *buf.put_array().unwrap() = *b"tail";
    assert_eq!(buf.as_slice(), b"headpayloadtail");
    assert_eq!(buf.as_slice().as_ptr(), start.wrapping_add(4), "nothing moved");
    assert_eq!(buf.pull(4).unwrap(), b"head");
    assert_eq!(buf.trim(4).unwrap(), b"tail");
    assert_eq!(buf.as_slice(), b"payload");
    assert_eq!(buf.push(9).unwrap_err().side, Side::Head);
    assert_eq!(buf.put(18).unwrap_err().side, Side::Tail);
    assert_eq!(PacketBuf::filled(buf.into_storage()).len(), 32);
}

#[test]
fn arrays_slices_and_slots_behave_the_same() {
    behaves([0; 32]);
    behaves(&mut [0; 32][..]);
    let pool = Pool::<1, 32>::new();
    behaves(pool.take().unwrap());
}

#[cfg(feature = "alloc")]
#[test]
fn memory_on_the_heap_behaves_the_same() {
    behaves(vec![0; 32]);
    behaves(vec![0; 32].into_boxed_slice());
    behaves(packhorse_buffer::HeapPool::new(1, 32).take().unwrap());
}

#[test]
fn storage_smaller_than_the_headroom_is_refused() {
    let refused = PacketBuf::with_headroom([0; 4], 5).unwrap_err();
    assert_eq!((refused.side, refused.needed, refused.available), (Side::Head, 5, 4));
}

#[test]
fn poisoned_buffers_hold_a5_and_no_data() {
    let mut buf = PacketBuf::<[u8; 8]>::poisoned(3);
    assert_eq!((buf.headroom(), buf.len(), buf.tailroom()), (3, 0, 5));
    assert_eq!(buf.put(5).unwrap(), [0xA5; 5]);
    assert_eq!(PacketBuf::<[u8; 8]>::poisoned(9).headroom(), 8);
}

#[cfg(feature = "bytes")]
mod freezing {
    use bytes::BytesMut;
    use packhorse_buffer::HeapPool;

    use super::*;

    #[test]
    fn bytes_mut_behaves_the_same() {
        behaves(BytesMut::zeroed(32));
    }

    #[test]
    fn freezing_copies_nothing() {
        let mut buf = PacketBuf::with_headroom(BytesMut::zeroed(64), 16).unwrap();
        buf.put_slice(b"payload").unwrap();
        let at = buf.as_slice().as_ptr();
        let bytes = buf.freeze();
        assert_eq!(bytes, &b"payload"[..]);
        assert_eq!(bytes.as_ptr(), at);
    }

    #[test]
    fn a_frozen_slot_copies_nothing_and_comes_back_with_its_last_clone() {
        let pool = HeapPool::new(1, 64);
        let mut buf = PacketBuf::with_headroom(pool.take().unwrap(), 16).unwrap();
        buf.put_slice(b"payload").unwrap();
        let at = buf.as_slice().as_ptr();
        let bytes = buf.freeze();
        let part = bytes.slice(3..);
        assert_eq!(bytes.as_ptr(), at);
        drop(bytes);
        assert_eq!(pool.available(), 0);
        assert_eq!(part, &b"load"[..]);
        drop(part);
        assert_eq!(pool.available(), 1);
    }
}
