//! The link that everybody has: two programs and a pipe. What happened is read from their JSON reports.

use core::time::Duration;
use std::env;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Leg;

/// Lines of telemetry.
const LINES: u64 = 20;

pub(super) fn run(file: &Path, inbox: &Path) -> anyhow::Result<Leg> {
    let program = env::current_exe().context("cannot find this program; start it by its path")?;
    let telemetry = file.with_file_name("telemetry.txt");
    let log = file.with_file_name("received.txt");
    let lines: String = (0..LINES).map(|i| format!("battery {} mV\n", 7400 - 3 * i)).collect();
    fs::write(&telemetry, &lines).context("cannot write the telemetry file")?;
    let cannot = || format!("cannot start {}", program.display());

    let began = Instant::now();
    let mut sender = Command::new(&program)
        .args(["send", "--progress", "json", "--telemetry"])
        .args([&telemetry, file])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(cannot)?;
    let link = sender.stdout.take().context("the sender has no output")?;
    let receiver = Command::new(&program)
        .args(["recv", "--progress", "json", "--telemetry"])
        .args([&log, inbox])
        .stdin(link)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(cannot);
    let receiver = match receiver {
        Ok(receiver) => receiver,
        Err(error) => {
            // It would wait for a reader forever.
            let _ = sender.kill();
            let _ = sender.wait();
            return Err(error);
        }
    };
    // Each writes a few lines only, far less than a pipe holds: they can be read one after the other.
    let received = events(receiver)?;
    let sent = events(sender)?;
    let took = began.elapsed();

    let summary = |events: &[Value]| find(events, "summary").cloned().unwrap_or_default();
    let (here, there) = (summary(&sent), summary(&received));
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap_or(0);
    let hash = |events: &[Value]| Some(find(events, "done")?["hash"].as_str()?.to_owned());
    let arrived = fs::read_to_string(&log).unwrap_or_default();
    let same = arrived.lines().zip(lines.lines()).filter(|(there, here)| there == here).count();
    Ok(Leg {
        link: "pipe",
        mode: "once",
        bytes: number(&there, "bytes"),
        packets: number(&here, "packets"),
        wire_bytes: number(&here, "wire_bytes"),
        took: seconds(&there).unwrap_or(took),
        losses: there["damage"]
            .as_object()
            .map(|damage| {
                damage
                    .iter()
                    .map(|(name, count)| (name.replace('_', " "), count.as_u64().unwrap_or(0)))
                    .collect()
            })
            .unwrap_or_default(),
        messages: Some((LINES, same as u64)),
        verified: hash(&received).filter(|arrived| Some(arrived) == hash(&sent).as_ref()),
    })
}

/// What a program told on standard error until it ended, which it must do well.
fn events(mut child: Child) -> anyhow::Result<Vec<Value>> {
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut text).context("cannot read what a program of the demo says")?;
    }
    let status = child.wait().context("cannot wait for a program of the demo")?;
    if !status.success() {
        bail!("a program of the demo ended with {status}: {}", text.trim_end());
    }
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn find<'a>(events: &'a [Value], event: &str) -> Option<&'a Value> {
    events.iter().find(|value| value["event"] == event)
}

fn seconds(summary: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(summary["seconds"].as_f64()?).ok()
}
