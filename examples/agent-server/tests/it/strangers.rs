//! Who has no token cannot fill the disk, hide among others, or hold connections for ever.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use graven_core::verdict::Verdict;
use serde_json::Value;

use crate::client::PATIENCE;
use crate::server::Server;

const CLIENTS: usize = 8;
/// How often each of them asks.
const REQUESTS: usize = 250;
/// How often the user asks meanwhile.
const LEGITIMATE: usize = 50;

/// What all that strangers do in a minute may add to the trail; these requests take a part of one.
const BYTES_MAX: u64 = 10_000_000;

#[test]
fn strangers_are_counted_and_everybody_else_is_recorded() {
    // In one window, and across many.
    for window in ["60", "1"] {
        let mut server = Server::start_with(&["--strangers-window", window]);
        let before = bytes(server.trail());
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let server = &server;
                scope.spawn(move || {
                    (0..REQUESTS).for_each(|number| ask_as_a_stranger(server, client, number))
                });
            }
            for number in 0..LEGITIMATE {
                let path = format!("/v1/sessions/legitimate-{number}");
                assert_eq!(server.user.ask("GET", &path, None).unwrap().status, 404);
            }
        });
        assert!(server.terminate().success());

        let entries = server.entries();
        let of_strangers = |entry: &&Value| entry["category"] == "api" && entry["principal"] == Value::Null;
        let counted: u64 = entries.iter().filter(of_strangers).map(number).sum();
        assert_eq!(counted as usize, CLIENTS * REQUESTS, "each is in a number");
        let by_status =
            |status: &str| entries.iter().filter(of_strangers).map(|e| of_status(e, status)).sum();
        let (refused, unmatched): (u64, u64) = (by_status("401"), by_status("404"));
        assert_eq!((refused as usize, unmatched as usize), (counted as usize / 2, counted as usize / 2));
        for number in 0..LEGITIMATE {
            let path = format!("/v1/sessions/legitimate-{number}");
            let of_user =
                entries.iter().filter(|entry| entry["resource"] == *path && entry["principal"] == "user");
            let phases: Vec<_> = of_user.filter(|e| e["category"] == "api").map(|e| &e["phase"]).collect();
            assert_eq!(phases, ["intent", "result"], "{path}");
        }
        assert_eq!((server.verdict(), server.pending()), (Verdict::Intact, vec![]));
        let grown = bytes(server.trail()) - before;
        assert!(grown < BYTES_MAX, "{grown} bytes");
        let written = entries.iter().filter(of_strangers).count();
        assert!(written < CLIENTS * REQUESTS / 2, "{written} entries: they are not counted together");
    }
}

/// A request without a token, or with a wrong one: every second one matches no route, and each path is another.
fn ask_as_a_stranger(server: &Server, client: usize, number: usize) {
    let token = (number % 4 < 2).then_some("guessed");
    let (path, expected) = match number % 2 {
        0 => (format!("/v1/sessions/{client}-{number}"), 401),
        _ => (format!("/nothing/{client}-{number}/{}", "x".repeat(4_000)), 404),
    };
    let answer = server.user.with(token).ask("GET", &path, None).unwrap();
    assert_eq!(answer.status, expected, "{path}");
}

/// How many requests an entry stands for.
fn number(entry: &Value) -> u64 {
    entry.get("count").map_or(1, |count| count.as_u64().unwrap())
}

/// How many of them were answered with this status.
fn of_status(entry: &Value, status: &str) -> u64 {
    match entry["detail"].get("statuses") {
        Some(statuses) => statuses.get(status).map_or(0, |count| count.as_u64().unwrap()),
        None => u64::from(entry["detail"]["status"].as_u64() == status.parse().ok()),
    }
}

/// What lies in a folder and below.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => bytes(&entry.path()),
        false => entry.metadata().unwrap().len(),
    });
    sizes.sum()
}

#[test]
fn health_checks_leave_no_entry() {
    let mut server = Server::start();
    for _ in 0..20 {
        assert_eq!(server.user.with(None).ask("GET", "/healthz", None).unwrap().status, 200);
    }
    assert!(server.terminate().success());
    assert_eq!(server.entries(), [] as [Value; 0]);
}

#[test]
fn a_connection_that_sends_no_whole_head_is_closed() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.user.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: ").unwrap();
    // Closed without an answer or with one; a read that is given up is an error.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}
