//! [`Process`]: a process that may have died, told apart from a later one that got its number.

use std::sync::OnceLock;

/// A process, by number and start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u64,
    /// Clock ticks from the start of the machine to its own.
    pub(crate) started: u64,
}

impl Process {
    /// None: no process has that number.
    pub(crate) const NOBODY: Self = Self { id: u32::MAX as u64, started: 1 };

    /// Number and start in one word, which is never 0.
    pub(crate) const fn word(self) -> u64 {
        self.started << 32 | self.id & 0xFFFF_FFFF
    }

    /// Whether the process whose [`word`](Self::word) this is runs.
    pub(crate) fn is_word_alive(word: u64) -> bool {
        match look(word & 0xFFFF_FFFF) {
            Look::Started(started) => started << 32 == word & !0xFFFF_FFFF || word >> 32 == 0,
            Look::Gone => false,
            Look::Unknown => true,
        }
    }

    /// This one.
    pub(crate) fn own() -> Self {
        // A child of fork is another process: its number says so.
        static OWN: OnceLock<Process> = OnceLock::new();
        let id = u64::from(std::process::id());
        let find = || match look(id) {
            Look::Started(started) => Self { id, started },
            Look::Gone | Look::Unknown => Self { id, started: 0 },
        };
        let known = *OWN.get_or_init(find);
        if known.id == id { known } else { find() }
    }

    /// Whether it still runs. A process that cannot be looked at counts as running.
    pub(crate) fn is_alive(self) -> bool {
        match look(self.id) {
            Look::Started(started) => started == self.started || self.started == 0,
            Look::Gone => false,
            Look::Unknown => true,
        }
    }
}

/// What the system says of a process.
enum Look {
    Started(u64),
    /// Not there, or ended and waiting for its parent to notice.
    Gone,
    /// The system does not say.
    Unknown,
}

fn look(id: u64) -> Look {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => started(&stat),
        // Only where this process is found does not finding another one mean anything.
        Err(_) if std::path::Path::new("/proc/self/stat").exists() => Look::Gone,
        Err(_) => Look::Unknown,
    }
}

/// Linux, proc_pid_stat(5): field 3 is the state, field 22 the start.
fn started(stat: &str) -> Look {
    // The name, field 2, is in brackets and may hold anything.
    let mut fields =
        stat.rsplit_once(')').map(|(_, fields)| fields.split_ascii_whitespace()).into_iter().flatten();
    if matches!(fields.next(), Some("Z" | "X")) {
        return Look::Gone;
    }
    fields.nth(18).and_then(|started| started.parse().ok()).map_or(Look::Unknown, Look::Started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_that_ended_is_not() {
        assert!(Process::own().is_alive());
        assert!(Process::own().started > 0);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process { id: u64::from(child.id()), started: Process::own().started };
        child.wait().unwrap();
        assert!(!process.is_alive() && !Process::is_word_alive(process.word()));
        assert!(Process::is_word_alive(Process::own().word()));
        assert!(!Process::NOBODY.is_alive());
    }

    #[test]
    fn another_process_with_the_same_number_is_not_taken_for_it() {
        let own = Process::own();
        let later = Process { id: own.id, started: own.started + 1 };
        assert!(!later.is_alive() && !Process::is_word_alive(later.word()));
    }
}
