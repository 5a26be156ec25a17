//! [`Region`]: zeroed memory for a channel, of this process or shared.

use core::fmt::Debug;
use core::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};

/// A run of bytes that does not move, begins at a page, and is zero at first.
pub(crate) trait Region: Debug + Send + Sync {
    fn base(&self) -> NonNull<u8>;
    fn len(&self) -> usize;
    /// Whether other processes may see it.
    fn is_shared(&self) -> bool;
}

/// How memory is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    /// All pages at once, instead of each when first touched.
    pub(crate) prefault: bool,
    /// Large pages, where the system has them.
    pub(crate) huge: bool,
}

/// Memory of this process.
#[derive(Debug)]
pub(crate) struct Heap {
    map: MmapRaw,
}

impl Heap {
    pub(crate) fn new(bytes: usize, hints: Hints) -> std::io::Result<Self> {
        let map = MmapOptions::new().len(bytes).map_anon()?;
        #[cfg(target_os = "linux")]
        if hints.huge {
            // A hint: the system may have none.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        #[cfg(target_os = "linux")]
        if hints.prefault {
            // Older systems do not know it; pages then come when touched.
            let _ = map.advise(memmap2::Advice::PopulateWrite);
        }
        Ok(Self { map: map.into() })
    }
}

impl Region for Heap {
    fn base(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).unwrap_or(NonNull::dangling())
    }
    fn len(&self) -> usize {
        self.map.len()
    }
    fn is_shared(&self) -> bool {
        false
    }
}
