//! The firmware in an emulated microcontroller and the program `packhorse`, through a unix socket for a UART: the picture goes
//! to the host and back in every profile, over a line with noise, and over a power cut; what the device cannot take it refuses,
//! and goes on. Flash and RAM keep to their budget, and nothing is allocated.

mod answers;

use core::time::Duration;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::Context;
use crate::firmware::{Emulator, PROFILES, Report, Uart, build, cargo_build, connect, picture, size_table};
use crate::report;
use crate::run::Run;

pub(super) use crate::firmware::NEEDS;

const LIMIT: Duration = Duration::from_secs(60);

/// What the host is told beside the profile, so that a device with packets of 64 bytes understands it.
const TO_DEVICE: [(&str, &[&str]); 3] = [
    ("native", &["--block", "48", "--expect-errors", "1e-4"]),
    ("ftag", &["--block", "50"]),
    ("rugged", &["--block", "48"]),
];

const PROGRAMS: [&str; 2] = ["sender", "receiver"];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    Run::cargo("build").packages(["packhorse-cli"]).run(&mut context.tally)?;
    without_allocator(context)?;
    let bench = Bench::new(context)?;
    for profile in PROFILES {
        let built = build(&context.workspace, &PROGRAMS, &[profile, "report"], &mut context.tally)?;
        println!("    {profile}: device to host, {}", bench.to_host(profile, &built.program("sender"))?);
        let report = bench.to_device(profile, &built.program("receiver"), &[])?;
        println!("    {profile}: host to device, {} packets damaged", report.get("damaged").unwrap_or(&0));
        bench.to_device(profile, &built.program("receiver"), &["--rate", "11520"])?;
        println!("    {profile}: host to device at 115,200 baud");
        context.tally.passed += 3;
        match profile {
            "native" => {
                bench.unwelcome(&built.program("receiver"))?;
                println!(
                    "    native: noise from the first byte and a file larger than the device, then the picture"
                );
                context.tally.passed += 1;
            }
            "rugged" => {
                bench.noisy(&built.program("sender"))?;
                println!("    rugged: device to host with a wrong byte in 1,000");
                context.tally.passed += 1;
            }
            _ => {}
        }
    }
    let built = build(&context.workspace, &["sender"], &["native", "report", "paced"], &mut context.tally)?;
    println!("    native, at 115,200 baud: {}", bench.power_cut(&built.program("sender"))?);
    context.tally.passed += 1;
    tasks(context, &bench)?;
    acknowledged(context, &bench)?;
    let (rows, well) = size_table(&context.workspace, &["none"], &mut context.tally)?;
    print!("{}", report::table(&rows));
    ensure!(well, "the firmware is over its budget");
    Ok(())
}

/// Both ways as async tasks.
fn tasks(context: &mut Context, bench: &Bench) -> anyhow::Result<()> {
    let programs = ["async_sender", "async_receiver"];
    let built = build(&context.workspace, &programs, &["native", "report", "async"], &mut context.tally)?;
    println!("    native, async: device to host, {}", bench.to_host("native", &built.program(programs[0]))?);
    bench.to_device("native", &built.program(programs[1]), &["--rate", "11520"])?;
    println!("    native, async: host to device at 115,200 baud");
    context.tally.passed += 2;
    Ok(())
}

/// Both ways with answers.
fn acknowledged(context: &mut Context, bench: &Bench) -> anyhow::Result<()> {
    let programs = ["arq_sender", "arq_receiver"];
    let built = build(&context.workspace, &programs, &["native", "report"], &mut context.tally)?;
    let (sender, receiver) = (built.program("arq_sender"), built.program("arq_receiver"));
    println!("    native, answered: device to host, {}", bench.answered(&sender)?);
    let (content, report) = bench.answering(&receiver, &[&bench.folder.join("picture.raw")])?;
    ensure!(content, "the program was not told that the picture has come: {report:?}");
    println!("    native, answering: host to device, {} answers", report.get("answers").unwrap_or(&0));
    let report = bench.silence_and_noise(&sender)?;
    println!(
        "    native, answered: nobody at first, then with a wrong byte in 1,000 both ways, {} answers",
        report.get("answers").unwrap_or(&0)
    );
    let features = ["native", "report", "full"];
    let built = build(&context.workspace, &programs[1..], &features, &mut context.tally)?;
    bench.full_flash(&built.program("arq_receiver"))?;
    println!("    native, answering: a file that the flash does not hold has failed, and the next one comes");
    context.tally.passed += 4;
    Ok(())
}

/// Every mode that needs no allocator runs in a program that has none, and an allocation would not link.
fn without_allocator(context: &mut Context) -> anyhow::Result<()> {
    let built = build(&context.workspace, &["modes"], &["report"], &mut context.tally)?;
    let modes = Emulator::start(&built.program("modes"), &Uart::Counts)?.finish(LIMIT)?;
    ensure!(modes.len() == 4 && modes.values().all(|arrived| *arrived == 1), "{modes:?}");
    let allocating = cargo_build(&context.workspace, &["modes"], &["report", "allocates"], "core,alloc");
    let said = match allocating.output() {
        Ok(_) => bail!("a program that allocates was linked without an allocator"),
        Err(error) => format!("{error:#}"),
    };
    ensure!(said.contains("no global memory allocator"), "it failed for another reason: {said}");
    println!(
        "    once, repeat, arq and source symbols ran without an allocator; an allocation does not link"
    );
    context.tally.passed += 2;
    Ok(())
}

/// Where the programs meet.
struct Bench {
    packhorse: PathBuf,
    folder: PathBuf,
    picture: Vec<u8>,
}

impl Bench {
    fn new(context: &Context) -> anyhow::Result<Self> {
        let folder = context.workspace.target.join("firmware").join("bench");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let picture = picture();
        std::fs::write(folder.join("picture.raw"), &picture)?;
        let packhorse = context.workspace.target.join("debug").join("packhorse");
        Ok(Self { packhorse, folder, picture })
    }

    /// The program receives from a unix socket that the emulator connects to.
    fn to_host(&self, profile: &str, sender: &Path) -> anyhow::Result<String> {
        let (inbox, socket) = (self.folder.join(format!("from-{profile}")), self.folder.join("uart"));
        let host = self.receive(&inbox, &socket, &[])?;
        let report = Emulator::start(sender, &Uart::Connects(&socket))?.finish(LIMIT)?;
        ensure!(report.contains_key("stack"), "the device said nothing");
        let said = finish(host, "packhorse recv")?;
        self.compare(&inbox)?;
        Ok(last_line(&said))
    }

    /// The program sends to a unix socket on which the emulator listens.
    fn to_device(&self, profile: &str, receiver: &Path, more: &[&str]) -> anyhow::Result<Report> {
        let socket = self.folder.join("uart");
        let _ = std::fs::remove_file(&socket);
        let emulator = Emulator::start(receiver, &Uart::Listens(&socket))?;
        wait_for(&socket)?;
        let options =
            TO_DEVICE.iter().find(|(name, _)| *name == profile).map_or(&[][..], |(_, options)| options);
        let host = Command::new(&self.packhorse)
            .args(["send", "--profile", profile])
            .args(options)
            .args(more)
            .arg("--to")
            .arg(format!("unix:{}", socket.display()))
            .arg(self.folder.join("picture.raw"))
            .stderr(Stdio::piped())
            .spawn()?;
        let report = emulator.finish(LIMIT)?;
        // The device hangs up when it has everything.
        let _ = host.wait_with_output()?;
        ensure!(report.get("verified").copied() == u32::try_from(self.picture.len()).ok(), "{report:?}");
        Ok(report)
    }

    /// Between the device and the program: `packhorse noise`.
    fn noisy(&self, sender: &Path) -> anyhow::Result<()> {
        let (inbox, socket) = (self.folder.join("noisy"), self.folder.join("uart"));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        let mut noise = Command::new(&self.packhorse)
            .args(["noise", "--byte-error", "1/1000", "--seed", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let damaged = noise.stdout.take().context("no output of noise")?;
        let host = Command::new(&self.packhorse)
            .arg("recv")
            .arg(&inbox)
            .stdin(damaged)
            .stderr(Stdio::piped())
            .spawn()?;
        let emulator = Emulator::start(sender, &Uart::Connects(&socket))?;
        let (mut line, _) = listener.accept()?;
        let mut into = noise.stdin.take().context("no input of noise")?;
        std::io::copy(&mut line, &mut into)?;
        drop(into);
        emulator.finish(LIMIT)?;
        noise.wait()?;
        finish(host, "packhorse recv")?;
        self.compare(&inbox)
    }

    /// The line is noise at first; a file comes that the device has no room for; then one that it has.
    fn unwelcome(&self, receiver: &Path) -> anyhow::Result<()> {
        let large = self.folder.join("large.raw");
        std::fs::write(&large, [&self.picture[..], &self.picture].concat())?;
        let socket = self.folder.join("uart");
        let _ = std::fs::remove_file(&socket);
        let emulator = Emulator::start(receiver, &Uart::Listens(&socket))?;
        let mut line = connect(&socket)?;
        line.write_all(&self.picture[..5000])?;
        for file in [&large, &self.folder.join("picture.raw")] {
            let sent = Command::new(&self.packhorse)
                .args(["send", "--expect-errors", "1e-4", "--block", "48"])
                .arg(file)
                .stderr(Stdio::null())
                .output()?;
            line.write_all(&sent.stdout)?;
        }
        let report = emulator.finish(LIMIT)?;
        ensure!(report.get("refused") == Some(&1), "the large file was not refused: {report:?}");
        ensure!(report.get("verified").copied() == u32::try_from(self.picture.len()).ok(), "{report:?}");
        Ok(())
    }

    /// The device is switched off when half of the picture has passed; both begin again, and the host keeps what it has.
    fn power_cut(&self, sender: &Path) -> anyhow::Result<String> {
        let (inbox, socket) = (self.folder.join("cut"), self.folder.join("uart"));
        let host = self.receive(&inbox, &socket, &[])?;
        let emulator = Emulator::start(sender, &Uart::Connects(&socket))?;
        std::thread::sleep(Duration::from_millis(2500));
        emulator.kill()?;
        let first = host.wait_with_output()?;
        ensure!(first.status.code() == Some(1), "half a picture is not {}", first.status);
        ensure!(!inbox.join("picture.raw").exists(), "half a picture has its final name");
        let host = self.receive(&inbox, &socket, &[])?;
        Emulator::start(sender, &Uart::Connects(&socket))?.finish(LIMIT)?;
        let said = finish(host, "packhorse recv")?;
        let went_on = said.lines().find(|line| line.contains("goes on with"));
        let went_on = went_on.with_context(|| format!("the host did not go on with what it had: {said}"))?;
        self.compare(&inbox)?;
        Ok(went_on.to_owned())
    }

    /// Starts `packhorse recv`, listening.
    fn receive(&self, inbox: &Path, socket: &Path, more: &[&str]) -> anyhow::Result<Child> {
        let _ = std::fs::remove_file(socket);
        let host = Command::new(&self.packhorse)
            .arg("recv")
            .args(more)
            .arg(inbox)
            .arg("--from")
            .arg(format!("unix:{}", socket.display()))
            .stderr(Stdio::piped())
            .spawn()?;
        wait_for(socket)?;
        Ok(host)
    }

    fn compare(&self, inbox: &Path) -> anyhow::Result<()> {
        let got = std::fs::read(inbox.join("picture.raw"))?;
        ensure!(got == self.picture, "another picture arrived");
        Ok(())
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

fn wait_for(socket: &Path) -> anyhow::Result<()> {
    for _ in 0..1000 {
        if socket.exists() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("nobody listens on {}", socket.display())
}

/// Waits for a program that must end well; what it said.
fn finish(child: Child, name: &str) -> anyhow::Result<String> {
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{name} ended with {}: {said}", output.status);
    Ok(said)
}
