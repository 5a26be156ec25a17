//! Compressing and decompressing as [`Read`](std::io::Read) and [`Write`](std::io::Write), for those who have a stream
//! already and a thread of their own.
//!
//! ```text
//!   read::FrameEncoder     content in a reader  -->  reads as a frame        computed ahead of what is read
//!   read::FrameDecoder     frames in a reader   -->  reads as content
//!   write::FrameEncoder    content written      -->  a frame in a writer     computed behind what is written
//!   write::FrameDecoder    frames written       -->  content in a writer
//! ```
//! The pool computes while the caller does something else; reading and writing happen on the caller's thread.

mod flight;
pub mod read;
pub mod write;
