// Included by the build script, and by what checks that the picture arrives.

/// The picture that the device sends: as many bytes as the usual one of the radio toolkit, the same on every machine.
pub(crate) fn picture() -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..34_710).map(|_| next()).collect()
}
