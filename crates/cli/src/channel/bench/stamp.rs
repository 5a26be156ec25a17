//! What stands in a message of the benchmark, so that it can be checked and timed.
//!
//! ```text
//!   | number u64 | time u64, ns | sender u32 | 0 u32 | filler: the number's lowest byte |        little-endian
//! ```

/// Bytes that are always there.
pub(super) const LEN: usize = 24;

/// One message's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) number: u64,
    /// When it was to be sent, by the clock of the machine.
    pub(super) time: u64,
    pub(super) sender: u32,
}

impl Stamp {
    pub(super) fn write(self, message: &mut [u8]) {
        let (front, filler) = message.split_at_mut(LEN);
        front[..8].copy_from_slice(&self.number.to_le_bytes());
        front[8..16].copy_from_slice(&self.time.to_le_bytes());
        front[16..20].copy_from_slice(&self.sender.to_le_bytes());
        front[20..].fill(0);
        filler.fill(self.number.to_le_bytes()[0]);
    }

    /// `None` when the message is not what some sender wrote.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let (front, filler) = message.split_at_checked(LEN)?;
        let word = |at: usize| Some(u64::from_le_bytes(front.get(at..at + 8)?.try_into().ok()?));
        let number = word(0)?;
        let sender = u32::try_from(word(16)?).ok()?;
        let sound = filler.iter().all(|byte| *byte == number.to_le_bytes()[0]);
        sound.then_some(Self { number, time: word(8)?, sender })
    }
}

/// Nanoseconds of the machine's monotonic clock: the same in every process.
pub(super) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.wrapping_mul(1_000_000_000).wrapping_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
