//! An answer says what it covers, in JSON as it is documented; a budget and `--exhaustive` show in it.

use graven_search::{Ask, Field};
use serde_json::Value;

use crate::support::{Place, entries, indexes, moment, query};

#[test]
fn the_json_is_as_it_is_documented() {
    let place = Place::with(entries(20, 3));
    let mut ask = Ask::new(moment());
    (ask.count, ask.histogram, ask.sessions, ask.limit) = (true, true, true, 2);
    ask.facets = vec![Field::parse("outcome").unwrap()];
    let answer = place.search().query(&query("since:7d"), &ask).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&json), "count coverage facets findings histogram hits next range sessions took_ms");
    assert_eq!(keys(&json["hits"][0]), "entry index leaf_hash state");
    assert_eq!(json["hits"][0]["state"], "proved");
    assert_eq!(keys(&json["count"]), "entries events exact");
    assert_eq!(keys(&json["facets"]["outcome"][0]), "entries events value");
    assert_eq!(keys(&json["histogram"]), "bucket_s from rows");
    assert_eq!(keys(&json["histogram"]["rows"][0]), "denied events failure pending success");
    assert_eq!(keys(&json["sessions"][0]), "agents denied entries failed first id last principals");
    assert_eq!(
        keys(&json["coverage"]),
        "complete durable entries index indexed_to key_source scanned unsealed"
    );
    assert_eq!(json["coverage"]["key_source"], "self_asserted");
    assert_eq!(json["range"], serde_json::json!({"since": "2026-11-22T12:00:00Z", "until": null}));
    // What nobody asked for is not there, and is not computed.
    let plain = serde_json::to_value(place.search().query(&query(""), &Ask::new(moment())).unwrap()).unwrap();
    assert_eq!(keys(&plain), "coverage findings hits next range took_ms");
    assert_eq!(plain["next"], Value::Null);
}

#[test]
fn a_budget_ends_counting_and_says_so() {
    let place = Place::with(entries(3_000, 4));
    let mut ask = Ask::new(moment());
    (ask.count, ask.budget) = (true, Some(std::time::Duration::ZERO));
    let answer = place.search().query(&query(""), &ask).unwrap();
    assert_eq!((answer.count.unwrap().exact, answer.coverage.complete), (false, false));
    assert!(answer.coverage.scanned < answer.coverage.entries);
    // The rest is not lost: the cursor goes on where it stopped.
    let mut rest = Ask::new(moment());
    rest.cursor = Some(answer.next.unwrap().parse().unwrap());
    let next = place.search().query(&query(""), &rest).unwrap();
    let first = answer.hits.last().map_or(answer.coverage.entries, |hit| hit.index);
    assert_eq!(next.hits[0].index, first - 1);
}

#[test]
fn an_exhaustive_answer_has_read_every_entry() {
    let place = Place::with(entries(600, 5));
    let mut ask = Ask::new(moment());
    ask.exhaustive = true;
    let answer = place.search().query(&query("index:3"), &ask).unwrap();
    assert_eq!((indexes(&answer), answer.coverage.scanned), (vec![3], answer.coverage.entries));
    assert_eq!(place.search().query(&query("index:3"), &Ask::new(moment())).unwrap().coverage.scanned, 1);
}
