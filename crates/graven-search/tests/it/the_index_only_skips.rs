//! With the index in any state, an answer is that of reading every entry.

use graven_search::{Answer, IndexUse, SHELF_ENTRIES, Where};

use crate::large::{Large, QUERIES, SHELVES, assert_same, said};
use crate::support::query;

/// What is right, by reading.
fn expected(large: &Large) -> Vec<Vec<Answer>> {
    let plain = large.plain();
    QUERIES.iter().map(|text| said(&plain, &query(text))).collect()
}

/// Compares all answers with what is right, and gives the coverage of the last newest page.
fn compare(large: &Large, expected: &[Vec<Answer>], what: &str) -> IndexUse {
    let search = large.search();
    let mut index = IndexUse::None;
    for (text, expected) in QUERIES.iter().zip(expected) {
        let found = said(&search, &query(text));
        assert_same(&found, expected, &format!("{what}: {text}"));
        if *text == "absentword" {
            index = found[0].coverage.index;
        }
    }
    index
}

#[test]
fn in_each_state_the_answers_are_those_of_reading() {
    let large = Large::copy();
    let expected = expected(&large);
    assert!(expected.iter().filter(|answers| !answers[0].hits.is_empty()).count() >= QUERIES.len() - 1);
    assert_eq!(compare(&large, &expected, "none"), IndexUse::None);
    let built = large.build();
    assert_eq!((built.made, built.left_out), (SHELVES, 0));
    assert_eq!(compare(&large, &expected, "whole"), IndexUse::Own);
    let (plain, indexed) = (large.plain(), large.search());
    assert_eq!(indexed.tally(&mut |_| ()).unwrap(), plain.tally(&mut |_| ()).unwrap());
    assert_eq!(indexed.pending(&mut |_| ()).unwrap(), plain.pending(&mut |_| ()).unwrap());
    let whole = std::fs::read(large.shelf(1)).unwrap();
    std::fs::remove_file(large.shelf(1)).unwrap();
    assert_eq!(compare(&large, &expected, "half"), IndexUse::Own);
    // Of another place, and cut off.
    std::fs::copy(large.shelf(0), large.shelf(1)).unwrap();
    assert_eq!(compare(&large, &expected, "of another place"), IndexUse::Own);
    std::fs::write(large.shelf(1), &whole[..whole.len() - 1]).unwrap();
    compare(&large, &expected, "cut off");
    std::fs::write(large.shelf(1), b"").unwrap();
    compare(&large, &expected, "empty");
    std::fs::remove_file(large.shelf(1)).unwrap();
    std::fs::create_dir(large.shelf(1)).unwrap();
    compare(&large, &expected, "a folder");
    std::fs::remove_dir(large.shelf(1)).unwrap();
    // Of another trail, which has as many entries.
    let another = Large::another();
    another.build();
    std::fs::copy(another.shelf(0), large.shelf(0)).unwrap();
    assert_eq!(compare(&large, &expected, "of another trail"), IndexUse::None);
    // Made anew from what is left.
    assert_eq!(large.build().made, SHELVES);
    assert_eq!(compare(&large, &expected, "made anew"), IndexUse::Own);
}

#[test]
fn what_is_in_memory_is_counted_without_its_lines() {
    let large = Large::copy();
    large.build();
    let (search, plain) = (large.search(), large.plain());
    let mut keeper = search.keeper(Where::Trail).unwrap();
    while keeper.poll().unwrap().entries > 0 {}
    let mut ask = graven_search::Ask::new(crate::support::moment());
    (ask.limit, ask.count, ask.histogram) = (1, true, true);
    let facets = ["outcome", "action", "principal"].map(|name| graven_search::Field::parse(name).unwrap());
    ask.facets = facets.to_vec();
    for text in ["", "outcome:success", "category:api principal:bob"] {
        let found = search.query(&query(text), &ask).unwrap();
        let expected = plain.query(&query(text), &ask).unwrap();
        assert_eq!(found.coverage.indexed_to, found.coverage.entries, "{text}");
        assert!(found.coverage.scanned <= 64, "{text}: {} lines were read", found.coverage.scanned);
        assert!(expected.coverage.scanned > SHELVES * SHELF_ENTRIES, "{text}");
        assert_same(&[found], &[expected], text);
    }
}

#[test]
fn damage_at_any_place_changes_no_answer() {
    let large = Large::copy();
    large.build();
    let (search, plain) = (large.search(), large.plain());
    let some: Vec<_> = QUERIES.iter().filter(|text| !text.is_empty()).map(|text| query(text)).collect();
    let mut ask = graven_search::Ask::new(crate::support::moment());
    ask.limit = 20;
    let expected: Vec<_> = some.iter().map(|query| plain.query(query, &ask).unwrap()).collect();
    drop(search);
    let whole = std::fs::read(large.shelf(1)).unwrap();
    let mut random = fastrand::Rng::with_seed(15);
    for _ in 0..25 {
        let mut bytes = whole.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
        std::fs::write(large.shelf(1), bytes).unwrap();
        let search = large.search();
        for (query, expected) in some.iter().zip(&expected) {
            let found = search.query(query, &ask).unwrap();
            assert_same(&[found], std::slice::from_ref(expected), &format!("byte {at}: {query}"));
        }
    }
}

#[test]
fn pages_fit_together_while_entries_come_and_the_index_grows() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let large = Large::copy();
    let (trail, done) = (large.trail(), AtomicBool::new(false));
    let search = large.search();
    let mut keeper = search.keeper(Where::Trail).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..140 {
                let entry = graven::Entry::new(graven::Category::Api, "later", graven::Outcome::Denied);
                trail.record_batch_blocking(vec![entry; 500]).unwrap();
            }
            trail.checkpoint_blocking().unwrap();
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                keeper.poll().unwrap();
            }
        });
        for order in [graven_search::Order::NewestFirst, graven_search::Order::OldestFirst] {
            let (mut ask, question) =
                (graven_search::Ask::new(crate::support::moment()), query("outcome:denied"));
            (ask.order, ask.limit) = (order, 700);
            let mut found = Vec::new();
            let mut entries = None;
            loop {
                let page = search.query(&question, &ask).unwrap();
                assert!(page.findings.is_empty(), "{:?}", page.findings);
                assert_eq!(*entries.get_or_insert(page.coverage.entries), page.coverage.entries);
                found.extend(crate::support::indexes(&page));
                let Some(next) = page.next else { break };
                ask.cursor = Some(next.parse().unwrap());
            }
            let entries = entries.unwrap();
            let plain = large.plain();
            let reader = plain.reader();
            let mut expected: Vec<u64> = reader
                .entries(..entries)
                .unwrap()
                .map(Result::unwrap)
                .filter(|record| record.entry().unwrap().outcome == graven::Outcome::Denied)
                .map(|record| record.index)
                .collect();
            if order == graven_search::Order::NewestFirst {
                expected.reverse();
            }
            assert!(found == expected, "{order:?}: {} and {}", found.len(), expected.len());
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(large.shelf(SHELVES - 1).exists());
}

#[test]
fn a_keeper_answers_for_the_newest_entries_from_memory() {
    let large = Large::copy();
    let trail = large.trail();
    let search = large.search();
    let mut keeper = search.keeper(Where::Trail).unwrap();
    let mut record = |count: usize| {
        let entry = graven::Entry::new(graven::Category::Api, "later", graven::Outcome::Denied);
        trail.record_batch_blocking(vec![entry; count]).unwrap();
        while keeper.poll().unwrap().entries > 0 {}
    };
    record(1_000);
    let ask = graven_search::Ask::new(crate::support::moment());
    let answer = search.query(&query("absentword"), &ask).unwrap();
    assert_eq!((answer.coverage.index, answer.coverage.indexed_to), (IndexUse::Own, answer.coverage.entries));
    let later = search.query(&query("action:later"), &ask).unwrap();
    assert_eq!(later.hits.len(), 50);
    // Until the shelf is full, and a little more.
    for _ in 0..SHELF_ENTRIES / 8_000 + 1 {
        record(8_000);
        let answer = search.query(&query("absentword"), &ask).unwrap();
        assert_eq!(answer.coverage.indexed_to, answer.coverage.entries);
    }
    trail.checkpoint_blocking().unwrap();
    let end = std::time::Duration::from_secs(20);
    let clock = graven::Machine::os().clock;
    let start = clock.elapsed();
    while !large.shelf(SHELVES).exists() && clock.elapsed() < start + end {
        keeper.poll().unwrap();
    }
    assert!(large.shelf(SHELVES).exists());
}
