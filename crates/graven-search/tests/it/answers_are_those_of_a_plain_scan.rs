//! Pages, counts, facets, histogram and sessions are those of reading every entry with the one definition of a hit.

use std::collections::{BTreeMap, BTreeSet};

use graven_search::{Answer, Ask, Field, Line, Order, Query, Search, State, matches};
use serde_json::Value;

use crate::support::{Place, entries, indexes, moment, query};

/// Random queries of every kind.
fn queries(count: usize) -> Vec<Query> {
    let mut random = fastrand::Rng::with_seed(15);
    let terms = [
        "category:api",
        "outcome:(denied OR failure)",
        "principal:alice@example.com",
        "-has:principal",
        "session:s-3",
        "action:\"POST *\"",
        "\"rm -rf\"",
        "rm",
        "été",
        "élodie",
        "detail.exit:>0",
        "detail.exit:0",
        "detail.tags.b:>1500",
        "has:detail.\"k8s.io/decision\"",
        "needle",
        "ip:10.1.0.0/16",
        "for:root",
        "duration:>2s",
        "count:>=2",
        "since:24h",
        "until:12h",
        "index:100..1999",
        "index:>=2500",
        "any:0",
        "id:id-77*",
        "tool:bash",
        "absentword",
    ];
    let mut queries = vec![query("")];
    while queries.len() < count {
        let mut term = || {
            let term = *random.choice(&terms).expect("there are some");
            if random.u8(0..4) == 0 { format!("-({term})") } else { term.to_owned() }
        };
        let (a, b, c) = (term(), term(), term());
        let text = match random.u8(0..4) {
            0 => a,
            1 => format!("{a} {b}"),
            2 => format!("({a} OR {b}) {c}"),
            _ => format!("{a} -({b} {c})"),
        };
        queries.push(query(&text));
    }
    queries
}

/// All pages of a query, of random sizes.
fn pages(search: &Search, query: &Query, order: Order, random: &mut fastrand::Rng) -> Vec<u64> {
    let mut found = Vec::new();
    let mut ask = Ask::new(moment());
    ask.order = order;
    loop {
        ask.limit = random.u64(1..=400);
        let answer = search.query(query, &ask).unwrap();
        assert!(answer.hits.len() as u64 <= ask.limit && answer.findings.is_empty());
        found.extend(indexes(&answer));
        let Some(next) = answer.next else { return found };
        ask.cursor = Some(next.parse().unwrap());
    }
}

/// What is counted, by looking at the JSON of the hits.
fn counted(lines: &[Value], answer: &Answer) {
    let events = |line: &Value| line["count"].as_u64().unwrap_or(1);
    let count = answer.count.unwrap();
    assert_eq!((count.entries, count.exact), (lines.len() as u64, true));
    assert_eq!(count.events, lines.iter().map(events).sum::<u64>());
    let facets = answer.facets.as_ref().unwrap();
    for name in ["outcome", "principal", "on_behalf_of", "detail.exit"] {
        let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for line in lines {
            let value = name.split('.').fold(line, |value, key| &value[key]);
            let values = match value {
                Value::Array(values) => values.clone(),
                Value::Null => Vec::new(),
                one => vec![one.clone()],
            };
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let sums = expected.entry(text).or_default();
                *sums = (sums.0 + 1, sums.1 + events(line));
            }
        }
        let found = facets[name].iter().map(|value| (value.value.clone(), (value.entries, value.events)));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "{name}");
        assert!(facets[name].is_sorted_by_key(|value| std::cmp::Reverse(value.entries)));
    }
    let histogram = answer.histogram.as_ref().unwrap();
    assert_eq!(histogram.rows.iter().map(|row| row.entries()).sum::<u64>(), count.entries);
    assert_eq!(histogram.rows.iter().map(|row| row.events).sum::<u64>(), count.events);
    for (number, row) in (0..).zip(&histogram.rows) {
        let from = histogram.from.unwrap().timestamp() + number * histogram.bucket_s;
        let inside = |line: &&Value| {
            let time: chrono::DateTime<chrono::Utc> = line["timestamp"].as_str().unwrap().parse().unwrap();
            (from..from + histogram.bucket_s).contains(&time.timestamp())
        };
        assert_eq!(row.entries(), lines.iter().filter(inside).count() as u64);
    }
    let sessions = answer.sessions.as_ref().unwrap();
    let of = |id: &str| lines.iter().filter(|line| line["session_id"] == id).collect::<Vec<_>>();
    for session in sessions {
        let of_it = of(&session.id);
        assert_eq!(session.entries, of_it.len() as u64);
        assert_eq!(session.denied, of_it.iter().filter(|line| line["outcome"] == "denied").count() as u64);
        let principals: BTreeSet<&str> = of_it.iter().filter_map(|line| line["principal"].as_str()).collect();
        assert!(session.principals.iter().map(String::as_str).eq(principals));
    }
    let ids: BTreeSet<&str> = lines.iter().filter_map(|line| line["session_id"].as_str()).collect();
    assert_eq!(sessions.len(), ids.len());
}

#[test]
fn every_answer_is_that_of_reading_all() {
    let place = Place::with(entries(3_000, 1));
    let search = place.search();
    let reader = search.reader();
    let records: Vec<_> = reader.entries(..).unwrap().map(Result::unwrap).collect();
    let lines: Vec<Line<'_>> = records.iter().map(|record| Line::read(reader, record).unwrap()).collect();
    let mut random = fastrand::Rng::with_seed(2);
    let (mut with_hits, queries) = (0, queries(150));
    for query in &queries {
        let hits: Vec<&Line<'_>> = lines.iter().filter(|line| matches(query, line)).collect();
        let mut expected: Vec<u64> = hits.iter().map(|line| line.index()).collect();
        with_hits += usize::from(!hits.is_empty());
        assert_eq!(pages(&search, query, Order::OldestFirst, &mut random), expected, "{query}");
        expected.reverse();
        assert_eq!(pages(&search, query, Order::NewestFirst, &mut random), expected, "{query}");

        let mut ask = Ask::new(moment());
        (ask.count, ask.histogram, ask.sessions) = (true, true, true);
        ask.facets =
            ["outcome", "principal", "for", "detail.exit"].map(|name| Field::parse(name).unwrap()).to_vec();
        let answer = search.query(query, &ask).unwrap();
        expected.truncate(50);
        assert_eq!(indexes(&answer), expected, "{query}");
        assert!(answer.hits.iter().all(|hit| hit.state == State::Proved));
        let json = |line: &&&Line<'_>| -> Value {
            let record = &records[line.index() as usize];
            let mut json: Value = serde_json::from_slice(&record.line).unwrap();
            // As another program would read it: its numbers are rounded, and `1e400` is none.
            if let Some(detail) = &line.entry().detail {
                json["detail"] =
                    serde_json::from_str(detail.as_str()).unwrap_or_else(|_| json["detail"].clone());
            }
            json
        };
        counted(&hits.iter().map(|line| json(&line)).collect::<Vec<_>>(), &answer);
    }
    assert!(with_hits > queries.len() / 2, "{with_hits}");
}

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
