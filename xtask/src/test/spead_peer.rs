//! SPEAD beside spead2 from the Python package index (`xtask/peers/spead.py`): what it sends, `packhorse heaps recv`
//! understands, item by item. Flavours, immediates, numpy types, shapes, descriptors, packet sizes; UDP and TCP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

const PEER: &str = "xtask/peers/spead.py";

/// Every case of the peer, over both transports.
pub(super) fn receive(python: &Path, packhorse: &Path) -> anyhow::Result<()> {
    println!("  $ {PEER} send | packhorse heaps recv --json");
    let listed = Command::new(python).args([PEER, "cases"]).output().context("cannot start the peer")?;
    ensure!(listed.status.success(), "the peer lists no cases: {}", String::from_utf8_lossy(&listed.stderr));
    let cases = String::from_utf8(listed.stdout)?;
    let mut peer = Command::new(python)
        .args([PEER, "send"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the peer")?;
    let mut orders = peer.stdin.take().context("the peer has no input")?;
    let mut answers = BufReader::new(peer.stdout.take().context("the peer has no output")?);
    let (mut heaps, mut done) = (0, 0);
    for line in cases.lines() {
        let (case, bug_compat) = line.split_once(' ').with_context(|| format!("no case: {line:?}"))?;
        for transport in ["udp", "tcp"] {
            let (mut receiver, mut messages, port) = listen(packhorse, transport, bug_compat)?;
            writeln!(orders, "{case} {transport} {port}")?;
            orders.flush()?;
            let mut answer = String::new();
            answers.read_line(&mut answer)?;
            let expected: Vec<Value> =
                serde_json::from_str(&answer).with_context(|| format!("{case}: the peer says {answer:?}"))?;
            let mut received = String::new();
            let output = receiver.stdout.as_mut().context("the receiver has no output")?;
            output.read_to_string(&mut received)?;
            let status = receiver.wait()?;
            let mut said = String::new();
            messages.read_to_string(&mut said)?;
            ensure!(status.success(), "{case} over {transport}: the receiver ended with {status}: {said}");
            compare(&received, &expected).with_context(|| format!("{case} over {transport}"))?;
            heaps += expected.len();
        }
        done += 1;
    }
    drop(orders);
    let status = peer.wait()?;
    ensure!(status.success(), "the peer ended with {status}");
    println!("    {done} cases, {heaps} heaps of spead2 received, every item as it was sent");
    Ok(())
}

/// A receiver that listens, its messages, and its port.
fn listen(
    packhorse: &Path,
    transport: &str,
    bug_compat: &str,
) -> anyhow::Result<(Child, BufReader<ChildStderr>, u16)> {
    let mut command = Command::new(packhorse);
    command.args(["heaps", "recv", "--json", "--bug-compat", bug_compat]);
    if transport == "tcp" {
        command.arg("--tcp");
    }
    let mut receiver = command
        .args(["127.0.0.1", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", packhorse.display()))?;
    let mut messages = BufReader::new(receiver.stderr.take().context("the receiver has no messages")?);
    let mut line = String::new();
    while messages.read_line(&mut line)? > 0 {
        let port = line.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        if let Some(port) = port.filter(|_| line.contains("receiving on")) {
            return Ok((receiver, messages, port));
        }
        line.clear();
    }
    bail!("the receiver says no port: {}", receiver.wait()?)
}

/// The lines of a receiver hold these heaps, with the items in any order, and behind them the statistics.
fn compare(received: &str, expected: &[Value]) -> anyhow::Result<()> {
    let mut lines: Vec<Value> = received.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let last = lines.pop().context("nothing was received")?;
    let heaps = last.pointer("/statistics/heaps").and_then(Value::as_u64);
    ensure!(heaps == Some(expected.len() as u64), "the last line says {last}");
    ensure!(lines.len() == expected.len(), "{} heaps instead of {}", lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(expected) {
        ensure!(sorted(line) == sorted(expected), "received {line}\nexpected {expected}");
    }
    Ok(())
}

fn sorted(heap: &Value) -> Value {
    let mut heap = heap.clone();
    if let Some(items) = heap.pointer_mut("/items").and_then(Value::as_array_mut) {
        items.sort_by_key(|item| item.pointer("/id").and_then(Value::as_u64));
    }
    heap
}
