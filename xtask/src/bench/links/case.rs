//! What is measured on bad links, and what it may cost at most.

/// What happens between sender and receiver.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// A pipe through `packhorse noise` with these arguments.
    Noise(Vec<String>),
    /// Datagrams through a relay that loses this share of them.
    Relay(f64),
}

/// One case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// Bytes of the file.
    pub(super) size: u64,
    /// The sender's arguments, and those that the receiver needs to know, too.
    pub(super) send: Vec<String>,
    pub(super) receive: Vec<String>,
    pub(super) link: Link,
    /// Wire bytes over file bytes.
    pub(super) most: f64,
}

impl Case {
    #[expect(clippy::cast_precision_loss, reason = "a small file")]
    pub(super) fn bytes(&self) -> f64 {
        self.size as f64
    }
}

/// Packets a second through the relay.
pub(super) const PACKETS: u64 = 1_000;
const MEGABYTE: u64 = 1_000_000;
const SMALL: u64 = 35_000;

/// The one-way cases.
pub(super) fn one_way() -> Vec<Case> {
    let lossy = [(0.01, 1.05, 1.40), (0.1, 1.20, 1.56), (0.3, 1.56, 2.02), (0.5, 2.25, 2.90)];
    let noisy = [(1e-4, 1.08, 1.12), (1e-3, 1.12, 1.18), (1e-2, 1.25, 1.40)];
    let blocks =
        lossy.map(|(loss, most, _)| datagrams("1 MB, 1 KiB blocks", MEGABYTE, "native", 1024, loss, most));
    let radio =
        lossy.map(|(loss, _, most)| datagrams("35 kB, packets of 66 bytes", SMALL, "rugged", 53, loss, most));
    let single = noisy.map(|(errors, most, _)| rugged("1 MB rugged, single errors", errors, 1, most));
    let bursts = noisy.map(|(errors, _, most)| rugged("1 MB rugged, bursts of 20", errors, 20, most));
    [blocks.to_vec(), radio.to_vec(), single.to_vec(), bursts.to_vec()].concat()
}

/// A fountain over datagrams of which some are lost.
pub(super) fn datagrams(name: &str, size: u64, profile: &str, block: u32, loss: f64, most: f64) -> Case {
    Case {
        name: format!("{name}, {:.0} % lost", loss * 100.0),
        size,
        // As many packets a second for every size, few enough that no socket on the way overflows.
        send: words(&format!(
            "--profile {profile} --mode fountain --expect-loss {loss} --block {block} --rate {}",
            u64::from(block) * PACKETS
        )),
        receive: words(&format!("--profile {profile} --give-up 2")),
        link: Link::Relay(loss),
        most,
    }
}

/// Rugged frames on a pipe whose bytes are damaged.
fn rugged(name: &str, errors: f64, burst: u32, most: f64) -> Case {
    Case {
        name: format!("{name}, {errors:e}"),
        size: MEGABYTE,
        send: words(&format!("--profile rugged --expect-errors {errors}")),
        receive: Vec::new(),
        link: Link::Noise(words(&format!("--byte-error {errors} --burst {burst}"))),
        most,
    }
}

/// What stands between blanks.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
