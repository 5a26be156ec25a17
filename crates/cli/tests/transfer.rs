//! `send | recv`: what goes in comes out.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use core::time::Duration;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::SystemTime;

use packhorse_testkit::patterns;
use support::{Folder, assert_says, names, pipe_ok, pipeline, run};

const SIZES: [usize; 7] = [0, 1, 49, 50, 51, 65_536, 300_001];

#[test]
fn every_size_arrives_in_every_profile_and_mode() {
    for profile in ["native", "ftag"] {
        for mode in ["once", "repeat=2"] {
            let folder = Folder::new();
            let inbox = folder.text("inbox");
            let mut args =
                vec!["send".to_owned(), "--profile".into(), profile.into(), "--mode".into(), mode.into()];
            for size in SIZES {
                args.push(folder.write(&format!("{size}.bin"), &patterns::random(size as u64, size)));
            }
            let files: Vec<String> = args.split_off(5);
            // The ftag wire carries one file after the other just as well.
            let args: Vec<&str> = args.iter().chain(&files).map(String::as_str).collect();
            pipe_ok(&args, &["recv", &inbox]);
            for size in SIZES {
                let name = format!("{size}.bin");
                assert_eq!(
                    folder.read(&format!("inbox/{name}")),
                    folder.read(&name),
                    "{profile} {mode} {name}"
                );
            }
        }
    }
}

#[test]
fn a_session_that_is_not_understood_behind_another_one_is_told() {
    let folder = Folder::new();
    for size in [3000, 300_000] {
        let first = folder.write("first", &patterns::random(1, size));
        let second = folder.write("second", &patterns::random(2, size));
        let line =
            [run(&["send", &first], b"").stdout, run(&["send", &second, "--profile", "rugged"], b"").stdout];
        let ended = run(&["recv", &folder.text("in")], &line.concat());
        assert_says(&ended, 1, "a session in profile rugged");
        assert_eq!(names(&folder.path("in")), ["first"]);
        // The same profile is no other session.
        let line = [line[0].clone(), run(&["send", &second], b"").stdout].concat();
        let ended = run(&["recv", &folder.text("both")], &line);
        assert_eq!((ended.code, names(&folder.path("both")).len()), (Some(0), 2), "{}", ended.stderr);
    }
}

#[test]
fn the_stream_of_ftag_is_the_recorded_one_byte_for_byte() {
    for golden in packhorse_testkit::golden::ftag() {
        let folder = Folder::new();
        let file = folder.write(&golden.file_name(), golden.file);
        let args = ["send", &file, "--profile", "ftag", "--block", "50", "--mode", "repeat=3"];
        let sent = run(&args, b"");
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        assert!(sent.stdout == golden.stream, "{}: {} bytes", golden.name, sent.stdout.len());

        let received = run(&["recv", &folder.text("inbox")], golden.stream);
        assert_eq!(received.code, Some(0), "{}", received.stderr);
        assert_eq!(folder.read(&format!("inbox/{}", golden.file_name())), golden.file);
    }
}

#[test]
fn folders_arrive_with_their_modes_and_times() {
    let folder = Folder::new();
    folder.write("tree/deep/er/x.txt", b"x");
    folder.write("tree/script", b"#!");
    fs::create_dir(folder.path("tree/empty")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    for (name, mode) in
        [("tree/script", 0o751), ("tree/deep/er/x.txt", 0o600), ("tree/empty", 0o711), ("tree", 0o750)]
    {
        let file = fs::File::open(folder.path(name)).unwrap();
        file.set_modified(time).unwrap();
        file.set_permissions(Permissions::from_mode(mode)).unwrap();
    }
    pipe_ok(&["send", &folder.text("tree")], &["recv", &folder.text("inbox")]);
    for name in ["tree/script", "tree/deep/er/x.txt", "tree/empty", "tree"] {
        let sent = fs::metadata(folder.path(name)).unwrap();
        let received = fs::metadata(folder.path(&format!("inbox/{name}"))).unwrap();
        assert_eq!((received.mode(), received.mtime()), (sent.mode(), sent.mtime()), "{name}");
    }
    assert_eq!(names(&folder.path("inbox")), ["tree"]);
}

#[test]
fn names_of_any_language_arrive_as_they_are() {
    let folder = Folder::new();
    let files = ["grüße.txt", "写真 1.jpg", "🐎.bin", "-rf", "a b'c\"d"];
    let paths: Vec<String> = files.iter().map(|name| folder.write(name, name.as_bytes())).collect();
    let mut args = vec!["send", "--"];
    args.extend(paths.iter().map(String::as_str));
    pipe_ok(&args, &["recv", &folder.text("inbox")]);
    for name in files {
        assert_eq!(folder.read(&format!("inbox/{name}")), name.as_bytes());
    }
}

#[test]
fn a_thousand_files_arrive_in_one_session() {
    let folder = Folder::new();
    for i in 0..1000 {
        folder.write(&format!("many/{i:04}"), format!("file {i}").as_bytes());
    }
    let ended = pipe_ok(&["send", &folder.text("many")], &["recv", &folder.text("inbox")]);
    assert!(ended.stderr.contains("1001 objects"), "{}", ended.stderr);
    assert_eq!(names(&folder.path("inbox/many")).len(), 1000);
    assert_eq!(folder.read("inbox/many/0999"), b"file 999");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let bytes = patterns::random(1, 1_000_001);
    let sent = run(&["send", "-", "--name", "stream"], &bytes);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let received = run(&["recv", "-"], &sent.stdout);
    assert_eq!(received.code, Some(0), "{}", received.stderr);
    assert!(received.stdout == bytes);

    let folder = Folder::new();
    assert_eq!(run(&["recv", &folder.text("inbox")], &sent.stdout).code, Some(0));
    assert!(folder.read("inbox/stream") == bytes);
}

#[test]
fn a_lossy_link_is_no_hindrance_in_mode_repeat() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(2, 100_000));
    let inbox = folder.text("inbox");
    let ended = pipeline(&[
        &["send", &file, "--mode", "repeat=3"],
        &["noise", "--seed", "5", "--drop", "1/1000", "--byte-error", "1e-5"],
        &["recv", &inbox],
    ]);
    for one in &ended {
        assert_eq!(one.code, Some(0), "{}", one.stderr);
    }
    assert!(ended[2].stderr.contains("bad check"), "{}", ended[2].stderr);
    assert_eq!(folder.read("inbox/f"), folder.read("f"));
}

#[test]
fn a_file_that_is_there_is_replaced_or_kept_as_told() {
    let folder = Folder::new();
    let file = folder.write("a.txt", b"new");
    folder.write("inbox/a.txt", b"old");
    let inbox = folder.text("inbox");
    pipe_ok(&["send", &file], &["recv", &inbox, "--existing", "number"]);
    assert_eq!(
        (folder.read("inbox/a.txt"), folder.read("inbox/a (2).txt")),
        (b"old".to_vec(), b"new".to_vec())
    );
    pipe_ok(&["send", &file], &["recv", &inbox]);
    assert_eq!(folder.read("inbox/a.txt"), b"new");
}

#[test]
fn telemetry_arrives_beside_the_file() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(3, 500_000));
    let lines: String = (0..200).map(|i| format!("value {i}\n")).collect();
    // Long lines take several packets.
    let long = "x".repeat(3000);
    let lines = format!("{long}\n{lines}");
    let telemetry = folder.write("lines", lines.as_bytes());
    let (log, inbox) = (folder.text("log"), folder.text("inbox"));
    let args = ["send", &file, "--block", "1000", "--rate", "2M", "--telemetry", &telemetry];
    pipe_ok(&args, &["recv", &inbox, "--telemetry", &log]);
    assert_eq!(String::from_utf8(folder.read("log")).unwrap(), lines);
    assert_eq!(folder.read("inbox/f"), folder.read("f"));
}

#[test]
fn a_rate_is_kept() {
    let folder = Folder::new();
    let file = folder.write("f", &[0; 20_000]);
    let began = std::time::Instant::now();
    let args = ["send", &file, "--block", "1000", "--rate", "50k"];
    pipe_ok(&args, &["recv", &folder.text("inbox")]);
    let took = began.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[test]
fn timing_prints_a_table_of_layers() {
    let folder = Folder::new();
    let file = folder.write("f", &[1; 10_000]);
    let inbox = folder.text("inbox");
    let ended = pipeline(&[&["send", &file, "--timing"], &["recv", &inbox, "--timing"]]);
    assert!(ended[0].stderr.contains("packet push"), "{}", ended[0].stderr);
    assert!(ended[1].stderr.contains("packet pull"), "{}", ended[1].stderr);
}

#[test]
fn progress_for_programs_is_json_on_every_line() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(4, 200_000));
    let inbox = folder.text("inbox");
    let ended = pipeline(&[
        &["send", &file, "--progress", "json", "--rate", "1M"],
        &["recv", &inbox, "--progress", "json"],
    ]);
    for one in ended {
        let events: Vec<serde_json::Value> =
            one.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!((kinds[0], *kinds.last().unwrap()), ("started", "summary"), "{kinds:?}");
        let done = events.iter().find(|event| event["event"] == "done").unwrap();
        assert_eq!((&done["bytes"], done["hash"].as_str().map(str::len)), (&200_000.into(), Some(64)));
        assert_eq!(events.last().unwrap()["complete"], true);
    }
}
