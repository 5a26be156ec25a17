use packhorse_buffer::{Layer, NoRoom, Over, PacketBuf, Storage};

/// A header of 6 bytes in front, a check of 2 behind.
struct Header;

impl Layer for Header {
    const HEADROOM: usize = 6;
    const TAILROOM: usize = 2;
    type Tx = ();
    type Rx = ();
    type Error = core::convert::Infallible;

    fn push<S: Storage>(&mut self, (): (), _: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        Ok(())
    }
    fn pull<S: Storage>(&mut self, _: &mut PacketBuf<S>) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn main() {
    // 2 x (6 + 2) for the headers and checks, 56 for the payload: 72.
    let _ = PacketBuf::<[u8; 71]>::for_stack::<Over<Header, Header>, 56>();
}
