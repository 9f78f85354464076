//! A machine is lost while clients write. Another one takes its trail over from the archive, with everything that was
//! acknowledged there; and when the lost disk turns up, the rest is salvaged.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use graven::chain::Chain;
use serde_json::{Value, json};

use crate::run::Place;
use crate::served::{Served, get, post};

const CLIENTS: u64 = 8;

/// How many entries a client sends in one request.
const BATCH: u64 = 3;

/// How long it may take until another machine acknowledges entries in the archive, from the loss of the first one.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

/// How long the archive is away under load.
const AWAY: Duration = Duration::from_secs(30);

/// Long enough for every wait; each ends as soon as what it waits for is there.
const PATIENCE: Duration = Duration::from_secs(120);

const ENTRIES: &str = "/v1/trails/main/entries";
const ARCHIVED: &str = "/v1/trails/main/entries?ack=archived&timeout=30s";

/// Where an acknowledged entry is, by its id: the index and the leaf hash.
type Receipts = BTreeMap<String, (u64, String)>;

/// A server with its data in a folder of the place, which ships to the folder `bucket`.
fn serve(place: &Place, data: &str) -> Served {
    let url = format!("archive.url={}", url(place));
    Served::start(place, &["--data", data, "--set", &url, "--set", &format!("archive.name={data}")])
}

fn url(place: &Place) -> String {
    format!("file://{}", place.path("bucket").display())
}

/// Takes the archive away: a file is in its place, so that nothing can be created there.
fn goes(place: &Place) {
    std::fs::rename(place.path("bucket/main"), place.path("away")).unwrap();
    place.write("bucket/main", "");
}

fn comes_back(place: &Place) {
    std::fs::remove_file(place.path("bucket/main")).unwrap();
    std::fs::rename(place.path("away"), place.path("bucket/main")).unwrap();
}

fn batch(name: &str, count: u64) -> Value {
    let entry = |number| {
        let id = format!("{name}-{number}");
        json!({"id": id, "category": "api", "action": "sent", "outcome": "success"})
    };
    (0..count).map(entry).collect()
}

/// What an answer acknowledges.
fn receipts(answer: &Value) -> impl Iterator<Item = (String, (u64, String))> {
    answer["receipts"].as_array().unwrap().iter().map(|receipt| {
        let text = |name: &str| receipt[name].as_str().unwrap().to_owned();
        (text("id"), (receipt["index"].as_u64().unwrap(), text("leaf_hash")))
    })
}

/// How the shipping of a server stands.
fn standing(server: &Served, token: &str) -> Value {
    get(&server.address, token, "/v1/trails/main").unwrap().1["archive"].clone()
}

fn until(server: &Served, token: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let standing = standing(server, token);
        if wanted(&standing) {
            return standing;
        }
        assert!(begun.elapsed() < PATIENCE, "{standing}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Clients that write until they are stopped.
struct Clients {
    /// Where the server is now, and its token.
    at: Arc<Mutex<(String, String)>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    running: Vec<JoinHandle<Receipts>>,
}

impl Clients {
    /// Each sends batches one after the other, and every batch again until it is acknowledged.
    fn start(server: &Served, token: &str, path: &'static str) -> Clients {
        let at = Arc::new(Mutex::new((server.address.clone(), token.to_owned())));
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |client: u64| {
            let (at, stop, answered) = (Arc::clone(&at), Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                let mut acknowledged = Receipts::new();
                let mut number = 0_u64;
                let mut sent = batch(&format!("c{client}-0"), BATCH);
                while !stop.load(Ordering::SeqCst) {
                    let (address, token) = at.lock().unwrap().clone();
                    match post(&address, &token, path, &sent) {
                        Ok((201, answer)) => {
                            acknowledged.extend(receipts(&answer));
                            answered.fetch_add(1, Ordering::SeqCst);
                            number += 1;
                            sent = batch(&format!("c{client}-{number}"), BATCH);
                        }
                        // The server is gone, or cannot say so now: 202 is no acknowledgement.
                        Ok((202 | 401 | 503, _)) | Err(_) => thread::sleep(Duration::from_millis(10)),
                        Ok((status, answer)) => panic!("{status}: {answer}"),
                    }
                }
                acknowledged
            })
        };
        let running = (0..CLIENTS).map(client).collect();
        Clients { at, stop, answered, running }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits for this many more answers.
    fn go_on(&self, count: u64) {
        let (begun, end) = (Instant::now(), self.answered() + count);
        while self.answered() < end {
            assert!(self.running.iter().all(|client| !client.is_finished()), "a client has given up");
            assert!(begun.elapsed() < PATIENCE, "{} of {end} answers", self.answered());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn stop(self) -> Receipts {
        self.stop.store(true, Ordering::SeqCst);
        self.running.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

/// Where in a chain of trails each entry is that a client sent, by its id.
fn sent(place: &Place, dir: &str) -> HashMap<String, Vec<(u64, String)>> {
    let mut found: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for link in Chain::open(place.path(dir)).unwrap().links() {
        for record in link.reader().entries(..).unwrap() {
            let record = record.unwrap();
            let entry = record.entry().unwrap();
            if entry.action == "sent" {
                found
                    .entry(entry.id.unwrap())
                    .or_default()
                    .push((record.index, record.leaf_hash().to_string()));
            }
        }
    }
    found
}

#[test]
fn what_was_acknowledged_in_the_archive_is_there_and_the_rest_is_salvaged() {
    let place = Place::empty();
    let first = serve(&place, "one");
    let token = first.token.clone().unwrap();
    let clients = Clients::start(&first, &token, ARCHIVED);
    clients.go_on(40);
    // Entries that are durable here, and never reach the archive.
    goes(&place);
    let (status, only_here) = post(&first.address, &token, ENTRIES, &batch("here", 200)).unwrap();
    assert_eq!(status, 201, "{only_here}");
    let lost = Instant::now();
    first.kill();
    std::fs::rename(place.path("one"), place.path("lost")).unwrap();
    comes_back(&place);

    let archive = format!("{}/main", url(&place));
    place.run(["restore", &archive, "two/trails/main", "--take-over", "--name", "two"]).ok();
    let second = serve(&place, "two");
    let second_token = second.token.clone().unwrap();
    let (status, answer) = post(&second.address, &second_token, ARCHIVED, &batch("second", 1)).unwrap();
    let taken_over = lost.elapsed();
    assert_eq!((status, &answer["receipts"][0]["archived"]), (201, &json!(true)), "{answer}");
    assert!(taken_over < TAKEN_OVER_WITHIN, "{taken_over:?}");
    *clients.at.lock().unwrap() = (second.address.clone(), second_token.clone());
    clients.go_on(40);

    // The lost disk turns up, and its server is started again.
    std::fs::rename(place.path("lost"), place.path("one")).unwrap();
    let old = serve(&place, "one");
    let fenced = until(&old, &token, |standing| standing["state"] == "fenced");
    assert!(fenced["fenced"]["other"].as_str().unwrap().contains("\"two\""), "{fenced}");
    old.kill();
    clients.go_on(40);
    let salvaged =
        place.run(["salvage", "one/trails/main", "--into", "two/trails/main", "--json"]).ok().json();
    assert!(salvaged["entries"].as_u64().unwrap() >= 200, "{salvaged}");
    let again = place.run(["salvage", "one/trails/main", "--into", "two/trails/main", "--json"]).ok().json();
    assert_eq!((&again["entries"], &again["already"]), (&json!(0), &salvaged["entries"]), "{again}");
    let acknowledged = clients.stop();
    // Entries of the old trail that are past its end are there with another index, and what was salvaged has the same bytes.
    let found = sent(&place, "two/trails/main");
    for (id, receipt) in &acknowledged {
        let places = &found[id];
        let count = places.iter().filter(|place| *place == receipt).count();
        assert_eq!(count, 1, "{id}: {receipt:?} in {places:?}");
    }
    for (id, (_, hash)) in receipts(&only_here) {
        let hashes: Vec<&String> = found[&id].iter().map(|(_, hash)| hash).collect();
        assert_eq!(hashes, [&hash], "{id}");
    }
    // It ends in order, and ships what is left.
    second.end();
    for trail in ["two/trails/main", &archive] {
        place.run(["verify", trail, "--no-state"]).ok();
    }
    place.run(["restore", &archive, "three", "--read-only"]).ok();
    let back = sent(&place, "three");
    let at_each = |id: &String| (found[id].clone(), back.get(id).cloned().unwrap_or_default());
    for (here, there) in acknowledged.keys().map(at_each) {
        assert_eq!(here, there);
    }
}

#[test]
fn recording_goes_on_while_the_archive_is_away_and_shipping_catches_up() {
    let place = Place::empty();
    let server = serve(&place, "one");
    let token = server.token.clone().unwrap();
    let clients = Clients::start(&server, &token, ENTRIES);
    clients.go_on(40);
    until(&server, &token, |standing| standing["entries"].as_u64() > Some(100));
    goes(&place);
    let gone = Instant::now();
    let failing = until(&server, &token, |standing| standing["state"] == "failing");
    assert!(failing["error"].is_string(), "{failing}");
    let mut seconds = 0;
    while gone.elapsed() < AWAY {
        clients.go_on(20);
        thread::sleep(Duration::from_millis(500));
        let lag = standing(&server, &token)["lag"].clone();
        let now = lag["seconds"].as_f64().unwrap() as u64;
        assert!(now >= seconds, "{lag} after {seconds} s");
        seconds = now;
    }
    assert!(seconds + 5 >= AWAY.as_secs(), "{seconds}");
    comes_back(&place);
    let caught_up = Instant::now();
    until(&server, &token, |standing| {
        standing["state"] == "shipping" && standing["lag"]["seconds"].as_f64() < Some(5.0)
    });
    assert!(caught_up.elapsed() < AWAY, "{:?}", caught_up.elapsed());
    clients.go_on(20);
    let acknowledged = clients.stop();
    server.end();
    place.run(["verify", &format!("{}/main", url(&place)), "--no-state"]).ok();
    place.run(["restore", &format!("{}/main", url(&place)), "back"]).ok();
    let found = sent(&place, "back");
    assert_eq!(found.len(), acknowledged.len());
    for (id, receipt) in acknowledged {
        assert_eq!(found[&id], [receipt], "{id}");
    }
}
