//! Where the datagrams of `packhorse heaps recv --pcap` come from, and those that were for somebody else.

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use packhorse::spead::receive::readers::PcapReader;

/// Datagrams that were passed over since they were sent elsewhere. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports(Arc<Mutex<Option<(u64, SocketAddr)>>>);

impl Ports {
    /// How many there were, and where the first was sent.
    pub(super) fn others(&self) -> Option<(u64, SocketAddr)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, to: SocketAddr) {
        let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        others.get_or_insert((0, to)).0 += 1;
    }
}

/// Reads a capture, `-` from standard input: what was sent to this address and port, as far as they are given.
pub(super) fn open(
    file: &Path,
    host: Option<IpAddr>,
    port: Option<u16>,
    ports: &Ports,
) -> anyhow::Result<PcapReader> {
    let reader = match file.as_os_str() == "-" {
        true => PcapReader::new(io::stdin()),
        false => PcapReader::open(file),
    };
    let reader = reader.with_context(|| format!("cannot read {}", file.display()))?;
    let ports = ports.clone();
    Ok(reader.filter(move |to| {
        let wanted = port.is_none_or(|port| to.port() == port)
            && host.is_none_or(|host| to.ip().to_canonical() == host);
        if !wanted {
            ports.note(to);
        }
        wanted
    }))
}
