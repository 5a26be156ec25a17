//! A bad line between two programs: `... | cargo run -q -p packhorse-transport --example noise | ...`.
//!
//! Loses one piece of 32 bytes in a hundred and changes one byte in a thousand, the same ones every time.

use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::{Faults, Noise, Pipe};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let (mut input, mut output) = Pipe::stdio()?.split();
    let mut noise = Noise::new(1, &Faults { drop: 0.01, byte_error: 0.001, ..Faults::NONE })?;
    let mut bytes = vec![0; input.mtu()];
    let mut out = Vec::with_capacity(2 * bytes.len());
    loop {
        let len = input.receive(&mut bytes)?;
        out.clear();
        if len == 0 {
            noise.finish(|run| out.extend_from_slice(run));
        } else {
            noise.apply(&mut bytes[..len], |run| out.extend_from_slice(run));
        }
        match output.send(&out) {
            Ok(()) if len > 0 => {}
            // A reader that has seen enough is no error.
            Ok(()) | Err(TransportError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    eprintln!("{}", noise.damage());
    Ok(())
}
