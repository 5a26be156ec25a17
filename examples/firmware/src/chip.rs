//! Flash that lives in RAM, for the programs that receive.

use packhorse_embedded::simulated::SimulatedFlash;
use packhorse_embedded::storage::Flash;

/// Bytes of the simulated flash.
const CHIP: usize = 40 * 1024;
/// Bytes of the longest control message: hosts tell the time, the mode and the shape of a fountain beside a name of 32 bytes.
pub const MESSAGE: usize = 160;
/// Bytes of the bitmap: a bit for each block.
pub const BITMAP: usize = 96;

/// Erase blocks of 1 KiB and words of 4 bytes, as the chip's own flash has them.
pub type Chip = Flash<SimulatedFlash<&'static mut [u8], 1024, 4>, 8>;

/// The flash. With the feature `full` only its first 20 KiB can be written, and it does not know. `None` the second time.
pub fn chip() -> Option<&'static mut Chip> {
    let memory = cortex_m::singleton!(CHIP_MEMORY: [u8; CHIP] = [0; CHIP])?;
    let mut simulated = SimulatedFlash::new(&mut memory[..]);
    simulated.full_at = cfg!(feature = "full").then_some(20 * 1024);
    cortex_m::singleton!(FLASH: Chip = Chip::new(simulated, 0, CHIP as u32))
}
