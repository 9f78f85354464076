//! The commands that read take the URL of an archive in place of a directory, and answer the same. `restore` brings it back.

use std::process::Command;

use graven_archive::Address;
use graven_archive::fixture::Fixture;
use serde_json::Value;

use crate::chain::{key, session, take_over};
use crate::deadline::Running;
use crate::run::{Done, Place, line};

/// A trail, its archive in `bucket`, and the URL of that.
fn archived(count: usize, past: u64) -> (Place, String) {
    let place = Place::with_entries(count);
    let url = format!("file://{}", place.path("bucket").display());
    let size = place.stored().len() as u64 - past;
    let fixture =
        Fixture { epochs: vec![vec![100, size / 2], vec![size - 20, size]], past, ..Fixture::default() };
    fixture.ship(&place.path("trail"), &Address::parse(&url).unwrap().open().unwrap());
    (place, url)
}

#[test]
fn the_answers_are_those_of_the_directory() {
    let (place, url) = archived(1_500, 0);
    let both = |arguments: &[&str]| {
        let of = |trail: &str| {
            place
                .run(arguments.iter().map(|argument| if *argument == "TRAIL" { trail } else { *argument }))
                .ok()
        };
        (of("trail"), of(&url))
    };
    for arguments in [
        &["tail", "TRAIL", "-n", "700", "--json"][..],
        &["tail", "TRAIL", "action:\"action 7\"", "-n", "3", "--json"],
        &["show", "TRAIL", "--index", "256", "--json"],
        &["show", "TRAIL", "--index", "1499"],
        &["key", "TRAIL"],
        &["search", "TRAIL", "action:\"action 1234\"", "--jsonl", "--no-index"],
    ] {
        let (dir, archive) = both(arguments);
        assert!(!dir.stdout.is_empty(), "{arguments:?}");
        assert_eq!(dir.text(), archive.text(), "{arguments:?}");
    }
    let (dir, archive) = both(&["search", "TRAIL", "principal:alice", "--count", "--json"]);
    let counted = |done: &Done| (done.json()["count"].clone(), done.json()["hits"].as_array().unwrap().len());
    assert_eq!(counted(&dir), counted(&archive));
    let (dir, archive) = both(&["verify", "TRAIL", "--json"]);
    for field in ["verdict", "entries", "sealed", "root", "key", "bytes", "findings"] {
        assert_eq!(dir.json()[field], archive.json()[field], "{field}");
    }
    place.run(["export", "tiles", &url, "log"]).ok();
    place.run(["export", "tiles", "trail", "other"]).ok();
    assert_eq!(place.read("log/checkpoint").lines().nth(2), place.read("other/checkpoint").lines().nth(2));
}

#[test]
fn a_chain_is_shown_and_judged_as_in_a_directory() {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1", "--segment-bytes", "40000"]).ok();
    place.feed(["record", "trail", "--stdin"], session(0..300)).ok();
    let url = format!("file://{}", place.path("bucket").display());
    let store = Address::parse(&url).unwrap().open().unwrap();
    let size = place.stored().len() as u64;
    let next = Some("a/2".to_owned());
    Fixture { epochs: vec![vec![size], vec![]], next, ..Fixture::default() }
        .ship(&place.path("trail"), &store);
    take_over(&place, "a/2");
    place.feed(["record", "trail", "--stdin"], session(300..320)).ok();
    let newer = place.stored().len() as u64 - size;
    Fixture { epochs: vec![vec![newer]], later: true, ..Fixture::default() }
        .ship(&place.path("trail"), &store);
    for arguments in [
        &["tail", "TRAIL", "-n", "200", "--json"][..],
        &["tail", "TRAIL", "-n", "200"],
        &["tail", "TRAIL", "session:s", "-n", "200", "--json"],
        &["session", "TRAIL", "s"],
    ] {
        let of = |trail: &str| {
            let arguments =
                arguments.iter().map(|argument| if *argument == "TRAIL" { trail } else { *argument });
            let text = place.run(arguments).ok().text();
            // How far a session was read is said otherwise of files that are written at.
            text.lines().filter(|line| !line.starts_with("read ")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(of("trail"), of(&url), "{arguments:?}");
        assert!(of("trail").contains("action 310") && of("trail").contains("action 290"), "{arguments:?}");
    }
    let keys = [key(&place, "trail/before/a%2F1"), key(&place, "trail")];
    for arguments in [
        &["verify", "TRAIL", "--json"][..],
        &["verify", "TRAIL", "--json", "--key", &keys[0], "--key", &keys[1]],
        &["verify", "TRAIL", "--json", "--accept-continuation"],
        &["verify", "TRAIL", "--json"],
    ] {
        let of = |trail: &str| {
            let arguments =
                arguments.iter().map(|argument| if *argument == "TRAIL" { trail } else { *argument });
            let report = place.run(arguments).code(0).json();
            (report["continued"].clone(), report["before"][0]["sealed"].clone(), report["sealed"].clone())
        };
        assert_eq!(of("trail"), of(&url), "{arguments:?}");
        assert_eq!(of("trail").0["origin"], "a/2");
    }
    assert_eq!(place.run(["verify", &url, "--json"]).ok().json()["continued"]["key_source"], "pinned");
    let text = place.run(["verify", &url]).ok().text();
    assert!(text.contains("of a chain of 2 trails"), "{text}");
}

#[test]
fn a_proof_from_an_archive_is_verified_offline() {
    let (place, url) = archived(1_500, 0);
    place.run(["prove", &url, "--index", "700", "--out", "p"]).ok();
    place.write("entry", place.run(["show", &url, "--index", "700", "--raw"]).ok().stdout);
    let key = place.run(["key", "trail"]).ok().text();
    place.run(["verify", "--proof", "p", "--entry", "entry", "--key", key.trim()]).ok();
}

#[test]
fn an_archive_that_is_older_than_before_is_rolled_back() {
    let (place, url) = archived(1_500, 0);
    place.run(["verify", &url]).ok();
    let origin: Value = serde_json::from_str(&place.read("trail/graven.json")).unwrap();
    let folder = format!("bucket/{}", origin["origin"].as_str().unwrap().replace('/', "%2F"));
    std::fs::remove_file(place.path(&format!("{folder}/heads/1/1"))).unwrap();
    std::fs::remove_file(place.path(&format!("{folder}/checkpoint"))).unwrap();
    let report = place.run(["verify", &url, "--json"]).code(1).json();
    assert_eq!(report["verdict"], "rolled_back", "{report}");
    let said = place.run(["verify", &url]).code(1).text();
    assert!(said.contains("this verifier remembers"), "{said}");
}

#[test]
fn what_does_not_work_on_an_archive_is_said() {
    let (place, url) = archived(300, 0);
    let refused = |done: Done, why: &str| {
        let done = done.code(2);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    };
    refused(place.run(["tail", &url, "-f"]), "--follow works on the files of a trail");
    refused(place.feed(["record", &url, "--stdin"], line("a")), "not on an archive");
    refused(place.run(["verify", "file:///nowhere/at/all"]), "there is no trail at file:///nowhere/at/all");
    refused(place.run(["verify", "s3://bucket/../x"]), "the prefix has");
    refused(place.run(["show", "ftp://bucket/x", "--index", "0"]), "an archive is s3://");
    assert!(!std::path::Path::new("/nowhere").exists());
}

#[test]
fn a_restored_trail_is_intact_and_is_not_restored_over() {
    let (place, url) = archived(1_500, 30);
    let said = place.run(["restore", &url, "back"]).ok().text();
    assert!(said.contains("restored") && said.contains("30 entries past the newest head"), "{said}");
    assert_eq!(place.run(["verify", "back", "--json"]).code(0).json()["verdict"], "unsealed");
    let stored = |trail: &str| place.run(["tail", trail, "-n", "100000", "--json"]).ok().text();
    assert_eq!(stored("back"), stored("trail"));
    let again = place.run(["restore", &url, "back"]).code(2);
    assert!(again.stderr.contains("there is a trail already"), "{}", again.stderr);
    let key = place.run(["key", "trail"]).ok().text();
    place.run(["restore", &url, "audit", "--read-only", "--key", key.trim(), "--json"]).ok();
    place.run(["verify", "audit"]).ok();
}

#[test]
fn a_restore_that_is_killed_or_has_no_room_leaves_no_trail_and_is_done_again() {
    let (place, url) = archived(1_500, 0);
    for round in 0..6 {
        let mut running = place.start(["restore", &url, "back"]);
        std::thread::sleep(std::time::Duration::from_millis(4 * round));
        running.kill().unwrap();
        running.wait().unwrap();
        if !place.path("back/graven.json").exists() {
            // No trail yet: nothing is there, or lines whose `graven.json` is missing.
            let verified = place.run(["verify", "back", "--no-state"]);
            assert!(matches!(verified.code, Some(1 | 2)), "{verified:?}");
        }
    }
    let mut command = Command::new("sh");
    let graven = env!("CARGO_BIN_EXE_graven");
    let script = format!("ulimit -f 32; exec {graven} restore {url} small");
    command.args(["-c", &script]).current_dir(place.path("")).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped()).stdin(std::process::Stdio::null());
    let done = Done::of(Running::start(&mut command).output()).code(2);
    assert!(done.stderr.contains("cannot write") || done.stderr.contains("cannot keep"), "{}", done.stderr);
    assert!(!place.path("small/graven.json").exists());
    for name in ["back", "small"] {
        if !place.path(name).join("graven.json").exists() {
            place.run(["restore", &url, name]).ok();
        }
        place.run(["verify", name]).ok();
    }
}
