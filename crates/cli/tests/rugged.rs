//! Links that damage bytes, through the real program: everything arrives, and costs no more than was promised.
//! `cargo xtask bench links` does the same with twenty seeds.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use packhorse_testkit::patterns;
use support::{Folder, names, pipeline};

const SIZE: usize = 1_000_000;

/// Sends 1 MB with these arguments through a link with this damage; bytes on the wire for a byte of the file, and what the
/// receiver said.
fn send(sender: &[&str], noise: &[&str]) -> (f64, String) {
    let folder = Folder::new();
    let file = folder.write("file", &patterns::random(7, SIZE));
    let inbox = folder.text("inbox");
    let send = [&["send", &file, "--progress", "json"], sender].concat();
    let noise = [&["noise"], noise].concat();
    let ended = pipeline(&[&send, &noise, &["recv", &inbox]]);
    for ended in &ended {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    assert_eq!(names(&folder.path("inbox")), ["file"]);
    assert_eq!(folder.read("inbox/file"), folder.read("file"));
    let (_, rest) = ended[0].stderr.rsplit_once("\"wire_bytes\":").unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    #[expect(clippy::cast_precision_loss, reason = "a small file")]
    let cost = digits.parse::<f64>().unwrap() / SIZE as f64;
    (cost, ended[2].stderr.clone())
}

#[test]
fn single_wrong_bytes_up_to_one_in_a_hundred_are_survived_for_little() {
    for (errors, most) in [("1e-4", 1.08), ("1e-3", 1.12), ("1e-2", 1.25)] {
        for seed in ["1", "2"] {
            let noise = ["--seed", seed, "--byte-error", errors];
            let (cost, said) = send(&["--profile", "rugged", "--expect-errors", errors], &noise);
            assert!(cost <= most, "{errors}: {cost}");
            assert!(said.contains("corrected bytes"), "{said}");
        }
    }
}

#[test]
fn bursts_of_twenty_wrong_bytes_are_survived_for_little() {
    for (errors, most) in [("1e-4", 1.12), ("1e-3", 1.18), ("1e-2", 1.40)] {
        for seed in ["1", "2"] {
            let noise = ["--seed", seed, "--byte-error", errors, "--burst", "20"];
            let (cost, _) = send(&["--profile", "rugged", "--expect-errors", errors], &noise);
            assert!(cost <= most, "{errors}: {cost}");
        }
    }
}

#[test]
fn lost_and_inserted_bytes_cost_frames_and_the_repair_makes_up_for_them() {
    let noise = ["--seed", "3", "--byte-error", "1e-3", "--drop", "1/5000", "--extend", "1/5000"];
    let expected = ["--profile", "rugged", "--expect-errors", "1e-3", "--expect-loss", "3%"];
    let (cost, said) = send(&expected, &noise);
    assert!(cost < 1.2, "{cost}");
    assert!(said.contains("beyond correction"), "{said}");
}

#[test]
fn nothing_need_be_said_about_the_link() {
    let (cost, _) = send(&["--profile", "rugged"], &["--seed", "4", "--byte-error", "1e-3"]);
    assert!(cost <= 1.12, "{cost}");
}

#[test]
fn the_native_profile_survives_a_few_errors_in_small_frames_with_marks() {
    let (cost, _) = send(&["--expect-errors", "1e-4"], &["--seed", "5", "--byte-error", "1e-4"]);
    assert!(cost < 1.25, "{cost}");
}

#[test]
fn copies_follow_what_is_expected() {
    let sender = ["--profile", "rugged", "--mode", "repeat", "--expect-errors", "1e-3"];
    let (cost, _) = send(&sender, &["--seed", "6", "--byte-error", "1e-3"]);
    assert!((2.0..5.0).contains(&cost), "{cost}");
}
