//! Following a query gives each hit once, over rotations.

use graven::{Category, Entry, Outcome};

use crate::support::{Place, query};

#[test]
fn nothing_is_lost_over_rotations() {
    let place = Place::with(Vec::new());
    let (search, trail) = (place.search(), place.trail());
    let from = search.reader().len().unwrap();
    let mut following = search.follow(query("outcome:denied"), from);
    let mut expected = Vec::new();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for round in 0..20_usize {
        let outcome = |number: usize| {
            if (number + round).is_multiple_of(7) { Outcome::Denied } else { Outcome::Success }
        };
        let entries = (0..256).map(|number| Entry::new(Category::Api, "x".repeat(200), outcome(number)));
        let receipts = trail.record_batch_blocking(entries.collect()).unwrap();
        expected.extend(
            receipts
                .iter()
                .enumerate()
                .filter(|(number, _)| outcome(*number) == Outcome::Denied)
                .map(|(_, receipt)| receipt.index),
        );
        if round % 3 == 0 {
            let batch = following.poll().unwrap();
            looked_at += batch.looked_at;
            found.extend(batch.hits.iter().map(|record| record.index));
        }
    }
    trail.close_blocking().unwrap();
    loop {
        let batch = following.poll().unwrap();
        assert!(batch.findings.is_empty());
        if batch.looked_at == 0 {
            break;
        }
        looked_at += batch.looked_at;
        found.extend(batch.hits.iter().map(|record| record.index));
    }
    assert_eq!(found, expected);
    assert_eq!(looked_at as u64 + from, search.reader().len().unwrap());
    assert!(place.dir().join("segments").read_dir().unwrap().count() > 3);
}
