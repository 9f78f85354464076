//! `tail -f` on a server: what its stream brings, also after the stream broke off.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};

use crate::deadline::Running;
use crate::run::Place;

/// A server that has ten entries, none of them a hit, and whose streams are these. Each ends but the last one.
fn pretend(streams: [&'static str; 2], asked: Sender<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let answer = r#"{"hits":[],"next":null,"findings":[],"coverage":{"entries":10,"durable":"lock","key_source":"pinned","index":"none","indexed_to":0,"scanned":10,"unsealed":0,"complete":true},"range":{"since":null,"until":null},"took_ms":1.0}"#;
        let json =
            format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        let (mut connection, request) = accept(&listener);
        asked.send(request).unwrap();
        connection.write_all(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{json}").as_bytes()).unwrap();
        for stream in streams {
            let (mut connection, request) = accept(&listener);
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
            connection.write_all(format!("{head}{stream}").as_bytes()).unwrap();
            asked.send(request).unwrap();
            if stream == streams[1] {
                // Until the client goes.
                let _gone = connection.read_to_end(&mut Vec::new());
            }
        }
    });
    port
}

/// The next connection, and the first line of its request; all of the request is read.
fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (connection, _) = listener.accept().unwrap();
    let mut request = BufReader::new(connection.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    request.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        request.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
    }
    request.read_exact(&mut vec![0; length]).unwrap();
    (connection, first.trim().to_owned())
}

#[test]
fn a_stream_that_breaks_off_is_asked_for_again_behind_its_last_entry() {
    let (asked, requests) = mpsc::channel();
    let streams = [
        ": hello\n\nid: 10\nevent: entry\ndata: {\"index\":10,\"entry\":{\"a\":1}}\n\nevent: lagged\ndata:\n\n",
        "id: 11\nevent: entry\ndata: {\"index\":11,\"entry\":{\"a\":2}}\n\n",
    ];
    let port = pretend(streams, asked);
    let place = Place::empty();
    let trail = format!("http://127.0.0.1:{port}/v1/trails/main");
    let mut command = place.command(["tail", &trail, "outcome:denied \"a b\"", "-f", "--json"]);
    let mut tail = Running::start(command.env("GRAVEN_TOKEN", "gvn_x"));
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "{\"a\":1}");
    assert_eq!(lines.next().unwrap().unwrap(), "{\"a\":2}");
    let requests: Vec<String> = requests.iter().take(3).collect();
    assert_eq!(requests[0], "POST /v1/trails/main/search HTTP/1.1");
    let query = "q=outcome%3Adenied%20%22a%20b%22";
    assert_eq!(requests[1], format!("GET /v1/trails/main/stream?{query}&after=9 HTTP/1.1"));
    assert_eq!(requests[2], format!("GET /v1/trails/main/stream?{query}&after=10 HTTP/1.1"));
    tail.kill().unwrap();
    let mut said = String::new();
    tail.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("too slow for the stream"), "{said}");
}
