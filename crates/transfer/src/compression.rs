//! [`Compression`]: what an object says about its bytes when they are not the content but a compressed form of it.
//!
//! Not the method itself: nothing here compresses.

/// How the bytes of an object become its content. The hash of such an object is the content's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// What the object's bytes are.
    pub method: CompressionMethod,
    /// Bytes of the content; `None` for a stream of unknown length.
    pub content: Option<u64>,
    /// The object was made while it was sent, so that its size was not known when it was first announced: it is cut as a
    /// byte stream is.
    pub growing: bool,
}

/// What the bytes of a compressed object are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionMethod {
    /// LZ4 frames, one after another ([format](https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md)), without a
    /// dictionary.
    #[default]
    Lz4,
}
