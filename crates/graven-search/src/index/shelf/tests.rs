//! A shelf never lacks a hit, says the same finished and in the making, and believes no byte that it did not write.

mod random;

use std::collections::BTreeMap;

use graven::disk::{Disk, OsDisk};
use graven::reader::Reader;
use graven::{Entry, Settings, Trail};
use graven_core::hash::Hash;
use roaring::RoaringBitmap;

use super::{
    Builder, Cache, Candidates, Facts, SHELF_ENTRIES, Shelf, ShelfError, Source, Tally, facet, histogram,
    tally, testing_only_ask_shelf,
};
use crate::line::Line;
use crate::matches::matches;
use crate::query::{Field, Moment, Query};
use crate::search::values_of;

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
        // In some, columns have more values than they may.
        let lines = lines(&random.entries(if seed % 10 == 9 { 2_000 } else { 300 }));
        let builder = builder(&lines);
        let of_line = |line: &Line<'_>| random.query_of(line);
        let mut queries: Vec<Query> = lines.iter().flatten().take(400).map(of_line).collect();
        queries.extend((0..100).map(|_| random.query()));
        let in_the_making: Vec<Candidates> = queries.iter().map(|query| builder.candidates(query)).collect();
        let finished = shelf(&builder.finish(ROOT)).unwrap();
        for (query, candidates) in queries.iter().zip(in_the_making) {
            check(&candidates, query, &lines);
            assert_eq!(finished.candidates(query).unwrap(), candidates, "{query}");
        }
    }
}

/// Entries and events.
type Counted<K> = BTreeMap<K, (u64, u64)>;

/// What the columns and the lines that they name say together of some entries.
fn counted<F: Facts>(
    facts: &F,
    field: &Field,
    entries: &RoaringBitmap,
    lines: &[Option<Line<'_>>],
) -> (Counted<String>, Counted<(i64, &'static str)>, usize) {
    let (mut values, mut rows) = (BTreeMap::new(), BTreeMap::new());
    let line = |entry: u32| lines[entry as usize].as_ref().expect("what is sure was decoded");
    let add = |(entries, events): &mut (u64, u64), tally: Tally| {
        *entries += tally.entries;
        *events += tally.events;
    };
    let rest = facet(facts, field, entries, &mut |value, tally| {
        add(values.entry(value.to_owned()).or_default(), tally);
    });
    let rest = rest.unwrap();
    assert!((&rest - entries).is_empty());
    for entry in &rest {
        for value in values_of(line(entry), field) {
            add(values.entry(value).or_default(), Tally { entries: 1, events: line(entry).events() });
        }
    }
    let left = histogram(facts, 60, entries, &mut |row, outcome, tally| {
        add(rows.entry((row, outcome.as_str())).or_default(), tally);
    });
    assert!(left.unwrap().is_empty());
    (values, rows, rest.len() as usize)
}

#[test]
fn counts_are_those_of_the_lines() {
    let fields =
        ["principal", "action", "tool", "outcome", "duration", "count", "for", "timestamp", "session", "id"];
    let paths = ["detail", "detail.a", "detail.exit", "detail.b.a", "detail.\"key 7\""];
    let (mut from_lines, mut from_times) = (0, 0);
    for seed in 0..40 {
        let mut random = random::Random::new(seed);
        let lines = lines(&random.entries(if seed % 20 == 19 { 2_000 } else { 200 }));
        let builder = builder(&lines);
        let all = builder.candidates(&query("")).sure;
        let some = builder.candidates(&query("outcome:denied")).sure;
        let mut asked = Vec::new();
        for field in fields.iter().chain(&paths).map(|name| Field::parse(name).unwrap()) {
            for entries in [&all, &some, &RoaringBitmap::new()] {
                let counts = counted(&builder, &field, entries, &lines);
                let (mut values, mut rows) = (BTreeMap::new(), BTreeMap::new());
                for line in entries.iter().map(|entry| lines[entry as usize].as_ref().unwrap()) {
                    let add = |(entries, events): &mut (u64, u64)| {
                        *entries += 1;
                        *events += line.events();
                    };
                    values_of(line, &field)
                        .into_iter()
                        .for_each(|value| add(values.entry(value).or_default()));
                    let row = line.stored().timestamp.unwrap().timestamp().div_euclid(60);
                    add(rows.entry((row, line.stored().outcome.as_str())).or_default());
                }
                assert_eq!((&counts.0, &counts.1), (&values, &rows), "{field} of seed {seed}");
                from_lines += counts.2;
                from_times += if field.to_string() == "timestamp" { counts.2 } else { 0 };
                asked.push((field.clone(), entries.clone(), counts));
            }
        }
        let events = tally(&builder, &some).unwrap();
        let finished = shelf(&builder.finish(ROOT)).unwrap();
        assert_eq!(tally(&finished, &some).unwrap(), events);
        for (field, entries, counts) in asked {
            assert_eq!(
                counted(&finished, &field, &entries, &lines),
                counts,
                "{field} of seed {seed}, finished"
            );
        }
    }
    // Times are never counted by columns, nor ids once there are many.
    assert!(from_lines > 40 * 200 && from_times < from_lines);
}

/// A shelf with something of each kind, in little room.
fn small() -> (Vec<Option<Line<'static>>>, Vec<u8>) {
    let lines = lines(&random::Random::new(9).entries(70));
    let bytes = builder(&lines).finish(ROOT);
    (lines, bytes)
}

#[test]
fn its_footer_says_what_it_is() {
    let (lines, bytes) = small();
    let shelf = shelf(&bytes).unwrap();
    assert_eq!((shelf.first(), shelf.count(), shelf.root()), (FIRST, lines.len() as u32, ROOT));
    let other = builder(&lines).finish(Hash::from_bytes([8; 32]));
    assert_ne!(super::tests::shelf(&other).unwrap().digest(), shelf.digest());
}

#[test]
fn a_changed_byte_is_found_or_without_effect() {
    let (lines, bytes) = small();
    let mut random = random::Random::new(1);
    let queries: Vec<Query> = (0..8).map(|_| random.query()).collect();
    let whole = shelf(&bytes).unwrap();
    let expected: Vec<Candidates> = queries.iter().map(|query| whole.candidates(query).unwrap()).collect();
    queries.iter().zip(&expected).for_each(|(query, candidates)| check(candidates, query, &lines));
    let mut found = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(changed) = shelf(&changed) else {
            found += 1;
            continue;
        };
        assert!(at < bytes.len() - super::END_BYTES as usize, "byte {at} is of the end");
        let answers: Vec<_> = queries.iter().map(|query| changed.candidates(query)).collect();
        found += usize::from(answers.iter().any(Result::is_err));
        for (answer, expected) in answers.into_iter().zip(&expected) {
            assert!(answer.as_ref().map_or(true, |answer| answer == expected), "byte {at}: {answer:?}");
        }
    }
    assert!(found > bytes.len() / 2, "{found} of {}", bytes.len());
}

#[test]
fn what_is_cut_foreign_or_of_another_version_is_refused() {
    let (_, bytes) = small();
    for end in 0..bytes.len() {
        let error = shelf(&bytes[..end]).unwrap_err();
        assert!(matches!(error, ShelfError::NotAShelf), "{end}: {error}");
    }
    assert!(matches!(shelf(&vec![b'x'; 10_000]), Err(ShelfError::NotAShelf)));
    // Bytes before the first page: nothing is where it was.
    assert!(shelf(&[&[0][..], &bytes].concat()).is_err());
    let footer = u32::from_le_bytes(bytes[bytes.len() - 12..bytes.len() - 8].try_into().unwrap()) as usize;
    let footer = bytes.len() - super::END_BYTES as usize - footer;
    let mut newer = bytes.clone();
    newer[footer] = 9;
    super::fuzzed::refit(&mut newer);
    let error = shelf(&newer).unwrap_err();
    assert_eq!(error.to_string(), "it has version 9 of the format, and this program reads version 1");
}

#[test]
fn bytes_whose_hashes_fit_are_not_believed_either() {
    let (_, bytes) = small();
    let mut random = random::Random::new(2);
    let queries: Vec<Query> = (0..3).map(|_| random.query()).collect();
    let mut numbers = fastrand::Rng::with_seed(3);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] = numbers.u8(..);
        queries.iter().for_each(|query| testing_only_ask_shelf(&changed, query));
    }
}

#[test]
fn a_leap_second_is_before_the_next_second_and_behind_the_one_before() {
    let entry = |time: &str| {
        let entry = Entry::new("api".parse().unwrap(), "x", graven::Outcome::Success).id("i");
        Some(entry.timestamp(time.parse().unwrap()))
    };
    let lines = lines(&[
        entry("2016-12-31T23:59:59.900Z"),
        entry("2016-12-31T23:59:60.200Z"),
        entry("2016-12-31T23:59:60.800Z"),
        entry("2017-01-01T00:00:00.100Z"),
        entry("2017-01-01T00:00:00.900Z"),
        entry("2017-01-01T00:00:01.100Z"),
    ]);
    let builder = builder(&lines);
    for time in ["2016-12-31T23:59:60.500Z", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.500Z"] {
        for asked in [format!("since:{time}"), format!("until:{time}"), format!("-since:{time}")] {
            check(&builder.candidates(&query(&asked)), &query(&asked), &lines);
        }
    }
}

#[test]
fn an_entry_with_too_much_in_it_is_always_a_candidate() {
    let text = |range: std::ops::Range<u32>| range.map(|number| format!("w{number} ")).collect::<String>();
    let entry = |detail: serde_json::Value| {
        let entry = Entry::new("api".parse().unwrap(), "x", graven::Outcome::Success).id("i").detail(detail);
        Some(entry.timestamp(moment().now))
    };
    let keys: serde_json::Map<_, _> = (0..5_000).map(|number| (format!("k{number}"), 1.into())).collect();
    let lines = lines(&[
        entry(serde_json::json!(text(0..9_000))),
        entry(serde_json::json!("needle")),
        entry(keys.into()),
        entry(serde_json::json!(text(0..1_000))),
        None,
    ]);
    let builder = builder(&lines);
    for (asked, expected) in [
        ("needle", &[0, 1, 2, 3, 4][..]),
        ("nowhere", &[0, 2, 4]),
        ("action:x", &[0, 1, 2, 3, 4]),
        ("action:y", &[0, 2, 4]),
    ] {
        let found = builder.candidates(&query(asked));
        assert_eq!(found.entries.iter().collect::<Vec<_>>(), expected, "{asked}");
        check(&found, &query(asked), &lines);
    }
    assert_eq!(builder.candidates(&query("action:x")).sure.iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn what_an_entry_with_too_much_leaves_out_the_next_one_adds() {
    let text = |words: usize| (0..words).map(|number| format!("{number}w{number} ")).collect::<String>();
    let entry = |words: usize| {
        let entry = Entry::new("api".parse().unwrap(), "x", graven::Outcome::Success).id("i");
        let detail = serde_json::json!({ "a": text(words), "b": "zebra crossing road", "key one": 1 });
        Some(entry.timestamp(moment().now).detail(detail))
    };
    let mut seen = [0, 0];
    for words in 4_040..4_080 {
        let lines = lines(&[entry(words), entry(1)]);
        let builder = builder(&lines);
        for asked in ["zebra", "road", "\"crossing road\"", "key", "one", "detail.b:\"zebra crossing road\""]
        {
            check(&builder.candidates(&query(asked)), &query(asked), &lines);
        }
        seen[usize::from(Facts::unsure(&builder).unwrap().is_empty())] += 1;
    }
    assert!(seen[0] > 5 && seen[1] > 5, "{seen:?}");
}

#[test]
fn the_memory_of_a_shelf_is_bounded_whatever_is_in_it() {
    let mut builder = Builder::new(FIRST, SEED);
    let mut random = fastrand::Rng::with_seed(5);
    for at in 0..3_000_u64 {
        let words: String = (0..3_000).map(|_| format!("{:x} ", random.u32(..))).collect();
        let entry = Entry::new("api".parse().unwrap(), "x", graven::Outcome::Success).id("i");
        let entry = entry.timestamp(moment().now).detail(serde_json::json!({ "text": words }));
        builder.push(Some(&Line::of_entry(FIRST + at, entry)));
    }
    // Nine million words, of which there is room for one million.
    let unsure = Facts::unsure(&builder).unwrap().len();
    assert!((2_600..3_000).contains(&unsure), "{unsure}");
    assert!(builder.finish(ROOT).len() < 8 << 20);
}

#[test]
fn a_blob_is_indexed_and_one_that_cannot_be_read_is_always_a_candidate() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path().join("trail")).no_flood_control()).unwrap();
    let entry = |word: &str, bytes: usize| {
        let entry = Entry::new("api".parse().unwrap(), "x", graven::Outcome::Success);
        entry.detail(serde_json::json!({ "text": format!("{word} {}", "=".repeat(bytes)) }))
    };
    let entries =
        [entry("needle", 70_000), entry("other", 70_000), entry("lost", 70_001), entry("huge", 1 << 20)];
    trail.record_batch_blocking(entries.to_vec()).unwrap();
    trail.close_blocking().unwrap();
    let reader = Reader::open(folder.path().join("trail")).unwrap();
    let lost = Line::read(&reader, &reader.record(2).unwrap().unwrap()).unwrap();
    let lost = lost.stored().detail.as_ref().unwrap().blob().unwrap().sha256.to_hex();
    OsDisk.remove_file(&folder.path().join("trail").join("blobs").join(&lost)).unwrap();
    let mut builder = Builder::new(0, SEED);
    for index in 0..4 {
        builder.push(Some(&Line::read(&reader, &reader.record(index).unwrap().unwrap()).unwrap()));
    }
    // All of them are in one block, of which the words are; the columns have the values.
    for (asked, expected) in [
        ("needle", &[0, 1, 2, 3][..]),
        ("nowhere", &[2, 3]),
        ("has:detail.text", &[0, 1, 2, 3]),
        ("-has:detail.text", &[2, 3]),
        ("action:x", &[0, 1, 2, 3]),
    ] {
        let found = builder.candidates(&query(asked));
        assert_eq!(found.entries.iter().collect::<Vec<_>>(), expected, "{asked}");
        assert!(found.sure.iter().all(|entry| entry < 2), "{asked}");
    }
    assert!(!builder.candidates(&query(&lost)).entries.is_empty());
}
