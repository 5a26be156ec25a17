//! One transfer between real processes over a bad link.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::io::Read as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::case::{Case, Link};
use super::relay::Relay;
use crate::bench::process::{Scratch, same};

/// Longest transfer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of it.
pub(super) struct Ended {
    /// Whether the file is there, byte for byte.
    pub(super) arrived: bool,
    /// Bytes that the sender put on the wire.
    pub(super) wire: f64,
}

/// Sends `file` over the case's link.
pub(super) fn transfer(
    packhorse: &Path,
    scratch: &Scratch,
    file: &Path,
    case: &Case,
    seed: u64,
) -> anyhow::Result<Ended> {
    let inbox = scratch.path("inbox");
    if inbox.exists() {
        std::fs::remove_dir_all(&inbox)?;
    }
    let send = || {
        let mut send = Command::new(packhorse);
        send.arg("send").arg(file).args(&case.send).args(["--progress", "json"]);
        send.stdin(Stdio::null()).stderr(Stdio::piped());
        send
    };
    let mut recv = Command::new(packhorse);
    recv.arg("recv").arg(&inbox).args(["--no-resume"]).args(&case.receive).stderr(Stdio::null());
    let wire = match &case.link {
        Link::Noise(noise) => {
            let mut sender = send().stdout(Stdio::piped()).spawn()?;
            let mut noisy = Command::new(packhorse)
                .args(["noise", "--seed", &seed.to_string()])
                .args(noise)
                .stdin(sender.stdout.take().context("no output")?)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?;
            let mut receiver = recv.stdin(noisy.stdout.take().context("no output")?).spawn()?;
            let wire = wire_bytes(&mut sender)?;
            noisy.wait()?;
            wait(&mut receiver)?;
            wire
        }
        Link::Relay(loss) => {
            let port = free_port()?;
            recv.args(["--from", &format!("udp://127.0.0.1:{port}")]).stdin(Stdio::null());
            let mut receiver = recv.spawn()?;
            await_socket(port)?;
            let relay = Relay::start(port, *loss, seed)?;
            let to = format!("udp://127.0.0.1:{}", relay.port);
            let mut sender = send().args(["--to", &to]).stdout(Stdio::null()).spawn()?;
            let wire = wire_bytes(&mut sender)?;
            wait(&mut receiver)?;
            wire
        }
    };
    let arrived = arrived(file, &inbox);
    Ok(Ended { arrived: arrived.exists() && same(file, &arrived)?, wire })
}

fn arrived(file: &Path, inbox: &Path) -> PathBuf {
    inbox.join(file.file_name().unwrap_or_default())
}

/// What the sender says it put on the wire, once it has ended.
fn wire_bytes(sender: &mut Child) -> anyhow::Result<f64> {
    let mut said = String::new();
    sender.stderr.take().context("no messages")?.read_to_string(&mut said)?;
    let status = sender.wait()?;
    let summaries = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut summaries = summaries.filter(|line| line.get("event").is_some_and(|event| event == "summary"));
    match summaries
        .next_back()
        .and_then(|summary| summary.get("wire_bytes").and_then(serde_json::Value::as_f64))
    {
        // One that got no answers in time has sent what it has sent; the receiver's file tells that it did not arrive.
        Some(wire) if matches!(status.code(), Some(0 | 1)) => Ok(wire),
        _ => bail!("the sender ended with {status}: {}", said.trim()),
    }
}

/// Waits for the receiver, and ends it when it does not end.
fn wait(receiver: &mut Child) -> anyhow::Result<()> {
    let since = Instant::now();
    while receiver.try_wait()?.is_none() {
        if since.elapsed() > PATIENCE {
            receiver.kill()?;
            receiver.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A port that nobody has at the moment.
fn free_port() -> anyhow::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Until the receiver has its socket.
fn await_socket(port: u16) -> anyhow::Result<()> {
    let sought = format!(":{port:04X} ");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(10) {
        let sockets = ["/proc/net/udp", "/proc/net/udp6"].map(std::fs::read_to_string);
        if sockets.iter().flatten().any(|table| table.contains(&sought)) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("the receiver does not open its socket")
}
