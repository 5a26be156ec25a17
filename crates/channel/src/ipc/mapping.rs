//! [`Mapping`]: shared memory in this process's address space, if possible at the same address as in the others.
//!
//! Nothing relies on the address: what lies in the memory are offsets. But where two ends share a core, some
//! processors look lines up in their first cache by address, and miss it when the other end used another one.

use core::ptr::NonNull;
use std::fs::File;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use crate::segment::region::Hints;

/// A mapping, until dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: memory belongs to the process, not to a thread; this type hands out its address and nothing else.
#[allow(unsafe_code)]
unsafe impl Send for Mapping {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of a file to read and write, near where `name` says.
    #[allow(unsafe_code)]
    pub(super) fn new(memory: &File, len: usize, name: &str) -> rustix::io::Result<Self> {
        let wish = core::ptr::without_provenance_mut(wish(name));
        // SAFETY: without MAP_FIXED the address is a wish: nothing that is mapped already is touched. The caller has
        // seen that the file's length is sealed, so that all of it stays there.
        let base =
            unsafe { mmap(wish, len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, memory, 0)? };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { base, len })
    }

    /// Hints: the system may have no large pages, or not know how to prefault.
    #[allow(unsafe_code)]
    pub(super) fn advise(&self, hints: Hints) {
        let wanted = [(hints.huge, Advice::LinuxHugepage), (hints.prefault, Advice::LinuxPopulateWrite)];
        for (_, advice) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            // SAFETY: the whole mapping, which is this one's; neither advice changes what is in it.
            let _ = unsafe { madvise(self.base.as_ptr().cast(), self.len, advice) };
        }
    }

    pub(super) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: `new` mapped this, and whoever had its address had it through a region that owns this. Failure
        // leaves it mapped, which harms nobody.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// An address far from where systems put things by themselves, the same for one name in every process.
fn wish(name: &str) -> usize {
    #[cfg(target_pointer_width = "64")]
    {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        // 4096 places of 4 GiB each, from 16 TiB on; user addresses end at 128 TiB.
        0x1000_0000_0000 + ((hash >> 52) as usize) * (1 << 32)
    }
    #[cfg(not(target_pointer_width = "64"))]
    {
        let _ = name;
        0
    }
}
