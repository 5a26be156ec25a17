//! Channels inside this process, by name: whoever opens a name first makes the channel, the last end that goes
//! takes it away.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use std::sync::{Mutex, PoisonError};

use crate::OpenError;
use crate::segment::Segment;
use crate::segment::geometry::Wanted;
use crate::segment::region::{Heap, Hints};

static NAMES: Mutex<BTreeMap<String, Weak<Segment>>> = Mutex::new(BTreeMap::new());

/// The channel of that name; without a name a new one.
pub(crate) fn open(name: &str, wanted: &Wanted, hints: Hints) -> Result<Arc<Segment>, OpenError> {
    let make = || -> Result<Arc<Segment>, OpenError> {
        let bytes = usize::try_from(wanted.geometry.bytes())
            .map_err(|_| OpenError::Foreign("its memory is too large"))?;
        let region = Heap::new(bytes, hints)?;
        Ok(Arc::new(Segment::create(Box::new(region), wanted.geometry)?))
    };
    if name.is_empty() {
        return make();
    }
    // The map is whole at any time.
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(segment) = names.get(name).and_then(Weak::upgrade) {
        segment.geometry().matches(wanted)?;
        return Ok(segment);
    }
    names.retain(|_, segment| segment.strong_count() > 0);
    let segment = make()?;
    names.insert(name.to_owned(), Arc::downgrade(&segment));
    Ok(segment)
}

/// The channel of that name, to look at; nothing when there is none.
pub(crate) fn observe(name: &str) -> Option<Arc<Segment>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).get(name).and_then(Weak::upgrade)
}
