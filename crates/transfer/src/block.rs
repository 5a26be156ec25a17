//! [`BlockHeader`]: which block of which object a packet carries.

/// The transfer header of a packet, in both profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockHeader {
    /// The low 16 bits of the object's id, so that several transfers can share a channel. Not on the wire of
    /// `ftag`, which has one transfer a channel: 0 there.
    pub tag: u16,
    /// The block, from 0. In control packets of `native` the [fragment word](packhorse_packet::Fragment), in
    /// those of `ftag` 0.
    pub number: u32,
}
