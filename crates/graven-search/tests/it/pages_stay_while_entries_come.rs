//! A search is of one snapshot: entries that come during it shift no page, and what was acknowledged before is in it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use graven::{Category, Entry, Outcome};
use graven_search::{Ask, Order, State};

use crate::support::{Place, indexes, moment, query};

fn some(count: usize) -> Vec<Entry> {
    (0..count).map(|number| Entry::new(Category::Api, format!("entry {number}"), Outcome::Success)).collect()
}

#[test]
fn each_entry_of_the_snapshot_is_on_one_page() {
    let place = Place::with(some(1_000));
    let (search, trail, done) = (place.search(), place.trail(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                trail.record_batch_blocking(some(300)).unwrap();
            }
        });
        for order in [Order::NewestFirst, Order::OldestFirst].repeat(3) {
            let mut ask = Ask::new(moment());
            (ask.order, ask.limit) = (order, 700);
            let first = search.query(&query(""), &ask).unwrap();
            let entries = first.coverage.entries;
            let mut found = indexes(&first);
            let mut next = first.next;
            while let Some(cursor) = next {
                ask.cursor = Some(cursor.parse().unwrap());
                let page = search.query(&query(""), &ask).unwrap();
                assert_eq!((page.coverage.entries, page.findings.len()), (entries, 0));
                found.extend(indexes(&page));
                next = page.next;
            }
            assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len());
            let expected: Vec<u64> = match order {
                Order::NewestFirst => (0..entries).rev().collect(),
                Order::OldestFirst => (0..entries).collect(),
            };
            assert_eq!(found, expected);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_was_acknowledged_is_found_at_once() {
    let place = Place::with(some(10));
    let (search, trail) = (place.search(), place.trail());
    for number in 0..50 {
        let receipt = trail
            .record_blocking(Entry::new(Category::Auth, format!("act {number}"), Outcome::Denied))
            .unwrap();
        let answer = search.query(&query(&format!("action:\"act {number}\"")), &Ask::new(moment())).unwrap();
        assert_eq!(indexes(&answer), [receipt.index]);
        assert!(answer.findings.is_empty(), "{:?}", answer.findings);
    }
    trail.checkpoint_blocking().unwrap();
    let answer = search.query(&query(""), &Ask::new(moment())).unwrap();
    assert!(answer.hits.iter().all(|hit| hit.state == State::Proved) && answer.coverage.unsealed == 0);
}

#[test]
fn pages_stay_while_segments_are_closed_between_them() {
    let place = Place::with(some(1_000));
    let (search, trail) = (place.search(), place.trail());
    let segments = || place.dir().join("segments").read_dir().unwrap().count();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut ask = Ask::new(moment());
        (ask.order, ask.limit) = (order, 300);
        let (mut found, before) = (Vec::new(), segments());
        let entries = loop {
            let page = search.query(&query("action:entry*"), &ask).unwrap();
            assert!(page.findings.is_empty(), "{:?}", page.findings);
            found.extend(indexes(&page));
            let Some(next) = page.next else { break page.coverage.entries };
            ask.cursor = Some(next.parse().unwrap());
            trail.record_batch_blocking(some(1_000)).unwrap();
            trail.checkpoint_blocking().unwrap();
        };
        assert!(segments() >= before + 3, "{before} and {}", segments());
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, (0..entries).collect::<Vec<_>>());
    }
}
