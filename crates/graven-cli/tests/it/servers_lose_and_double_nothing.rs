//! Servers that are killed, a disk that is full for a while, and two servers on one trail: clients send again with the same
//! id until they have a receipt, and each entry is in the log once, where its receipt says.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use graven::reader::Reader;
use serde_json::{Value, json};

use crate::run::Place;
use crate::served::{Served, get, post};

const PATH: &str = "/v1/trails/main/entries";

const CLIENTS: usize = 4;

/// How many entries a client sends in one request.
const BATCH: usize = 7;

/// How often the server is killed.
const KILLS: usize = 4;

/// How many requests are answered between two kills.
const REQUESTS: u64 = 60;

/// What a client has a receipt for, by its id: the index and the leaf hash.
type Receipts = BTreeMap<String, (u64, String)>;

fn entry(id: &str) -> Value {
    json!({"id": id, "category": "api", "action": "sent", "outcome": "success", "detail": {"of": id}})
}

/// Takes over the receipts of an answer.
fn keep(receipts: &mut Receipts, answer: &Value) {
    for receipt in answer["receipts"].as_array().unwrap() {
        let (id, hash) = (receipt["id"].as_str().unwrap(), receipt["leaf_hash"].as_str().unwrap());
        let receipt = (receipt["index"].as_u64().unwrap(), hash.to_owned());
        let before = receipts.insert(id.to_owned(), receipt.clone());
        assert!(before.is_none_or(|before| before == receipt), "{id} has two receipts");
    }
}

/// Each acknowledged entry is in the log once, where the receipt says, and the trail is intact.
fn check(place: &Place, dir: &str, receipts: &Receipts) {
    let reader = Reader::open(place.path(dir)).unwrap();
    let mut found: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for record in reader.entries(..).unwrap() {
        let record = record.unwrap();
        let entry = record.entry().unwrap();
        if entry.action == "sent" {
            found.entry(entry.id.unwrap()).or_default().push((record.index, record.leaf_hash().to_string()));
        }
    }
    for (id, receipt) in receipts {
        assert_eq!(found.get(id).map(Vec::as_slice), Some(&[receipt.clone()][..]), "{id}");
    }
    assert_eq!(found.len(), receipts.len(), "every client went on until it had its receipts");
    place.run(["verify", dir, "--no-state"]).ok();
}

#[test]
fn clients_that_send_again_find_every_entry_once_after_kills() {
    let place = Place::empty();
    let first = Served::start(&place, &[]);
    let token = first.token.clone().unwrap();
    let address = Arc::new(Mutex::new(first.address.clone()));
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (address, token) = (Arc::clone(&address), token.clone());
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                let mut receipts = Receipts::new();
                for number in 0_u64.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let batch: Vec<Value> =
                        (0..BATCH).map(|place| entry(&format!("c{client}-{number}-{place}"))).collect();
                    let batch = json!(batch);
                    loop {
                        let address = address.lock().unwrap().clone();
                        match post(&address, &token, PATH, &batch) {
                            Ok((201, answer)) => {
                                keep(&mut receipts, &answer);
                                break;
                            }
                            // It ends, or it is not there.
                            Ok((503, _)) | Err(_) => thread::sleep(Duration::from_millis(5)),
                            Ok((status, answer)) => panic!("{status}: {answer}"),
                        }
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                receipts
            })
        })
        .collect();
    let mut server = first;
    for kill in 0..=KILLS as u64 {
        while answered.load(Ordering::SeqCst) < (kill + 1) * REQUESTS {
            assert!(clients.iter().all(|client| !client.is_finished()), "a client has given up");
            thread::sleep(Duration::from_millis(1));
        }
        if kill < KILLS as u64 {
            server.kill();
            server = Served::start(&place, &[]);
            address.lock().unwrap().clone_from(&server.address);
        }
    }
    stop.store(true, Ordering::SeqCst);
    let mut all = Receipts::new();
    for client in clients {
        all.extend(client.join().unwrap());
    }
    assert!(all.len() as u64 >= KILLS as u64 * REQUESTS);
    server.kill();
    check(&place, "graven-data/trails/main", &all);
}

#[test]
fn after_a_full_disk_a_server_records_again_by_itself() {
    let place = Place::empty();
    let server = Served::start(&place, &[]);
    let token = server.token.clone().unwrap();
    let send = |number: usize| post(&server.address, &token, PATH, &entry(&format!("e{number}"))).unwrap();
    let mut receipts = Receipts::new();
    for number in 0..20 {
        keep(&mut receipts, &send(number).1);
    }
    let live = std::fs::metadata(place.path("graven-data/trails/main/audit.jsonl")).unwrap();
    server.limit_files(Some(live.len() + 2_000));
    let mut refused = Vec::new();
    for number in 20.. {
        match send(number) {
            (201, answer) => keep(&mut receipts, &answer),
            (503, answer) => {
                assert_eq!(answer["type"], "urn:graven:problem:unavailable", "{answer}");
                refused.push(number);
            }
            (status, answer) => panic!("{status}: {answer}"),
        }
        assert!(number < 200, "the disk is not full");
        if refused.len() == 5 {
            break;
        }
    }
    // It says so, and answers questions.
    let (status, ready) = get(&server.address, &token, "/readyz").unwrap();
    assert_eq!(status, 503, "{ready}");
    let (status, answer) =
        get(&server.address, &token, "/v1/trails/main/entries?q=action:sent&count=true").unwrap();
    assert_eq!((status, answer["count"]["entries"].as_u64()), (200, Some(receipts.len() as u64)), "{answer}");

    server.limit_files(None);
    for number in refused {
        let answer = (0..600).find_map(|_| match send(number) {
            (201, answer) => Some(answer),
            _ => {
                thread::sleep(Duration::from_millis(100));
                None
            }
        });
        keep(&mut receipts, &answer.expect("it records again"));
    }
    assert_eq!(get(&server.address, &token, "/readyz").unwrap().0, 200);
    server.kill();
    check(&place, "graven-data/trails/main", &receipts);
}

#[test]
fn two_servers_on_one_trail_record_an_id_once() {
    let place = Place::empty();
    let one = Served::start(&place, &["--data", "one"]);
    let trail = format!("main={}", Path::new("one/trails/main").display());
    let two = Served::start(&place, &["--data", "two", "--trail", &trail]);
    let servers = [&one, &two].map(|server| (server.address.clone(), server.token.clone().unwrap()));
    let mut receipts = Receipts::new();
    for number in 0..100 {
        // Each is sent to both, first to the one and then to the other.
        for server in [number % 2, 1 - number % 2] {
            let (address, token) = &servers[server];
            let (status, answer) = post(address, token, PATH, &entry(&format!("e{number}"))).unwrap();
            assert_eq!(status, 201, "{answer}");
            assert_eq!(answer["receipts"][0]["duplicate"].is_boolean(), server != number % 2, "{answer}");
            keep(&mut receipts, &answer);
        }
        let (address, token) = &servers[number % 2];
        let mut other = entry(&format!("e{number}"));
        other["action"] = json!("other");
        assert_eq!(post(address, token, PATH, &other).unwrap().0, 409);
    }
    // Both at the same time, each with ids of its own.
    let sending = [0, 1].map(|server: usize| {
        let (address, token) = servers[server].clone();
        thread::spawn(move || {
            let mut receipts = Receipts::new();
            for number in 0..100 {
                let batch =
                    json!([entry(&format!("s{server}-{number}-0")), entry(&format!("s{server}-{number}-1"))]);
                let (status, answer) = post(&address, &token, PATH, &batch).unwrap();
                assert_eq!(status, 201, "{answer}");
                keep(&mut receipts, &answer);
            }
            receipts
        })
    });
    for sent in sending {
        receipts.extend(sent.join().unwrap());
    }
    drop((one, two));
    check(&place, "one/trails/main", &receipts);
}
