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
        let map = map.into();
        advise(&map, hints);
        Ok(Self { map })
    }
}

/// Tells the system how memory will be used. Hints: it may have no large pages, or not know how to prefault.
fn advise(map: &MmapRaw, hints: Hints) {
    #[cfg(target_os = "linux")]
    if hints.huge {
        let _ = map.advise(memmap2::Advice::HugePage);
    }
    #[cfg(target_os = "linux")]
    if hints.prefault {
        let _ = map.advise(memmap2::Advice::PopulateWrite);
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

/// Memory of this process that others seem to see: for what is tested without another process.
#[cfg(any(test, feature = "fuzz"))]
#[derive(Debug)]
pub(crate) struct SharedHeap(pub(crate) Heap);

#[cfg(any(test, feature = "fuzz"))]
impl Region for SharedHeap {
    fn base(&self) -> NonNull<u8> {
        self.0.base()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn is_shared(&self) -> bool {
        true
    }
}
