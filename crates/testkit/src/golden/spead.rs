//! Golden vectors of SPEAD-64-40: packets captured from spead2 4.5.1 as it wrote them, back to back.
//!
//! | vector | what it is |
//! |---|---|
//! | `heap1` | one packet: two descriptors, timestamp 0x1600 = 0x123456789a, item 0x3300 of 16 bytes counting from 0 |
//! | `heap2` | one packet: timestamp 5, item 0x3300 of 16 bytes counting from 0x10 |
//! | `stop` | the heap that ends a stream |
//! | `split` | packets of at most 103 bytes: 0x1600 = 7, 0x3300 of 100 bytes, 0x3301 of 7, each counting from 0 |
//! | `split_repeat` | the same with all item pointers in every packet |
//! | `imm_pad` | packets of at most 96 bytes: ten immediates from 0x1000 on, with the values 0 to 9 |

const VECTORS: &[(&str, &[u8])] = &[
    ("heap1", include_bytes!("../../golden/spead/heap1.bin")),
    ("heap2", include_bytes!("../../golden/spead/heap2.bin")),
    ("stop", include_bytes!("../../golden/spead/stop.bin")),
    ("split", include_bytes!("../../golden/spead/split.bin")),
    ("split_repeat", include_bytes!("../../golden/spead/split_repeat.bin")),
    ("imm_pad", include_bytes!("../../golden/spead/imm_pad.bin")),
];

/// All vectors: name and packets.
#[must_use]
pub fn all() -> &'static [(&'static str, &'static [u8])] {
    VECTORS
}

/// The vector of that name.
///
/// # Panics
/// When there is none: the name is wrong.
#[must_use]
pub fn named(name: &str) -> &'static [u8] {
    let found = VECTORS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no golden vector {name}")).1
}
