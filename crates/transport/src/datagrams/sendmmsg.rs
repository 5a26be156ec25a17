//! The system call `sendmmsg` with a segment size (`UDP_SEGMENT`) for every message: no safe crate offers it yet.
//!
//! ```text
//!   message   | slice | slice | slice | ...                     gathered by the kernel, up to 65,507 bytes
//!             |<- segment ->|<- segment ->|<- at most ->|       datagrams that it makes of them
//! ```
//! Only the call. Retrying, waiting and doing without segments is `DatagramSender`'s.
#![allow(unsafe_code)]

use core::mem::{self, MaybeUninit};
use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd as _};

use super::Message;

/// Messages in one call.
pub(super) const BATCH: usize = 32;

/// A control message with a u16, as the kernel aligns it.
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentSize {
    header: libc::cmsghdr,
    size: u16,
    // Up to the next multiple of the alignment, which the kernel counts as part of it.
    _padding: [u8; 6],
}

/// Sends the first messages, at most [`BATCH`], and tells how many the kernel took.
pub(super) fn sendmmsg(socket: &impl AsFd, messages: &[Message<'_>]) -> Result<usize> {
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut sizes = [const { MaybeUninit::<SegmentSize>::uninit() }; BATCH];
    let mut count: libc::c_uint = 0;
    for ((message, header), size) in messages.iter().zip(&mut headers).zip(&mut sizes) {
        // SAFETY: an `mmsghdr` consists of integers and pointers, for which all bits zero are valid.
        let mut filled: libc::mmsghdr = unsafe { mem::zeroed() };
        let inner = &mut filled.msg_hdr;
        inner.msg_name = message.to.0.as_ptr().cast_mut().cast();
        inner.msg_namelen = message.to.0.len();
        // `IoSlice` has the layout of `iovec` on Unix (its documentation promises it). The kernel only reads.
        inner.msg_iov = message.slices.as_ptr().cast_mut().cast();
        inner.msg_iovlen = message.slices.len() as _;
        if let Some(segment) = message.segment {
            // SAFETY: as above: integers only.
            let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
            header.cmsg_level = libc::SOL_UDP;
            header.cmsg_type = libc::UDP_SEGMENT;
            header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
            let size = size.write(SegmentSize { header, size: segment, _padding: [0; 6] });
            inner.msg_control = core::ptr::from_mut(size).cast();
            inner.msg_controllen = size_of::<SegmentSize>() as _;
        }
        header.write(filled);
        count += 1;
    }
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the first `count` headers are initialised above. Their pointers lead to the messages' address and
    // slices, which `messages` borrows, and to `sizes`, all of which live until the call has returned; the kernel
    // writes nothing but `msg_len` of each header. The descriptor is open, since `socket` is borrowed.
    let sent = unsafe { libc::sendmmsg(socket, headers.as_mut_ptr().cast(), count, 0) };
    usize::try_from(sent).map_err(|_| Error::last_os_error())
}
