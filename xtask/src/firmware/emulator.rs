//! [`Emulator`]: a Cortex-M3 with its UART on a socket.

use core::time::Duration;
use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};

/// Where the UART leads.
pub(crate) enum Uart<'a> {
    /// Nowhere; the clock ticks once an instruction.
    Counts,
    /// To a unix socket on which somebody listens.
    Connects(&'a Path),
    /// To a unix socket on which the emulator listens; it begins when somebody has come.
    Listens(&'a Path),
}

/// What the program said through the debugger: names and numbers.
pub(crate) type Report = HashMap<String, u32>;

/// A running one. Killed when dropped.
pub(crate) struct Emulator {
    child: Child,
    said: std::thread::JoinHandle<String>,
}

impl Emulator {
    /// Starts `program`.
    pub(crate) fn start(program: &Path, uart: &Uart<'_>) -> anyhow::Result<Self> {
        let socket = match uart {
            Uart::Counts => "null,id=uart".to_owned(),
            Uart::Connects(path) => format!("socket,id=uart,path={}", path.display()),
            Uart::Listens(path) => format!("socket,id=uart,path={},server=on,wait=on", path.display()),
        };
        let clock: &[&str] = if matches!(uart, Uart::Counts) { &["-icount", "shift=0"] } else { &[] };
        let mut child = Command::new("qemu-system-arm")
            .args(clock)
            .args(["-M", "lm3s6965evb", "-nodefaults", "-display", "none", "-monitor", "none"])
            .args(["-semihosting", "-serial", "chardev:uart", "-chardev", &socket, "-kernel"])
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start qemu-system-arm")?;
        let mut output = child.stdout.take().context("no output of the emulator")?;
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text is not ours.
            let _ = output.read_to_string(&mut text);
            text
        });
        Ok(Self { child, said })
    }

    /// Waits until the program has ended, and reads what it said.
    pub(crate) fn finish(mut self, limit: Duration) -> anyhow::Result<Report> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > limit {
                self.child.kill()?;
                self.child.wait()?;
                bail!("the firmware has not ended after {} s", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let said = self.said.join().unwrap_or_default();
        if !status.success() {
            bail!("the firmware ended with {status}; it said: {said}");
        }
        let numbers = said.lines().filter_map(|line| line.split_once('='));
        Ok(numbers.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Ends it at once, as when the power fails.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Connects to an emulator that has just been started.
pub(crate) fn connect(socket: &Path) -> anyhow::Result<UnixStream> {
    for _ in 0..500 {
        if let Ok(stream) = UnixStream::connect(socket) {
            return Ok(stream);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("the emulator does not listen on {}", socket.display())
}
