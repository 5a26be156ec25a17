//! [`Cores`]: where threads may run, read from the system, and how to keep one on its core.
//!
//! ```text
//!   core 0: cpu 0, cpu 4      two threads of one core share its caches and its speed
//!   core 1: cpu 1, cpu 5      two ends of a channel are fastest on two cores of one node
//! ```
//!
//! Memory follows: pages come from the node of the thread that first writes to them, so pin first, then make the channel
//! with [`prefault`](crate::Builder::prefault). Not a scheduler: it says what there is, you choose.

use std::fs;
use std::io;
use std::path::Path;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// One logical processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu {
    /// The node whose memory is near (NUMA); 0 where the system does not say.
    pub node: usize,
    /// The socket.
    pub package: usize,
    /// The core in the socket; logical processors of one core share it.
    pub core: usize,
    /// The number that the system calls it by.
    pub number: usize,
}

/// The processors on which this thread may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cores {
    cpus: Vec<Cpu>,
}

impl Cores {
    /// Reads which processors this thread may use (containers and `taskset` allow fewer than there are), and how they are
    /// arranged.
    ///
    /// # Errors
    /// When the system does not say which are allowed.
    pub fn read() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        Ok(Self::among(|number| allowed.is_set(number), Path::new("/sys/devices/system")))
    }

    fn among(allowed: impl Fn(usize) -> bool, system: &Path) -> Self {
        let cpus = (0..CpuSet::MAX_CPU).filter(|number| allowed(*number)).map(|number| {
            let of_cpu = system.join(format!("cpu/cpu{number}"));
            let read = |name: &str| fs::read_to_string(of_cpu.join("topology").join(name)).ok();
            let number_in = |name: &str| read(name).and_then(|text| text.trim().parse().ok());
            Cpu {
                node: node_of(&of_cpu).unwrap_or(0),
                package: number_in("physical_package_id").unwrap_or(0),
                core: number_in("core_id").unwrap_or(number),
                number,
            }
        });
        let mut cpus: Vec<Cpu> = cpus.collect();
        cpus.sort_unstable();
        Self { cpus }
    }

    /// All of them, those of one core side by side.
    #[must_use]
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// One logical processor of each core, near ones first: what to put threads on that talk to each other.
    #[must_use]
    pub fn apart(&self) -> Vec<Cpu> {
        let mut apart = self.cpus.clone();
        apart.dedup_by_key(|cpu| (cpu.node, cpu.package, cpu.core));
        apart
    }
}

impl Cpu {
    /// Keeps the calling thread on this processor from now on.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn pin(&self) -> io::Result<()> {
        pin(self.number)
    }
}

/// Keeps the calling thread on the processor that the system calls `number`.
///
/// # Errors
/// When there is no such processor, or the system does not allow it.
pub fn pin(number: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    if number >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    set.set(number);
    Ok(sched_setaffinity(None, &set)?)
}

/// The folder of a processor holds a link called after its node.
fn node_of(cpu: &Path) -> Option<usize> {
    let entries = fs::read_dir(cpu).ok()?;
    entries
        .filter_map(Result::ok)
        .find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_can_be_kept_on_each_processor_it_may_use() {
        let cores = Cores::read().unwrap();
        assert!(!cores.cpus().is_empty());
        assert!(cores.apart().len() <= cores.cpus().len());
        let pinned = std::thread::spawn(move || {
            let last = *cores.cpus().last().unwrap();
            last.pin().unwrap();
            Cores::read().unwrap().cpus() == [last]
        });
        assert!(pinned.join().unwrap());
        assert!(pin(CpuSet::MAX_CPU).is_err());
    }

    #[test]
    fn threads_of_one_core_stand_side_by_side_and_count_once() {
        let system = std::env::temp_dir().join(format!("packhorse-cores-{}", std::process::id()));
        for (number, core, node) in [(0, 0, 0), (1, 1, 0), (2, 0, 0), (3, 0, 1)] {
            let cpu = system.join(format!("cpu/cpu{number}"));
            fs::create_dir_all(cpu.join("topology")).unwrap();
            fs::create_dir_all(cpu.join(format!("node{node}"))).unwrap();
            fs::write(cpu.join("topology/core_id"), format!("{core}\n")).unwrap();
            fs::write(cpu.join("topology/physical_package_id"), format!("{node}\n")).unwrap();
        }
        let cores = Cores::among(|number| number < 4, &system);
        let numbers: Vec<usize> = cores.cpus().iter().map(|cpu| cpu.number).collect();
        assert_eq!(numbers, [0, 2, 1, 3]);
        let apart: Vec<usize> = cores.apart().iter().map(|cpu| cpu.number).collect();
        assert_eq!(apart, [0, 1, 3]);
        fs::remove_dir_all(system).unwrap();
    }
}
