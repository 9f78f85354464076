//! Nothing is served that cannot be recorded, and everything again once it can.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{LastingTrail, Machine, Settings, Trail};
use graven_tower::{AuditLayer, Rule};
use serde_json::{Value, json};

use crate::deadline::Deadline;
use crate::support::{Answer, Place, ask, serve, stored};

const DIR: &str = "/trail";

/// A trail on a disk that can fail, and a server in front of it.
struct World {
    disk: SimDisk,
    clock: SimClock,
    /// How often the handler ran.
    served: Arc<AtomicU64>,
    lasting: LastingTrail,
    address: std::net::SocketAddr,
    _deadline: Deadline,
}

impl World {
    async fn new() -> World {
        let (disk, clock) = (SimDisk::new(), SimClock::new(3));
        let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) };
        let trail = Trail::open_on(Settings::new(DIR), machine).unwrap();
        let lasting = LastingTrail::from(trail);
        let served = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&served);
        let handler = move || {
            let count = Arc::clone(&count);
            async move { count.fetch_add(1, Ordering::SeqCst).to_string() }
        };
        let layer = AuditLayer::new(lasting.clone()).fail_closed().rule(Rule::on("/health").skip());
        let app = Router::new()
            .route("/act/{id}", get(handler.clone()))
            .route("/health", get(handler))
            .layer(layer);
        let address = serve(app).await;
        World { disk, clock, served, lasting, address, _deadline: Deadline::begin() }
    }

    async fn ask(&self, line: &str) -> Answer {
        ask(self.address, line, "X-Request-Id: me\r\n").await
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }

    fn entries(&self) -> Vec<Value> {
        self.lasting.now().flush_blocking().unwrap();
        stored(&self.reader())
    }

    fn reader(&self) -> Reader {
        let machine = Machine { disk: Arc::new(self.disk.clone()), clock: Arc::new(self.clock.clone()) };
        Reader::open_on(&machine, Layout::in_dir(DIR)).unwrap()
    }

    /// Every answered request has both its entries, and nothing else was begun.
    async fn check(&self, answered: usize) {
        // The last answer may be read before the server has let go of it: only then is its result on record.
        let pending = |world: &World| world.reader().pending(&mut |_| ()).unwrap();
        loop {
            let _flushed = self.entries();
            if pending(self).is_empty() {
                break;
            }
            // The test's deadline ends this.
            tokio::task::yield_now().await;
        }
        let entries = self.entries();
        let is = |phase: &str, outcome: &str| {
            let of = |entry: &&Value| entry["phase"] == phase && entry["outcome"] == outcome;
            entries.iter().filter(of).count()
        };
        assert!(is("intent", "pending") >= answered, "{entries:#?}");
        assert_eq!(is("result", "success"), answered, "{entries:#?}");
    }
}

#[tokio::test]
async fn a_durable_intent_stands_before_every_handler() {
    let place = Place::new();
    let trail = place.trail.clone();
    let handler = move || {
        let trail = trail.clone();
        async move { format!("{} {}", trail.len(), trail.recent(1)[0].action) }
    };
    let app = Router::new()
        .route("/act/{id}", get(handler))
        .layer(AuditLayer::new(place.trail.clone()).principal(|_| Some("alice".into())).fail_closed());
    let address = serve(app).await;
    assert_eq!(ask(address, "GET /act/7", "").await.body, "1 GET /act/{id}");
    assert_eq!(ask(address, "GET /nowhere", "").await.status, 404);
    let entries = place.entries();
    let phases: Vec<_> = entries.iter().map(|entry| entry["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "result", "intent", "result"]);
    for pair in entries.chunks(2) {
        assert_eq!((&pair[0]["outcome"], &pair[0]["principal"]), (&json!("pending"), &json!("alice")));
        assert_eq!((&pair[1]["intent_id"], &pair[1]["principal"]), (&pair[0]["id"], &json!("alice")));
        assert_eq!(pair[0]["action"], pair[1]["action"]);
        assert!(pair[1]["duration_ms"].is_u64() && pair[0].get("duration_ms").is_none());
    }
    assert_eq!(entries[3]["detail"], json!({"status": 404}));
}

#[tokio::test]
async fn a_full_disk_refuses_and_serves_again_when_there_is_space() {
    let world = World::new().await;
    assert_eq!(world.ask("GET /act/1").await.status, 200);
    world.lasting.now().flush_blocking().unwrap();
    world.disk.set_space(Some(world.disk.used()));
    for _ in 0..3 {
        let refused = world.ask("GET /act/2").await;
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("content-type"), Some("application/json"));
        assert_eq!(refused.header("x-request-id"), Some("me"));
        let body: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!((&body["error"], &body["request_id"]), (&json!("audit_unavailable"), &json!("me")));
        assert!(!refused.body.contains(DIR), "nothing of the inside: {}", refused.body);
        world.clock.advance(Duration::from_secs(3));
    }
    assert_eq!(world.served(), 1, "the handler did not run");
    // What a rule skips needs no trail.
    assert_eq!(world.ask("GET /health").await.status, 200);
    world.disk.set_space(None);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(world.ask("GET /act/3").await.status, 200);
    assert_eq!(world.served(), 3);
    world.check(2).await;
    // Those that were refused are on record by now, too.
    let entries = world.entries();
    let refused: Vec<_> = entries.iter().filter(|entry| entry["detail"]["status"] == 503).collect();
    assert_eq!(refused.len(), 3, "{entries:#?}");
    assert!(refused.iter().all(|entry| entry["outcome"] == "failure" && entry["resource"] == "/act/2"));
}

#[tokio::test]
async fn after_a_failed_sync_the_next_request_is_served() {
    let world = World::new().await;
    assert_eq!(world.ask("GET /act/1").await.status, 200);
    world.lasting.now().flush_blocking().unwrap();
    let is_sync = |step: &graven::disk::sim::Step| step.op == Op::SyncData && step.is_named("audit.jsonl");
    world.disk.inject(Fault::when(is_sync).fail(ErrorKind::Other, FailBut::Done));
    assert_eq!(world.ask("GET /act/2").await.status, 503);
    assert_eq!(world.served(), 1);
    assert_eq!(world.ask("GET /act/3").await.status, 200);
    assert_eq!(world.served(), 2);
    world.check(2).await;
    // The intent that failed but is there all the same has its result too: the request was answered with 503.
    let entries = world.entries();
    let refused: Vec<_> = entries.iter().filter(|entry| entry["detail"]["status"] == 503).collect();
    assert_eq!(refused.len(), 1, "{entries:#?}");
    assert_eq!(entries.iter().filter(|entry| entry["id"] == refused[0]["intent_id"]).count(), 1);
}

#[tokio::test]
async fn a_result_finds_the_trail_that_was_opened_meanwhile() {
    let world = World::new().await;
    let is_sync = |step: &graven::disk::sim::Step| step.op == Op::SyncData && step.is_named("audit.jsonl");
    // The result of this request fails on the disk, or is queued behind one that does.
    assert_eq!(world.ask("GET /act/1").await.status, 200);
    world.lasting.now().flush_blocking().unwrap();
    let trail = world.lasting.now();
    world.disk.inject(Fault::when(is_sync).fail(ErrorKind::Other, FailBut::NotDone));
    let entry = graven::Entry::new(graven::Category::Config, "other", graven::Outcome::Success);
    trail.record_blocking(entry).unwrap_err();
    assert!(trail.poisoned().is_some());
    assert_eq!(world.ask("GET /act/2").await.status, 200, "opened again before the intent");
    world.check(2).await;
}

#[tokio::test]
async fn a_closed_trail_refuses() {
    let place = Place::new();
    let app = Router::new()
        .route("/", get(|| async { "served" }))
        .layer(AuditLayer::new(place.trail.clone()).fail_closed());
    let address = serve(app).await;
    assert_eq!(ask(address, "GET /", "").await.status, 200);
    let path = place.trail.layout().dir().to_owned();
    place.trail.close_blocking().unwrap();
    assert_eq!(ask(address, "GET /", "").await.status, 503);
    assert_eq!(stored(&Reader::open(path).unwrap()).len(), 2);
    std::mem::forget(place);
}
