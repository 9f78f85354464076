//! A disk that does not answer: the service manager is not told that the server makes progress, until the disk answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::deadline::watch;
use crate::graven;
use crate::scenario::{WRITER, Who};
use crate::strace::{Fault, HANG, Strike, attach, find_thread};

/// After which time without good news the manager would end the server.
const LIMIT: Duration = Duration::from_secs(2);

/// How long to wait for a message. Far more than any takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> Server {
    let mut command = Command::new(graven());
    command.args(["serve", "--data", "data", "--listen", "127.0.0.1:0"]).current_dir(folder);
    command.env("NOTIFY_SOCKET", folder.join("notify")).env_remove("WATCHDOG_PID");
    command.env("WATCHDOG_USEC", LIMIT.as_micros().to_string());
    Server(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
}

/// What the server says within this time, as one text; `None` when it says nothing.
fn message(socket: &UnixDatagram, within: Duration) -> Option<String> {
    socket.set_read_timeout(Some(within)).unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

/// Waits until the server says this.
fn until(socket: &UnixDatagram, text: &str) -> String {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(said) = message(socket, PATIENCE).filter(|said| said.contains(text)) {
            return said;
        }
    }
    panic!("it never says {text}");
}

/// Records an entry; the head of the answer.
fn record(address: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = "{\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\"}";
    let request = format!(
        "POST /v1/trails/main/entries HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    let mut answer = BufReader::new(stream);
    answer.read_line(&mut line).unwrap();
    answer.read_to_end(&mut Vec::new()).unwrap();
    line
}

#[test]
fn a_sync_that_hangs_is_no_progress() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let mut server = start(folder.path());
    let _alive = watch(server.0.id());
    let said = until(&socket, "READY=1");
    let address = said.trim_end().rsplit_once(' ').unwrap().1.to_owned();
    until(&socket, "WATCHDOG=1");
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let Who::Named(writer) = WRITER else { unreachable!("it has a name") };
    let strike = Strike { call: "fdatasync".to_owned(), fault: Fault::Hang, nth: Some(1) };
    let thread = find_thread(&mut server.0, writer).expect("it runs");
    let strace = attach(thread, Some(&strike), &folder.path().join("trace"));
    let client = std::thread::spawn(move || record(&address, token.trim()));
    let began = Instant::now();
    until(&socket, "hangs");
    // Nothing good is told before the disk answers, which is more than twice as long as the manager waits.
    until(&socket, "WATCHDOG=1");
    assert!(began.elapsed() >= HANG);
    let answer = client.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") || answer.starts_with("HTTP/1.1 201 "), "{answer}");
    drop(server);
    strace.wait();
}
