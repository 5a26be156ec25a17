//! Other people's programs that the step `peers` talks to: a list, and the virtual environment that holds them.
//!
//! ```text
//!   target/venv/bin/python     runs the peers written in Python; no system package is touched
//! ```
//!
//! Only `cargo xtask test` uses them, and there only that step: no test of a crate needs Python or what it installs.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::need::{self, PYTHON};
use crate::run::Run;
use crate::workspace::Workspace;
use crate::{Usage, take_flag};

/// A program or library of others, from the Python package index.
struct Peer {
    /// The requirement as pip reads it, with the versions that are known to do: `blake3>=1,<2`.
    requirement: &'static str,
    /// Python code that works only when it is installed.
    proof: &'static str,
    /// What it is compared with.
    purpose: &'static str,
}

/// Every peer. A new one is one entry here and a comparison in `test/peer.rs`.
const PEERS: &[Peer] = &[
    Peer {
        requirement: "blake3>=1,<2",
        proof: "import blake3; blake3.blake3(b'').digest()",
        purpose: "the hash that the native profile sends, by another binding",
    },
    Peer {
        requirement: "numpy>=2,<3",
        proof: "import numpy; numpy.zeros(1)",
        purpose: "the arrays that spead2 sends",
    },
    Peer {
        requirement: "spead2>=4.5,<5",
        proof: "import spead2.recv, spead2.send; spead2.ThreadPool()",
        purpose: "streams of SPEAD heaps, by their best-known implementation",
    },
    Peer {
        requirement: "reedsolo>=1.7,<2",
        proof: "import reedsolo; reedsolo.RSCodec(8, nsize=255, fcr=0, prim=0x11D, generator=2, c_exp=8)",
        purpose: "the inner code of the rugged profile, by another implementation",
    },
    Peer {
        requirement: "lz4>=4.4,<5",
        proof: "import lz4.frame; lz4.frame.decompress(lz4.frame.compress(b'x'))",
        purpose: "LZ4 frames, by the C library's own frame functions",
    },
];

/// `cargo xtask peers`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--list") {
        for peer in PEERS {
            println!("{:<16} {}", peer.requirement, peer.purpose);
        }
        return Ok(true);
    }
    if let Some(extra) = args.first() {
        return Err(Usage(format!("peers does not know {extra:?}")).into());
    }
    need::install(&[&PYTHON]);
    let workspace = Workspace::load()?;
    prepare(&workspace, &mut Counts::default())?;
    println!("the peers are in {}", folder(&workspace).display());
    Ok(true)
}

/// Where the peers live.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("venv")
}

/// Makes the environment and installs what is missing in it.
pub(crate) fn prepare(workspace: &Workspace, tally: &mut Counts) -> anyhow::Result<()> {
    let folder = folder(workspace);
    let python = folder.join("bin").join("python");
    if !python.exists() {
        Run::new("python3").args(["-m", "venv"]).arg(&folder).run(tally)?;
    }
    let works = |peer: &Peer| Run::new(&python).args(["-c", peer.proof]).output();
    let missing: Vec<&Peer> = PEERS.iter().filter(|peer| works(peer).is_err()).collect();
    if !missing.is_empty() {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
        Run::new(&python).args(pip).args(missing.iter().map(|peer| peer.requirement)).run(tally)?;
    }
    for peer in PEERS {
        works(peer).with_context(|| format!("the peer {} does not work", peer.requirement))?;
    }
    if !python.exists() {
        bail!("{} has no interpreter", folder.display());
    }
    Ok(())
}
