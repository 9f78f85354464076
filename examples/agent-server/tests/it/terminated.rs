//! SIGTERM amid requests: what was answered is under the signed checkpoint, and the trail is closed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use graven::reader::Reader;
use graven_core::verdict::Verdict;

use crate::server::{Server, until};

const CLIENTS: u64 = 4;

#[test]
fn every_answered_request_is_sealed_and_the_trail_is_closed() {
    let mut server = Server::start();
    let answered = AtomicU64::new(0);
    // Each client asks under paths of its own until the server is gone, and says how many requests were answered.
    let counts: Vec<u64> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (user, answered) = (server.user.clone(), &answered);
                scope.spawn(move || {
                    let ask = |number| user.ask("GET", &format!("/v1/sessions/{client}-{number}"), None);
                    let is_answered = |number: &u64| ask(*number).is_ok_and(|answer| answer.status == 404);
                    let answers = (0..).take_while(is_answered).inspect(|_| {
                        answered.fetch_add(1, Ordering::SeqCst);
                    });
                    answers.count() as u64
                })
            })
            .collect();
        until("clients are answered", || answered.load(Ordering::SeqCst) >= 100);
        assert!(server.terminate().success());
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(counts.iter().sum::<u64>() >= 100, "{counts:?}");

    let stats = Reader::open(server.trail()).unwrap().stats().unwrap();
    assert!(stats.closed && stats.unsealed == 0 && stats.sealed == stats.entries, "{stats:?}");
    assert_eq!((server.verdict(), server.pending()), (Verdict::Intact, vec![]));
    assert_eq!(server.all_entries().last().unwrap()["action"], "trail.closed");
    // Intent and result of each answered request, once.
    let mut phases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in server.entries() {
        let of = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        if of("category") == "api" {
            phases.entry(of("resource")).or_default().push(of("phase"));
        }
    }
    for (client, count) in counts.iter().enumerate() {
        for number in 0..*count {
            let path = format!("/v1/sessions/{client}-{number}");
            assert_eq!(
                phases.get(&path).map(Vec::as_slice),
                Some(&["intent".into(), "result".into()][..]),
                "{path}"
            );
        }
    }
}
