//! A socket that listens before the server starts: what a service manager hands over by `LISTEN_FDS`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place};

/// How long an answer may take. Far more than any takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands standard input over as the descriptors from 3 on, and becomes the command: its process has the id that the variable
/// says.
const HAND_OVER: &str = "exec 3<&0 4<&0 </dev/null; export LISTEN_PID=$$; exec \"$@\"";

/// `graven serve` with a socket in its hands.
fn serve(place: &Place, socket: impl Into<OwnedFd>, count: &str, more: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", HAND_OVER, "sh", env!("CARGO_BIN_EXE_graven"), "--json", "serve", "--data", "data"]);
    command.args(more).env("LISTEN_FDS", count).current_dir(place.path(""));
    command.stdin(Stdio::from(socket.into())).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts it; what it says of itself.
fn start(command: &mut Command) -> (Running, Value) {
    let mut running = Running::start(command);
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (running, serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
}

fn end(mut running: Running) {
    kill_process(Pid::from_raw(running.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0));
}

#[test]
fn who_connects_before_the_server_starts_is_answered() {
    let place = Place::empty();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut early = TcpStream::connect(address).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    early.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    // What the settings say of where to listen does not count.
    let more = ["--listen", "127.0.0.1:1"];
    let (running, said) = start(&mut serve(&place, listener.try_clone().unwrap(), "1", &more));
    assert_eq!(said["address"], format!("http://{address}"));
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    end(running);
    // The next server takes it over: nobody is refused in between.
    let waits = TcpStream::connect(address).unwrap();
    let (running, _) = start(&mut serve(&place, listener, "1", &[]));
    let health = place.run(["health", &format!("http://{address}")]);
    assert_eq!(health.ok().text(), "ready\n");
    drop(waits);
    end(running);
}

#[test]
fn a_unix_socket_is_taken_over_and_stays_who_made_it() {
    let place = Place::empty();
    let path = place.path("graven.sock");
    let (running, said) = start(&mut serve(&place, UnixListener::bind(&path).unwrap(), "1", &[]));
    let address = said["address"].as_str().unwrap().to_owned();
    assert_eq!(address, format!("unix:{}", path.display()));
    assert_eq!(place.run(["health", &address]).ok().text(), "ready\n");
    let trail = format!("{address}/v1/trails/main");
    let words = ["record", &trail, "--category", "api", "--action", "a", "--outcome", "success"];
    let mut command = place.command(words);
    Done::of(Running::start(command.env_remove("GRAVEN_TOKEN")).output()).ok();
    end(running);
    assert!(path.exists(), "it is not the server's");
    let found = place.run(["search", "data/trails/main", "action:a", "--json"]).ok().json();
    assert!(found["hits"][0]["entry"]["recorded_by"].as_str().unwrap().starts_with("uid:"), "{found}");
}

#[test]
fn the_rules_for_where_a_server_listens_hold_for_it() {
    let place = Place::empty();
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let done = Done::of(Running::start(&mut serve(&place, everywhere, "1", &[])).output()).code(2);
    assert!(done.text().contains("listen.tls"), "{}{}", done.text(), done.stderr);
}

#[test]
fn what_cannot_be_listened_on_is_said() {
    let place = Place::empty();
    let two = TcpListener::bind("127.0.0.1:0").unwrap();
    let done = Done::of(Running::start(&mut serve(&place, two, "2", &[])).output()).code(2);
    assert!(done.stderr.contains("2 sockets were handed over"), "{}", done.stderr);
    let datagrams = UnixDatagram::bind(place.path("datagrams")).unwrap();
    let done = Done::of(Running::start(&mut serve(&place, datagrams, "1", &[])).output()).code(2);
    assert!(done.stderr.contains("cannot listen on what was handed over"), "{}", done.stderr);
}

/// The variables may be those of a parent that was handed a socket.
#[test]
fn what_is_for_another_process_is_left_alone() {
    let place = Place::empty();
    let mut command = place.command(["--json", "serve", "--data", "data", "--listen", "unix:own.sock"]);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", std::process::id().to_string());
    let (running, said) = start(&mut command);
    assert_eq!(said["address"], "unix:own.sock");
    end(running);
}
