//! A thousand random queries: pages in both orders, counts, facets, histogram and sessions are those of calling `matches`
//! on every line, with the index in any state.
//!
//! `GRAVEN_LONG=1` asks 20,000 queries of 200,000 entries. That takes hours, so `GRAVEN_LONG=A..B` asks those with these
//! numbers, and several runs are the whole.

use std::ops::Range;

use graven_core::json::tree::Tree;
use graven_search::{Ask, Field, Line, Order, Query, Search, matches};
use serde_json::{Value, json};

use crate::support::oracle::{self, as_json};
use crate::support::states::{State, States};
use crate::support::{Place, indexes, moment, random_query};

/// What can be asked for in facets.
const FACETS: &[&str] = &[
    "outcome",
    "category",
    "action",
    "principal",
    "session_id",
    "on_behalf_of",
    "agent.id",
    "source.ip",
    "tool",
    "duration_ms",
    "id",
    "detail",
    "detail.exit",
    "detail.a.b",
    "detail.command",
    "detail.size",
    "phase",
];

/// The most pages of one query that are turned.
const PAGES_MAX: usize = 4;

/// Everything of this many hits is counted for one of ten queries: the others have enough with fewer.
const COUNTED_OFTEN: usize = 2_000;

/// A facet of a field with more values says that it is not exact.
const VALUES_COUNTED: usize = 100_000;

/// One of this many queries is also asked without an index.
const WITHOUT_INDEX: u64 = 50;

/// A run says when it is at each query of this many.
const PROGRESS: u64 = 500;

/// How much is asked.
struct Amount {
    entries: usize,
    /// Each query is made from its number.
    queries: Range<u64>,
}

fn amount() -> Amount {
    let Ok(long) = std::env::var("GRAVEN_LONG") else {
        // Behind the last full shelf of 256 are enough to be worth an index.
        return Amount { entries: 20_100, queries: 0..1_000 };
    };
    let queries = match long.split_once("..") {
        Some((first, end)) => first.parse().expect("a number")..end.parse().expect("a number"),
        None => 0..20_000,
    };
    Amount { entries: 200_100, queries }
}

#[test]
fn every_answer_is_that_of_calling_matches_on_every_line() {
    let amount = amount();
    let place = Place::of_every_kind(amount.entries, 1);
    let states = States::new(&place);
    let searches = states.all();
    let json = as_json(searches[0].1.reader());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let with_hits: usize = std::thread::scope(|scope| {
        let ask = |thread: usize| {
            let (searches, json, seeds) = (&searches, &json, amount.queries.clone());
            scope.spawn(move || Asker { searches, json }.ask_all(seeds.skip(thread).step_by(threads)))
        };
        let running: Vec<_> = (0..threads).map(ask).collect();
        running.into_iter().map(|thread| thread.join().expect("its answers are right")).sum()
    });
    assert!(with_hits > amount.queries.count() / 2, "only {with_hits} queries have hits");
}

/// Asks, and compares.
struct Asker<'a> {
    /// The trail, with its index in each state.
    searches: &'a [(State, Search)],
    json: &'a [Tree],
}

impl Asker<'_> {
    /// Asks a query of each seed; how many of them have hits.
    fn ask_all(&self, seeds: impl Iterator<Item = u64>) -> usize {
        let reader = self.searches[0].1.reader();
        let records: Vec<_> = reader.entries(..).unwrap().map(Result::unwrap).collect();
        let lines: Vec<Line<'_>> = records.iter().map(|record| Line::read(reader, record).unwrap()).collect();
        let mut with_hits = 0;
        for seed in seeds {
            if seed.is_multiple_of(PROGRESS) {
                eprintln!("query {seed}");
            }
            let mut random = fastrand::Rng::with_seed(seed);
            let query = random_query(self.json, &mut random);
            let hits: Vec<u64> =
                lines.iter().filter(|line| matches(&query, line)).map(|line| line.index()).collect();
            with_hits += usize::from(!hits.is_empty());
            // Reading all takes long, so only some queries are asked without an index.
            let without = seed.is_multiple_of(WITHOUT_INDEX).then_some(0);
            let with = 1 + usize::try_from(seed).expect("few") % (self.searches.len() - 1);
            for (state, search) in without.into_iter().chain([with]).map(|at| &self.searches[at]) {
                let asked = Asked { seed, query: &query, hits: &hits, state: *state, search };
                self.pages(&asked, &mut random);
                if hits.len() < COUNTED_OFTEN || seed.is_multiple_of(10) {
                    self.counts(&asked, &mut random);
                }
            }
        }
        with_hits
    }

    /// The pages of a query, of random sizes, in a random order.
    fn pages(&self, asked: &Asked<'_>, random: &mut fastrand::Rng) {
        let mut ask = Ask::new(moment());
        let mut expected = asked.hits.to_vec();
        if random.bool() {
            ask.order = Order::OldestFirst;
        } else {
            expected.reverse();
        }
        let mut left = &expected[..];
        for page in 0..PAGES_MAX {
            ask.limit = if random.u8(0..8) > 0 { random.u64(1..=50) } else { random.u64(1..=1_000) };
            let answer = asked.search.query(asked.query, &ask).unwrap();
            let (here, rest) = left.split_at(left.len().min(ask.limit as usize));
            assert_eq!(indexes(&answer), here, "page {page}, {asked}");
            assert!(answer.findings.is_empty(), "{:?}, {asked}", answer.findings);
            assert!(answer.hits.iter().all(|hit| hit.state == graven_search::State::Proved), "{asked}");
            left = rest;
            let Some(next) = answer.next else {
                assert!(left.is_empty(), "{} hits are on no page, {asked}", left.len());
                return;
            };
            ask.cursor = Some(next.parse().unwrap());
        }
    }

    /// What is counted of all hits. Each question asks for another choice of it.
    fn counts(&self, asked: &Asked<'_>, random: &mut fastrand::Rng) {
        let mut ask = Ask::new(moment());
        ask.limit = 1;
        (ask.count, ask.histogram, ask.sessions) = (random.bool(), random.bool(), random.u8(0..4) == 0);
        let names: Vec<&str> = FACETS.iter().copied().filter(|_| random.u8(0..6) == 0).collect();
        ask.facets = names.iter().map(|name| Field::parse(name).unwrap()).collect();
        ask.count |= names.is_empty() && !ask.histogram && !ask.sessions;
        let answer = asked.search.query(asked.query, &ask).unwrap();
        assert!(answer.findings.is_empty() && answer.coverage.complete, "{asked}");
        assert_eq!(indexes(&answer), asked.hits.last().copied().as_slice(), "{asked}");
        let hits: Vec<&Tree> = asked.hits.iter().map(|index| &self.json[*index as usize]).collect();
        // Without the hits: other programs cannot read all of their numbers.
        let answered = json!({
            "count": answer.count, "facets": answer.facets, "facets_rest": answer.facets_rest,
            "histogram": answer.histogram, "sessions": answer.sessions,
        });
        let same = |name: &str, expected: Value| assert_eq!(answered[name], expected, "{name}, {asked}");
        let wanted = |wanted: bool, value: &dyn Fn() -> Value| if wanted { value() } else { Value::Null };
        let events: u64 = hits.iter().map(|hit| oracle::events(hit)).sum();
        let count = json!({"entries": hits.len(), "events": events, "exact": true});
        same("count", wanted(ask.count, &|| count.clone()));
        same("histogram", wanted(ask.histogram, &|| oracle::histogram(&hits)));
        same("sessions", wanted(ask.sessions, &|| oracle::sessions(&hits)));
        let (facets, rests) = oracle::facets(&hits, &names);
        if answer.facets_rest.values().any(|rest| !rest.exact) {
            // Such a facet says that it does not know which values are the most frequent. Nothing is left out of its sums.
            assert!(asked.hits.len() > VALUES_COUNTED, "{asked}");
            return names.iter().for_each(|name| {
                let sums = |facets: &Value, rests: &Value| facet_sums(&facets[name], &rests[name]);
                let (found, expected) =
                    (sums(&answered["facets"], &answered["facets_rest"]), sums(&facets, &rests));
                assert_eq!(found, expected, "the sums of {name}, {asked}");
            });
        }
        same("facets", wanted(!names.is_empty(), &|| facets.clone()));
        same("facets_rest", rests);
    }
}

/// All entries and events of a facet, listed or not.
fn facet_sums(listed: &Value, rest: &Value) -> [u64; 2] {
    ["entries", "events"].map(|name| {
        let all = listed.as_array().into_iter().flatten().chain([rest]);
        all.filter_map(|value| value[name].as_u64()).sum()
    })
}

/// A query with what it has to find, in the order of the log.
struct Asked<'a> {
    seed: u64,
    query: &'a Query,
    hits: &'a [u64],
    state: State,
    search: &'a Search,
}

impl std::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "index {:?}, seed {}: {}", self.state, self.seed, self.query)
    }
}
