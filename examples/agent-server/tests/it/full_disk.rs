//! A real disk that runs full: nothing is done that cannot be put on record, and the server serves again by itself.
//!
//! The disk is a small file system in memory, which the server sees in a namespace of its own. Where the machine allows
//! none this says so and ends well: `crates/graven-tower/tests/it/fail_closed.rs` asks the same of a simulated disk.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use graven_core::verdict::Verdict;
use serde_json::Value;

use crate::client::PATIENCE;
use crate::server::Server;

#[test]
fn while_the_disk_is_full_nothing_is_done_and_afterwards_everything() {
    let Some(mut server) = Server::start_on_a_small_disk() else {
        println!("NOT RUN: no file system of our own here (`unshare --user --map-root-user --mount` fails)");
        return;
    };
    let create = |server: &Server| server.user.ask("POST", "/v1/sessions", None).unwrap().status;
    let mut made = 0;
    let mut refused = 0;
    for _ in 0..20 {
        assert_eq!(create(&server), 201);
        made += 1;
    }

    let ballast = server.trail().with_file_name("ballast");
    fill(&ballast);
    // What is left in the last block of a file still takes a few.
    let began = Instant::now();
    while refused < 10 {
        assert!(began.elapsed() < PATIENCE, "still served, with {} bytes of ballast", bytes(&ballast));
        match create(&server) {
            201 => made += 1,
            503 => refused += 1,
            status => panic!("{status} on a full disk"),
        }
    }
    std::fs::remove_file(&ballast).unwrap();
    let began = Instant::now();
    while create(&server) != 201 {
        refused += 1;
        assert!(began.elapsed() < PATIENCE, "there is space, and nothing is served");
    }
    made += 1;

    let count_in = |entries: &[Value], action: &str, outcome: &str| {
        entries.iter().filter(|entry| entry["action"] == action && entry["outcome"] == outcome).count()
    };
    // The result of a request is recorded when its answer was sent: a moment after the client has it.
    let began = Instant::now();
    let mut entries = server.entries();
    while count_in(&entries, "POST /v1/sessions", "success") < made && began.elapsed() < PATIENCE {
        entries = server.entries();
    }
    let count = |action: &str, outcome: &str| count_in(&entries, action, outcome);
    // Each that was answered has its intents and results, and the refused did not reach their handler.
    assert!(count("POST /v1/sessions", "pending") >= made);
    assert_eq!(count("POST /v1/sessions", "success"), made);
    assert_eq!(count("session:create", "success"), made);
    let in_vain = entries.iter().filter(|entry| entry["detail"]["status"] == 503).count();
    println!("{made} made, {refused} refused, of which {in_vain} are on record");
    assert!(in_vain > 0, "that somebody was refused is on record afterwards");
    let listed = server.user.ask("GET", "/v1/sessions", None).unwrap();
    assert_eq!(listed.json.as_array().unwrap().len(), made);
    let verdict = server.verdict();
    assert!(matches!(verdict, Verdict::Intact | Verdict::Unsealed), "{verdict:?}");
    assert!(server.terminate().success());
}

/// Writes to a file until there is no space for a single byte.
fn fill(path: &std::path::Path) {
    let mut file = File::create(path).unwrap();
    for size in [64 << 10, 1 << 10, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn bytes(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
