//! The life of a trail is told as `graven stats` tells it: openings, losses and silences.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graven::clock::sim::SimClock;
use graven::disk::OsDisk;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_server::auth::{Role, Scope};
use serde_json::json;

use crate::support::{PATIENCE, Running, within};

const MINUTE: Duration = Duration::from_secs(60);

/// A trail whose process stood still for ten minutes, as on a machine that sleeps, and then went on.
fn silent(dir: &Path) {
    let clock = SimClock::new(1);
    let machine = Machine { disk: Arc::new(OsDisk), clock: Arc::new(clock.clone()) };
    let trail = Trail::open_on(Settings::new(dir).heartbeat(MINUTE), machine).unwrap();
    trail.record_blocking(Entry::new(Category::Api, "a", Outcome::Success)).unwrap();
    clock.advance(MINUTE * 10);
    let end = Instant::now() + PATIENCE;
    while trail.len() < 3 {
        assert!(Instant::now() < end, "the heartbeat does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    trail.close_blocking().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_told_to_who_may_see_all_categories() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("silent");
    let made = dir.clone();
    within(tokio::task::spawn_blocking(move || silent(&made))).await.unwrap();
    let server = Running::with(&[("read", &format!("silent={}", dir.display()))]).await;
    let told = server.admin.get("/v1/trails/silent/life").await;
    assert_eq!(told.is(200).header("cache-control"), "no-store");
    let told = told.json();
    let life = &told["life"];
    assert_eq!(
        (&life["opened"], &life["closed"], &life["unfinished"]),
        (&json!(1), &json!(1), &json!(0)),
        "{told}"
    );
    let silence = &life["longest_silences"][0];
    assert_eq!(
        (&life["silences"], &silence["seconds"], &silence["after"]),
        (&json!(1), &json!(600), &json!(1)),
        "{told}"
    );
    assert_eq!((&told["silent_seconds"], &told["entries"]), (&json!(null), &json!(4)), "{told}");
    // All entries are not read again at once. On a busy machine it may take some tries to be quick enough.
    let judged = async || server.admin.get("/v1/trails/silent/life").await.is(200).json()["judged"].clone();
    within(async { while judged().await != judged().await {} }).await;
    // Times of all entries are told, so it is not for a token that may see only some.
    let some = server.client(Role::Reader, |new| new.categories = Scope::Only(vec![Category::Api]));
    some.get("/v1/trails/silent/life").await.is_problem(403, "out-of-scope");
    server.client(Role::Reader, |_| {}).get("/v1/trails/silent/life").await.is(200);
    server.stop().await;
}
