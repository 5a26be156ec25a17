//! Where packets come from: UDP and multicast, TCP, memory and files, the same process, capture files.
//!
//! | reader | packets are | lossy | when something is malformed |
//! |---|---|---|---|
//! | [`UdpReader`] | datagrams | yes | the packet is dropped |
//! | [`StreamReader`] | back to back in anything that is `Read` | no | 8 bytes are skipped and tried again, or it ends |
//! | [`TcpReader`] | back to back on the first connection | no | 8 bytes are skipped and tried again |
//! | [`InProcessReader`] | slabs of another thread | no | the packet is dropped |
//! | [`PcapReader`] | UDP datagrams in a capture | no | the packet is dropped |

mod in_process;
mod pcap;
mod stream;
mod tcp;
mod udp;

pub use in_process::InProcessReader;
pub use pcap::PcapReader;
pub use stream::{Malformed, StreamReader};
pub use tcp::TcpReader;
pub use udp::{UdpOptions, UdpReader};
