//! `graven health` says by its exit code whether a server can record.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::deadline::Running;
use crate::run::{Done, Place};
use crate::served::Served;

/// Something that gives one answer to one request; its address.
fn answers(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().starts_with("GET /readyz "));
        assert!(lines.any(|line| line.is_empty()));
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        (&stream).write_all(answer.as_bytes()).unwrap();
    });
    address
}

#[test]
fn a_server_that_can_record_is_healthy() {
    let place = Place::empty();
    let served = Served::start(&place, &["--data", "data"]);
    let address = format!("http://{}", served.address);
    assert_eq!(place.run(["health", &address]).ok().text(), "ready\n");
    let said = place.run(["health", &format!("{address}/"), "--json"]).ok().json();
    assert_eq!(said, json!({"status": "ready", "reasons": []}));
    // As an image names it, in which the check of health gets no address.
    let mut command = place.command(["health"]);
    let done = Done::of(Running::start(command.env("GRAVEN_HEALTH", &address)).output());
    assert_eq!(done.ok().text(), "ready\n");
    served.kill();
    let said = place.run(["health", &address]).code(2);
    assert!(said.stderr.contains("cannot reach"), "{}", said.stderr);
}

#[test]
fn one_that_cannot_is_not_and_says_why() {
    let place = Place::empty();
    let unready = answers(
        "503 Service Unavailable",
        r#"{"status":"unready","reasons":[{"trail":"main","reason":"its storage has failed"}]}"#,
    );
    let said = place.run(["health", &unready]).code(1).text();
    assert!(said.starts_with("unready\n") && said.contains("its storage has failed"), "{said}");
    let degraded = answers(
        "200 OK",
        r#"{"status":"degraded","reasons":[{"trail":"main","reason":"its last verification found: altered"}]}"#,
    );
    let said = place.run(["health", &degraded]).code(0).text();
    assert!(said.starts_with("degraded\n") && said.contains("altered"), "{said}");
}

#[test]
fn something_else_is_no_server() {
    let place = Place::empty();
    let other = answers("200 OK", "<html>");
    let said = place.run(["health", &other]).code(2).stderr;
    assert!(said.contains("has not answered as a Graven server does"), "{said}");
    let said = place.run(["health", "here"]).code(2).stderr;
    assert!(said.contains("it is not the address of a server"), "{said}");
}
