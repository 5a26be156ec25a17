//! The firmware that answers, and the one that is answered: acknowledged transfers over the UART with `packhorse --duplex`, over a line
//! that damages bytes both ways, with a host that does not answer at first, and with flash that is full before the file ends.

use core::time::Duration;
use std::io::Read as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context as _, ensure};

use super::{Bench, LIMIT, TO_DEVICE, finish, last_line, wait_for};
use crate::firmware::{Emulator, Report, Uart};

/// The device waits for 3 s before it begins again.
const SILENCE: Duration = Duration::from_secs(4);

impl Bench {
    /// The device sends until the program says that it has everything.
    pub(super) fn answered(&self, sender: &Path) -> anyhow::Result<String> {
        let (inbox, socket) = (self.folder.join("answered"), self.folder.join("uart"));
        let host = self.receive(&inbox, &socket, &["--duplex"])?;
        let report = Emulator::start(sender, &Uart::Connects(&socket))?.finish(LIMIT)?;
        let said = finish(host, "packhorse recv")?;
        ensure!(report.get("verified") == Some(&1), "the device was not told: {report:?}");
        self.compare(&inbox)?;
        Ok(last_line(&said))
    }

    /// The program sends, with another file behind the first, and listens to what the device answers. Whether it was content.
    pub(super) fn answering(&self, receiver: &Path, files: &[&Path]) -> anyhow::Result<(bool, Report)> {
        let socket = self.folder.join("uart");
        let _ = std::fs::remove_file(&socket);
        let emulator = Emulator::start(receiver, &Uart::Listens(&socket))?;
        wait_for(&socket)?;
        let (_, options) = TO_DEVICE.first().context("no options")?;
        let host = Command::new(&self.packhorse)
            .args(["send", "--duplex"])
            .args(*options)
            .arg("--to")
            .arg(format!("unix:{}", socket.display()))
            .args(files)
            .stderr(Stdio::piped())
            .spawn()?;
        let report = emulator.finish(LIMIT)?;
        let output = host.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "the program ended with {}: {said}",
            output.status
        );
        ensure!(report.contains_key("verified") && report.get("files") == Some(&1), "{report:?}; {said}");
        Ok((output.status.success(), report))
    }

    /// Flash that is full before the picture ends, and does not know: the device says so, and takes the next file.
    pub(super) fn full_flash(&self, receiver: &Path) -> anyhow::Result<()> {
        let small = self.folder.join("small.raw");
        std::fs::write(&small, &self.picture[..10_000])?;
        let (content, report) = self.answering(receiver, &[&self.folder.join("picture.raw"), &small])?;
        ensure!(!content, "the program was not told that the picture has failed");
        ensure!(report.get("failed").is_some_and(|failed| *failed > 0), "{report:?}");
        ensure!(report.get("verified") == Some(&10_000), "{report:?}");
        Ok(())
    }

    /// Nobody answers at first; then the program does, over a line on which a byte in a thousand is wrong, there and back.
    pub(super) fn silence_and_noise(&self, sender: &Path) -> anyhow::Result<Report> {
        let (inbox, socket) = (self.folder.join("silence"), self.folder.join("uart"));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        let emulator = Emulator::start(sender, &Uart::Connects(&socket))?;
        let (mut line, _) = listener.accept()?;
        swallow(&mut line)?;
        let mut host = Command::new(&self.packhorse)
            .args(["recv", "--duplex"])
            .arg(&inbox)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let to_host = host.stdin.take().context("no input")?;
        let from_host = host.stdout.take().context("no output")?;
        let (mut there, into, damaged) = self.noise("1")?;
        let (mut back, answers, heard) = self.noise("2")?;
        let ends = [
            join(line.try_clone()?, into),
            join(damaged, to_host),
            join(from_host, answers),
            join(heard, line),
        ];
        let report = emulator.finish(LIMIT)?;
        finish(host, "packhorse recv")?;
        there.wait()?;
        back.wait()?;
        // The last bytes go nowhere: the device is off.
        let _ = ends.map(thread::JoinHandle::join);
        ensure!(
            report.get("silent").is_some_and(|times| *times > 0),
            "it has not noticed the silence: {report:?}"
        );
        ensure!(report.get("verified") == Some(&1), "the device was not told: {report:?}");
        self.compare(&inbox)?;
        Ok(report)
    }

    fn noise(&self, seed: &str) -> anyhow::Result<(Child, ChildStdin, ChildStdout)> {
        let mut noise = Command::new(&self.packhorse)
            .args(["noise", "--byte-error", "1/1000", "--seed", seed])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ends = noise.stdin.take().zip(noise.stdout.take()).context("no ends of noise")?;
        Ok((noise, ends.0, ends.1))
    }
}

/// Takes what comes and says nothing, for a while.
fn swallow(line: &mut UnixStream) -> anyhow::Result<()> {
    let began = std::time::Instant::now();
    line.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut bytes = [0; 4096];
    while began.elapsed() < SILENCE {
        let _ = line.read(&mut bytes);
    }
    Ok(line.set_read_timeout(None)?)
}

/// Copies until one of them ends.
fn join(
    mut from: impl std::io::Read + Send + 'static,
    mut to: impl std::io::Write + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut bytes)
            && to.write_all(&bytes[..len]).and_then(|()| to.flush()).is_ok()
        {}
    })
}
