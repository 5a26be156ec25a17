//! The memory behind a packet: anything that is one run of bytes.
//!
//! Not a smart buffer: a storage knows nothing of headroom or payload. [`PacketBuf`](crate::PacketBuf) does.

/// Contiguous memory that a [`PacketBuf`](crate::PacketBuf) can live in.
///
/// Both methods must always return the same bytes: same start, same length. The length is the whole
/// capacity, since the buffer keeps its own record of which part is in use.
pub trait Storage {
    /// The whole memory.
    fn as_slice(&self) -> &[u8];
    /// The whole memory, to write into.
    fn as_mut_slice(&mut self) -> &mut [u8];
}

impl<const N: usize> Storage for [u8; N] {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

impl Storage for &mut [u8] {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl Storage for alloc::boxed::Box<[u8]> {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl Storage for alloc::vec::Vec<u8> {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "bytes")]
impl Storage for bytes::BytesMut {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}
