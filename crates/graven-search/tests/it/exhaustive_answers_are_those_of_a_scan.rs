//! An answer that has read every entry, on all cores, is that of reading one after the other: hits, order, pages, counts, what
//! was read and what is wrong.

use graven_search::{Answer, Ask, Order, Search, SearchOptions};

use crate::support::{Place, entries, indexes, moment, query};

fn whole(search: &Search, text: &str, order: Order, exhaustive: bool) -> Answer {
    let mut ask = Ask::new(moment());
    (ask.order, ask.exhaustive, ask.count, ask.limit) = (order, exhaustive, true, 1_000);
    search.query(&query(text), &ask).unwrap()
}

#[test]
fn they_are_the_same_also_where_lines_are_damaged() {
    let place = Place::with(entries(9_000, 21));
    let mut options = SearchOptions::default();
    options.no_index = true;
    let search = place.search_with(options.clone());
    let line = |index| String::from_utf8(search.reader().record(index).unwrap().unwrap().line).unwrap();
    // No entry, one that cannot be told from its neighbours, and a changed one.
    place.replace(&line(2_345), "no entry");
    place.replace(&line(5_000), &"x".repeat(70_000));
    place.replace(&line(7_001), &line(7_002));
    let search = place.search_with(options);
    for text in ["", "outcome:denied", "tool:bash", "a", "-has:session", "index:2000..6000"] {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let (scan, sweep) = (whole(&search, text, order, false), whole(&search, text, order, true));
            assert_eq!(indexes(&sweep), indexes(&scan), "{text}");
            assert_eq!(sweep.count, scan.count, "{text}");
            assert_eq!(sweep.coverage.scanned, sweep.coverage.entries - 1, "{text}");
            let found: Vec<_> = sweep.findings.iter().filter_map(|finding| finding.index).collect();
            assert!([2_345, 5_000, 7_001].iter().all(|index| found.contains(index)), "{:?}", sweep.findings);
            let is_found = |finding| sweep.findings.contains(finding);
            assert!(scan.findings.iter().all(is_found), "{:?} {:?}", scan.findings, sweep.findings);
        }
    }
}

#[test]
fn their_pages_join_and_say_what_was_read() {
    let place = Place::with(entries(6_000, 22));
    let search = place.search();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut ask = Ask::new(moment());
        (ask.order, ask.exhaustive, ask.limit) = (order, true, 37);
        let mut found = Vec::new();
        loop {
            let answer = search.query(&query("outcome:denied"), &ask).unwrap();
            found.extend(indexes(&answer));
            assert_eq!(answer.coverage.scanned, answer.coverage.entries, "each page has read all of it");
            let Some(next) = answer.next else { break };
            ask.cursor = Some(next.parse().unwrap());
        }
        let scan = whole(&search, "outcome:denied", order, false);
        // The scan gives its first page, and counts all.
        assert!(found.starts_with(&indexes(&scan)));
        assert_eq!(found.len() as u64, scan.count.unwrap().entries);
    }
}
