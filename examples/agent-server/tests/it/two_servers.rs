//! Two servers on one trail, killed again and again, and a live file that is renamed under them: every answered request
//! is in the trail once.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;

use graven::layout::Layout;
use graven::{Settings, Trail};
use graven_core::verdict::Verdict;

use crate::client::Client;
use crate::server::{Server, until};

const CLIENTS: u64 = 8;
const ROUNDS: u64 = 8;

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    /// The paths of the requests that were answered.
    answered: Mutex<Vec<String>>,
    refused: AtomicU64,
    done: AtomicBool,
}

impl Seen {
    fn count(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    /// Waits until `more` further requests were answered.
    fn wait(&self, more: usize) {
        let before = self.count();
        until("clients are answered", || self.count() >= before + more);
    }

    /// Asks under paths of its own, one server and the other in turn, until the test is done.
    fn ask(&self, client: u64, servers: &[RwLock<Client>; 2]) {
        for number in 0.. {
            if self.done.load(Ordering::SeqCst) {
                return;
            }
            let server = servers[(client + number) as usize % 2].read().unwrap().clone();
            let path = format!("/v1/sessions/{client}-{number}");
            match server.ask("GET", &path, None) {
                // There is no such session, and the server has said so.
                Ok(answer) if answer.status == 404 => self.answered.lock().unwrap().push(path),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{answer:?}");
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    thread::yield_now();
                }
                Err(_killed) => thread::yield_now(),
            }
        }
    }
}

/// Renames the live file and puts an empty one in its place, as logrotate's `create` does. Nothing is answered until
/// the file is put back.
fn rotate_as_logrotate(seen: &Seen, layout: &Layout) {
    let renamed = layout.dir().join("audit.jsonl.1");
    fs::rename(layout.live(), &renamed).unwrap();
    fs::write(layout.live(), "").unwrap();
    let refused = seen.refused.load(Ordering::SeqCst);
    until("both refuse", || seen.refused.load(Ordering::SeqCst) >= refused + 4 * CLIENTS);
    // What was answered until now is in the renamed file, which nobody writes any more.
    let answered = seen.count();
    let bytes = fs::metadata(&renamed).unwrap().len();
    until("both still refuse", || seen.refused.load(Ordering::SeqCst) >= refused + 8 * CLIENTS);
    assert_eq!((seen.count(), fs::metadata(&renamed).unwrap().len()), (answered, bytes));
    assert_eq!(fs::metadata(layout.live()).unwrap().len(), 0);
    Trail::repair(Settings::new(layout.dir())).unwrap().close_blocking().unwrap();
    assert!(!renamed.exists());
    seen.wait(20);
}

#[test]
fn every_answered_request_is_in_the_trail_once() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::in_dir(folder.path().join("trail"));
    let mut servers = [(); 2].map(|()| Server::start_on(layout.dir()));
    let clients = servers.each_ref().map(|server| RwLock::new(server.user.clone()));
    let seen = Seen::default();
    thread::scope(|scope| {
        let (seen, clients) = (&seen, &clients);
        for client in 0..CLIENTS {
            scope.spawn(move || seen.ask(client, clients));
        }
        for round in 0..ROUNDS {
            seen.wait(40);
            let which = (round * 5 / 3) as usize % 2;
            servers[which].kill();
            if round % 4 == 3 {
                rotate_as_logrotate(seen, &layout);
            }
            servers[which] = Server::start_on(layout.dir());
            *clients[which].write().unwrap() = servers[which].user.clone();
        }
        seen.wait(40);
        seen.done.store(true, Ordering::SeqCst);
    });
    for server in &mut servers {
        assert!(server.terminate().success());
    }
    assert_eq!(servers[0].verdict(), Verdict::Intact);
    let mut intents: BTreeMap<String, u64> = BTreeMap::new();
    for entry in servers[0].entries().iter().filter(|entry| entry["phase"] == "intent") {
        *intents.entry(entry["resource"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let answered = seen.answered.into_inner().unwrap();
    assert!(answered.len() >= 40 * ROUNDS as usize, "{}", answered.len());
    for path in answered {
        assert_eq!(intents.get(&path), Some(&1), "{path}");
    }
}
