//! What `graven serve` says to the service manager that started it, at the manager's own socket: ready, reading again, ending,
//! and that it makes progress, for as long as that is so.

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::deadline::Running;
use crate::run::Place;
use crate::served::{get, post};

/// How long to wait for a message. Far more than any takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// After which time without good news the server would be ended.
const LIMIT: Duration = Duration::from_secs(4);

/// The manager's side.
struct Manager {
    place: Place,
    socket: UnixDatagram,
    running: Running,
}

impl Manager {
    /// Starts a server on a free port, and says in which time it must hear from it.
    fn start(limit: Option<Duration>) -> Manager {
        let place = Place::empty();
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        let mut command = place.command(["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).env("NOTIFY_SOCKET", place.path("notify"));
        command.env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        command.envs(limit.map(|limit| ("WATCHDOG_USEC", limit.as_micros().to_string())));
        let running = Running::start(&mut command);
        Manager { place, socket, running }
    }

    /// The next message, by its lines; `None` when there is none in this time.
    fn message(&self, within: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(length) => Some(
                String::from_utf8(bytes[..length].to_vec()).unwrap().lines().map(str::to_owned).collect(),
            ),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn next(&self) -> Vec<String> {
        self.message(PATIENCE).expect("the server says nothing")
    }

    /// Waits for a message with this line.
    fn until(&self, line: &str) {
        let begun = Instant::now();
        while !self.next().iter().any(|said| said == line) {
            assert!(begun.elapsed() < PATIENCE, "it never says {line}");
        }
    }

    /// Waits until the server is ready; where it listens.
    fn ready(&self) -> String {
        let said = self.next();
        assert_eq!(said[0], "READY=1", "{said:?}");
        said[1].strip_prefix("STATUS=Serves 1 trail at ").expect("it says where").to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.running.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    fn token(&self) -> String {
        self.place.read("data/admin-token").trim().to_owned()
    }
}

/// The clock of the protocol, in microseconds.
fn monotonic() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000
}

#[test]
fn it_is_ready_when_it_answers_and_says_when_it_reads_again_and_ends() {
    let mut manager = Manager::start(None);
    let address = manager.ready();
    assert_eq!(get(&address, "", "/readyz").unwrap().0, 200);
    for _ in 0..2 {
        let before = monotonic();
        manager.signal(Signal::HUP);
        let said = manager.next();
        assert_eq!(said[0], "RELOADING=1", "{said:?}");
        let moment: i128 = said[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!((before..=monotonic()).contains(&moment), "{before} {said:?}");
        assert_eq!(manager.next(), ["READY=1"]);
    }
    // Nobody wants to hear that it makes progress.
    assert_eq!(manager.message(Duration::from_millis(300)), None);
    manager.signal(Signal::TERM);
    assert_eq!(manager.next()[0], "STOPPING=1");
    assert_eq!(manager.running.wait().unwrap().code(), Some(0));
    assert_eq!(manager.message(Duration::from_millis(10)), None);
}

#[test]
fn progress_is_told_while_nothing_is_to_be_done_and_not_while_a_writer_hangs() {
    let manager = Manager::start(Some(LIMIT));
    let address = manager.ready();
    let begun = Instant::now();
    while begun.elapsed() < 2 * LIMIT {
        assert_eq!(manager.next(), ["WATCHDOG=1"], "it has nothing to do, and lives");
    }
    // Another process holds the trail for ever, as one does that was stopped in the middle of a commit.
    let lock = std::fs::File::open(manager.place.path("data/trails/main")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let (client, token) = (address.clone(), manager.token());
    let entry = json!({"category": "api", "action": "waits", "outcome": "success"});
    let waiting =
        std::thread::spawn(move || post(&client, &token, "/v1/trails/main/entries", &entry).unwrap().0);
    manager.until("STATUS=The writer of the trail main hangs");
    assert_eq!(manager.message(LIMIT + LIMIT / 2), None, "the manager ends a server that says nothing");
    assert_eq!(waiting.join().unwrap(), 503, "the client knows");
    let (status, said) = get(&address, "", "/readyz").unwrap();
    assert_eq!((status, &said["status"]), (503, &json!("unready")));
    assert!(said["reasons"][0]["reason"].as_str().unwrap().starts_with("its writer hangs"), "{said}");
    let health = manager.place.run(["health", &format!("http://{address}")]).code(1).text();
    assert!(health.contains("its writer hangs"), "{health}");
    flock(&lock, FlockOperation::Unlock).unwrap();
    manager.until("WATCHDOG=1");
    assert_eq!(get(&address, "", "/readyz").unwrap().0, 200);
}

/// Without a manager that listens, the server serves all the same.
#[test]
fn a_manager_that_is_gone_keeps_nobody_from_being_served() {
    let place = Place::empty();
    let mut serve = place.command(["serve", "--data", "data", "--listen", "unix:graven.sock", "--json"]);
    serve.env("NOTIFY_SOCKET", place.path("gone")).stderr(Stdio::null());
    let mut running = Running::start(&mut serve);
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("unix:graven.sock"), "{line}");
    assert_eq!(place.run(["health", "unix:graven.sock"]).ok().text(), "ready\n");
}
