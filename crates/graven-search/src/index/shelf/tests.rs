//! A shelf never lacks a hit, says the same finished and in the making, and believes no byte that it did not write.

mod random;

use graven::Entry;
use graven_core::hash::Hash;
use roaring::RoaringBitmap;

use super::{Builder, Cache, Candidates, SHELF_ENTRIES, Shelf, ShelfError, Source};
use crate::line::Line;
use crate::matches::matches;
use crate::query::{Moment, Query};

const SEED: [u8; 16] = *b"a seed of a test";
const ROOT: Hash = Hash::from_bytes([7; 32]);
const FIRST: u64 = 3 * SHELF_ENTRIES;

fn moment() -> Moment {
    Moment::utc("2026-11-29T12:00:00Z".parse().unwrap())
}

fn query(text: &str) -> Query {
    Query::parse(text, &moment()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The lines of some entries.
fn lines(entries: &[Option<Entry>]) -> Vec<Option<Line<'static>>> {
    let line = |(at, entry): (usize, &Option<Entry>)| {
        entry.as_ref().map(|entry| Line::of_entry(FIRST + at as u64, entry.clone()))
    };
    entries.iter().enumerate().map(line).collect()
}

fn builder(lines: &[Option<Line<'_>>]) -> Builder {
    let mut builder = Builder::new(FIRST, SEED);
    lines.iter().for_each(|line| builder.push(line.as_ref()));
    builder
}

/// What candidates must be, whatever says so.
fn check(candidates: &Candidates, query: &Query, lines: &[Option<Line<'_>>]) {
    let is_hit = |line: &Option<Line<'_>>| line.as_ref().is_some_and(|line| matches(query, line));
    let hits: RoaringBitmap = (0..lines.len() as u32).filter(|at| is_hit(&lines[*at as usize])).collect();
    let lacking: Vec<u32> = (&hits - &candidates.entries).iter().collect();
    assert_eq!(lacking, [0; 0], "hits of {query} are no candidates: {:?}", lines[lacking[0] as usize]);
    let wrong: Vec<u32> = (&candidates.sure - &hits).iter().collect();
    assert_eq!(wrong, [0; 0], "no hits of {query}, and sure: {:?}", lines[wrong[0] as usize]);
    assert!((&candidates.sure - &candidates.entries).is_empty(), "{query}");
    assert!(candidates.entries.max().is_none_or(|last| (last as usize) < lines.len()), "{query}");
}

fn shelf(bytes: &[u8]) -> Result<Shelf, ShelfError> {
    Shelf::open(Source::Bytes(bytes.into()), &Cache::new(1 << 20))
}

#[test]
fn no_hit_is_missing_and_what_is_sure_is_a_hit() {
    for seed in 0..40 {
        let mut random = random::Random::new(seed);
        let lines = lines(&random.entries(300));
        let builder = builder(&lines);
        let queries: Vec<Query> = (0..150).map(|_| random.query()).collect();
        let in_the_making: Vec<Candidates> = queries.iter().map(|query| builder.candidates(query)).collect();
        let finished = shelf(&builder.finish(ROOT)).unwrap();
        for (query, candidates) in queries.iter().zip(in_the_making) {
            check(&candidates, query, &lines);
            assert_eq!(finished.candidates(query).unwrap(), candidates, "{query}");
        }
    }
}
