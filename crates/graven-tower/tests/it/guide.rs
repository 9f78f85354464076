//! The entries that `docs/AUDIT_HTTP.md` shows are those that its snippets leave.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use graven_tower::{AuditLayer, Strangers};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::support::{Place, ask, serve};

const PAGE: &str = include_str!("../../../../docs/AUDIT_HTTP.md");

/// The entries that the page shows.
fn shown() -> Vec<&'static str> {
    PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The names in a JSON object, in their order.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Same names in the same order, and same values but for what differs each time.
fn assert_shown(shown: &str, stored: &[u8]) {
    let names = |json: &[u8]| serde_json::from_slice::<Names>(json).unwrap().0;
    assert_eq!(names(shown.as_bytes()), names(stored));
    let steady = |json: &[u8]| {
        let mut entry: Value = serde_json::from_slice(json).unwrap();
        for name in ["id", "timestamp", "request_id", "duration_ms", "count"] {
            entry.as_object_mut().unwrap().remove(name);
        }
        entry
    };
    assert_eq!(steady(shown.as_bytes()), steady(stored));
}

#[tokio::test]
async fn the_entry_of_the_first_snippet_is_the_one_that_is_shown() {
    let place = Place::new();
    let app = Router::new()
        .route("/v1/sessions/{id}", get(|| async { "hello" }))
        .layer(AuditLayer::new(place.trail.clone()));
    ask(serve(app).await, "GET /v1/sessions/7", "User-Agent: curl/8.5.0\r\n").await;
    assert_shown(shown()[0], &place.lines()[0]);
}

#[tokio::test]
async fn the_entry_with_a_count_is_as_it_is_shown() {
    let place = Place::new();
    // The page has another address and another number.
    let shown = shown()[1].replace("71202", "2").replace("192.0.2.7", "127.0.0.1");
    let window = Duration::from_secs(2);
    let app = Router::new()
        .route("/v1/sessions/{id}", get(|| async { StatusCode::UNAUTHORIZED }))
        .layer(AuditLayer::new(place.trail.clone()).count_strangers(Strangers::new(window)));
    let address = serve(app).await;
    let counted = || place.lines().into_iter().find(|line| line.ends_with(b"\"count\":2}"));
    let found = loop {
        // On a slow machine they may be in two windows.
        for _ in 0..3 {
            ask(address, "GET /v1/sessions/7", "").await;
        }
        tokio::time::sleep(window * 2).await;
        if let Some(found) = counted() {
            break found;
        }
    };
    assert_shown(&shown, &found);
}
