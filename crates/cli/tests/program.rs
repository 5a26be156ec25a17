//! The program itself: help, version, usage errors, man pages, completions, the demo.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use core::time::Duration;
use std::fs;
use std::time::Instant;

use support::{Folder, names, packhorse, run};

const COMMANDS: [&str; 7] = ["demo", "send", "recv", "noise", "hex", "inspect", "generate"];

fn stdout(args: &[&str]) -> String {
    let ended = run(args, b"");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn help_names_every_command_and_shows_examples() {
    let help = stdout(&["--help"]);
    assert!(help.contains("packhorse send photo.jpg | packhorse recv inbox"), "{help}");
    assert!(help.contains("Exit codes"), "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("  {command} ")), "{command}");
        assert!(stdout(&[command, "--help"]).contains("Usage: packhorse"), "{command}");
    }
    assert!(stdout(&["--version"]).starts_with("packhorse 0."));
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_exists() {
    for (args, part) in [
        (&["send"][..], "PATH"),
        (&["fly"], "fly"),
        (&["send", "x", "--mode", "spring"], "fountain"),
        (&["send", "x", "--profile", "smooth"], "native"),
        (&["send", "x", "--to", "memory://m"], "available are pipe:"),
        (&["recv", "x", "--from", "host"], "a scheme is missing"),
        (&["noise", "--drop", "2"], "a chance from 0 to 1"),
        (&["send", "-", "--duplex"], "--duplex"),
    ] {
        let ended = run(args, b"");
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn man_pages_and_completions_cover_every_command() {
    let all = stdout(&["generate", "man"]);
    let folder = Folder::new();
    stdout(&["generate", "man", "--dir", &folder.text("man")]);
    let pages = names(&folder.path("man"));
    assert!(pages.contains(&"packhorse.1".to_owned()), "{pages:?}");
    for command in COMMANDS {
        let page = format!("packhorse-{command}.1");
        assert!(pages.contains(&page), "{pages:?}");
        assert!(all.contains(&format!(".TH packhorse-{command} 1")), "{command}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = stdout(&["generate", "completion", shell]);
        assert!(text.contains("telemetry"), "{shell}");
    }
}

#[test]
fn the_demo_verifies_three_links_and_leaves_nothing() {
    let folder = Folder::new();
    fs::create_dir(folder.path("tmp")).unwrap();
    let began = Instant::now();
    let output = packhorse(&["demo"]).env("TMPDIR", folder.path("tmp")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("verified: BLAKE3").count(), 3, "{text}");
    assert!(text.contains("20 of 20 messages") && text.contains("Try next"), "{text}");
    assert!(names(&folder.path("tmp")).is_empty());
    // A debug build on a busy machine may take longer than the 5 seconds of a release build.
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_log_is_there_for_those_who_ask() {
    let folder = Folder::new();
    let file = folder.write("f", b"x");
    let mut quiet = packhorse(&["send", &file, "--progress", "none"]);
    assert_eq!(String::from_utf8_lossy(&quiet.output().unwrap().stderr).lines().count(), 1);
    let wrong = packhorse(&["send", &file]).env("RUST_LOG", "=x=[").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("RUST_LOG"));
}
