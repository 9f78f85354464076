//! Idle and slow connections, endless bodies and heads from one address: clients at another one go on recording, and the
//! memory of the server is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::run::Place;
use crate::served::{Served, post};

/// Where the strangers are: another address of this machine.
const STRANGERS: [u8; 4] = [127, 0, 0, 66];

/// How many connections a stranger opens, and how many it may have.
const IDLE: usize = 2_000;
const IDLE_MAX: usize = 1_024;

/// More connections than the slow strangers have.
const PLACES: usize = 200;

/// The bytes of a body that is too large.
const BODY: usize = 100_000_000;

/// More memory than a server takes that holds on to nothing of this.
const MEMORY_MAX: u64 = 250_000_000;

/// How long a stranger waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection of a stranger.
fn stranger(server: &str) -> TcpStream {
    let to: SocketAddr = server.parse().unwrap();
    let from = SocketAddr::new(IpAddr::from(STRANGERS), 0);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &from).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The beginning of what the server answers; nothing when it has closed the connection.
fn answer(stream: &mut TcpStream) -> String {
    let mut text = vec![0; 64];
    let read = match stream.read(&mut text) {
        Ok(read) => read,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("a connection is neither answered nor closed")
        }
        // A connection that is closed with bytes on the way is reset: no answer either.
        Err(_) => 0,
    };
    String::from_utf8_lossy(&text[..read]).into_owned()
}

#[test]
fn while_strangers_do_what_they_can() {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum }).unwrap();
    let place = Place::empty();
    let server =
        Served::start(&place, &["--set", "limits.header_time=20s", "--set", "limits.body_pause=20s"]);
    let (address, token) = (server.address.as_str(), server.token.clone().unwrap());
    let entries = "/v1/trails/main/entries";
    let record = |number: usize| {
        let entry =
            json!({"id": format!("e{number}"), "category": "api", "action": "sent", "outcome": "success"});
        let (status, answer) = post(address, &token, entries, &entry).unwrap();
        assert_eq!(status, 201, "{answer}");
    };
    let head = |more: &str| {
        format!("POST {entries} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{more}\r\n")
    };
    record(0);

    // Connections that send nothing: as many as one address may have; the others are closed.
    let idle: Vec<TcpStream> = (0..IDLE).map(|_| stranger(address)).collect();
    let closed = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        matches!((&*stream).read(&mut [0]), Ok(0))
            || (&*stream).read(&mut [0]).is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
    };
    (1..50).for_each(record);
    let open = idle.iter().filter(|stream| !closed(stream)).count();
    assert!(open <= IDLE_MAX, "{open} connections of one address are open");
    drop(idle);
    // The server closes its side of them one after the other; then there are places again.
    let has_places = || {
        let mut some: Vec<TcpStream> = (0..PLACES).map(|_| stranger(address)).collect();
        let question = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
        some.iter_mut().all(|stream| {
            stream.write_all(question.as_bytes()).is_ok() && answer(stream).starts_with("HTTP/1.1 200")
        })
    };
    let waited = (0..600).any(|_| {
        thread::sleep(Duration::from_millis(100));
        has_places()
    });
    assert!(waited, "places of connections that were closed are not given to others");

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // Heads that come byte by byte, and bodies too.
        for number in 0..40 {
            let (stop, begun) =
                (&stop, if number % 2 == 0 { head("content-length: 100000\r\n") } else { String::new() });
            scope.spawn(move || {
                let mut stream = stranger(address);
                let mut sent = stream.write_all(begun.as_bytes());
                while sent.is_ok() && !stop.load(Ordering::SeqCst) {
                    sent = stream.write_all(b"a");
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
        (50..100).for_each(record);

        // A body that says that it is too large, one that does not say so, and heads without an end.
        let mut stream = stranger(address);
        stream
            .write_all(
                head(&format!("content-type: application/json\r\ncontent-length: {BODY}\r\n")).as_bytes(),
            )
            .unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 413"));
        let mut stream = stranger(address);
        stream
            .write_all(head("content-type: application/json\r\ntransfer-encoding: chunked\r\n").as_bytes())
            .unwrap();
        let chunk = [b"10000\r\n", &[b' '; 0x10000][..], b"\r\n"].concat();
        let sent = (0..BODY / 0x10000 + 1).try_for_each(|_| stream.write_all(&chunk));
        let refused = answer(&mut stream);
        assert!(refused.starts_with("HTTP/1.1 413") || refused.is_empty(), "{refused:?} {sent:?}");
        for bomb in [format!("x: {}\r\n", "a".repeat(10_000_000)), "a: b\r\n".repeat(100_000)] {
            let mut stream = stranger(address);
            let sent = stream.write_all(head(&bomb).as_bytes());
            let refused = answer(&mut stream);
            assert!(refused.starts_with("HTTP/1.1 431") || refused.is_empty(), "{refused:?} {sent:?}");
        }
        (100..150).for_each(record);
        stop.store(true, Ordering::SeqCst);
    });
    let resident = server.resident_bytes();
    assert!(resident < MEMORY_MAX, "{resident} bytes");
    server.kill();
    place.run(["verify", "graven-data/trails/main", "--no-state"]).ok();
}
