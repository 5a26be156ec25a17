//! Channels between processes of one machine and one user, by name.
//!
//! ```text
//!   /dev/shm/packhorse-UID/NAME     a line for every process that holds the memory: number, start, descriptor
//!   /proc/NUMBER/fd/DESCRIPTOR      the memory itself, which has no name of its own
//! ```
//! The memory is sealed against changing its length, so that no process can pull it away under another; it goes when
//! the last process that holds it has ended, however it ended. A file whose processes are all gone is a leftover: who
//! opens the name next makes a new channel. Processes in different process namespaces do not find each other: numbers mean nothing
//! across them, so each namespace but the first has a folder of its own, `packhorse-UID-NAMESPACE`.

mod holders;
mod mapping;

use alloc::sync::Arc;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, SealFlags};

use crate::OpenError;
use crate::segment::Segment;
use crate::segment::geometry::Wanted;
use crate::segment::layout::Front;
use crate::segment::region::{Hints, Region};
use holders::{Holder, Holders};
use mapping::Mapping;

/// The channel of that name: the one that is there, else a new one.
pub(crate) fn open(name: &str, wanted: &Wanted, hints: Hints) -> Result<Arc<Segment>, OpenError> {
    let mut holders = Holders::lock(name, true)?;
    if let Some((segment, hold)) = find(&mut holders, name, hints)? {
        if !segment.is_over() {
            segment.geometry().matches(wanted)?;
            hold.register(&mut holders, name)?;
            return Ok(Arc::new(segment));
        }
        // Stopped, and everybody has left: whoever still looks at it keeps the old memory.
        holders.clear();
    }
    let memory = make(name, wanted.geometry.bytes())?;
    let (region, hold) = Shared::new(memory, name, hints)?;
    let segment = Segment::create(Box::new(region), wanted.geometry)?;
    hold.register(&mut holders, name)?;
    Ok(Arc::new(segment))
}

/// The channel of that name, to look at; nothing when there is none.
pub(crate) fn observe(name: &str) -> Result<Option<Arc<Segment>>, OpenError> {
    match Holders::lock(name, false) {
        Ok(mut holders) => {
            Ok(find(&mut holders, name, Hints::default())?.map(|(segment, _)| Arc::new(segment)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The memory that one of the holders has.
fn find(holders: &mut Holders, name: &str, hints: Hints) -> Result<Option<(Segment, Hold)>, OpenError> {
    let alive = holders.alive();
    let mut refusal = None;
    for holder in &alive {
        match holder.memory() {
            Ok(memory) => {
                let (region, hold) = Shared::new(memory, name, hints)?;
                return Ok(Some((Segment::open(Box::new(region))?, hold)));
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => refusal = Some((holder, error)),
            // It has let go of the memory and could not say so.
            Err(_) => {}
        }
    }
    match refusal {
        // A second channel of the name would never meet the first one.
        Some((holder, source)) if holder.is_alive() => {
            Err(OpenError::Unreachable { process: holder.process_id(), source })
        }
        _ => Ok(None),
    }
}

/// New memory, whose length nobody can change.
fn make(name: &str, bytes: u64) -> Result<File, OpenError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = File::from(rustix::fs::memfd_create(format!("packhorse-{name}"), flags).map_err(io)?);
    memory.set_len(bytes)?;
    rustix::fs::fcntl_add_seals(&memory, SEALS).map_err(io)?;
    Ok(memory)
}

/// What our memory has: a peer that shortened it would end others with SIGBUS.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

fn io(error: rustix::io::Errno) -> OpenError {
    OpenError::Io(error.into())
}

fn map(memory: &File, name: &str, hints: Hints) -> Result<Mapping, OpenError> {
    let bytes = memory.metadata()?.len();
    let bytes = usize::try_from(bytes).map_err(|_| OpenError::Foreign("its memory is too large"))?;
    if bytes < size_of::<Front>() {
        return Err(OpenError::Foreign("its memory is too short"));
    }
    let map = Mapping::new(memory, bytes, name).map_err(io)?;
    map.advise(hints);
    Ok(map)
}

/// Memory shared with other processes.
#[derive(Debug)]
struct Shared {
    map: Mapping,
    hold: Hold,
}

/// What other processes open to share the memory; dropped, it is taken off the list of holders, if it was put there.
#[derive(Clone, Debug)]
struct Hold {
    memory: Arc<File>,
    /// The channel's name, once this process is on the list. Until then nothing needs the list's lock, which the one
    /// who opens a channel has.
    listed: Arc<OnceLock<String>>,
}

impl Shared {
    fn new(memory: File, name: &str, hints: Hints) -> Result<(Self, Hold), OpenError> {
        let map = map(&memory, name, hints)?;
        let hold = Hold { memory: Arc::new(memory), listed: Arc::default() };
        Ok((Self { map, hold: hold.clone() }, hold))
    }
}

impl Hold {
    /// Puts this process on the list: others can open the memory through it.
    fn register(self, holders: &mut Holders, name: &str) -> Result<(), OpenError> {
        holders.add(Holder::own(&self.memory));
        holders.write()?;
        // Nobody else has set it.
        let _ = self.listed.set(name.to_owned());
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What cannot be tidied is a leftover that the next one to open the name takes away.
        if let Some(name) = self.hold.listed.get()
            && let Ok(mut holders) = Holders::lock(name, false)
        {
            holders.remove(self.hold.memory.as_raw_fd());
            let _ = holders.write();
        }
    }
}

impl Region for Shared {
    fn base(&self) -> core::ptr::NonNull<u8> {
        self.map.base()
    }
    fn len(&self) -> usize {
        self.map.len()
    }
    fn is_shared(&self) -> bool {
        true
    }
}

/// Whether nobody can shorten it any more, without which we map nothing.
fn is_sealed(memory: &File) -> bool {
    rustix::fs::fcntl_get_seals(memory).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
}
