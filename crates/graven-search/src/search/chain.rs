//! Asks a chain of trails as if it were one: the entries of an older trail come before those of the one that continues it.

use std::path::Path;

use graven::chain::{Chain, judged_by};
use graven::reader::Reader;
use graven::{Machine, VerifierKey};
use graven_core::verdict::Finding;

use super::answer::{Answer, Before, Coverage, FINDINGS_MAX, Hit};
use super::counts::Counts;
use super::part::{Part, Room};
use super::{Ask, Search, SearchOptions, Timeline, start, timeline, whole};
use crate::cursor::CursorError;
use crate::error::SearchError;
use crate::order::Order;
use crate::query::Query;

/// A chain of trails that is asked questions. Of a chain of one it says what [`Search`] says.
#[derive(Debug, Clone)]
pub struct ChainSearch {
    /// Oldest first.
    trails: Vec<Search>,
    /// What contradicts the chain.
    findings: Vec<Finding>,
}

impl ChainSearch {
    /// Opens the chain whose newest trail is at a path. Each of the keys judges the trail whose origin it names; the first
    /// one judges the oldest trail when no trail has that origin. The key in the options is not used.
    ///
    /// # Errors
    /// As [`Chain::open`].
    pub fn open(
        path: impl AsRef<Path>,
        keys: &[VerifierKey],
        options: SearchOptions,
    ) -> Result<ChainSearch, SearchError> {
        let chain = Chain::open(path.as_ref())?;
        let mut findings = chain.findings().to_vec();
        if chain.links().len() == 1 {
            let options = SearchOptions { key: keys.first().cloned(), ..options };
            return Ok(ChainSearch { trails: vec![Search::open(path, options)?], findings });
        }
        let machine = Machine::os();
        let (judged, lost) = judged_by(&machine, &chain, keys, options.state.as_deref())?;
        findings.extend(lost);
        let trails = chain.links().iter().zip(judged).map(|(link, judged)| {
            Search::judged(machine.clone(), link.reader().clone(), judged, options.clone())
        });
        Ok(ChainSearch { trails: trails.collect::<Result<_, _>>()?, findings })
    }

    /// A chain of trails that is opened already, the oldest first. That they follow each other is not checked here.
    ///
    /// # Panics
    /// When there is no trail.
    pub fn of(trails: Vec<Search>) -> ChainSearch {
        assert!(!trails.is_empty(), "a chain has a trail");
        ChainSearch { trails, findings: Vec::new() }
    }

    /// The search of the newest trail.
    pub fn newest(&self) -> &Search {
        self.trails.last().expect("a chain has a trail")
    }

    /// The searches of the single trails, oldest first.
    pub fn trails(&self) -> &[Search] {
        &self.trails
    }

    /// The newest trail.
    pub fn reader(&self) -> &Reader {
        self.newest().reader()
    }

    /// Answers a query: see [`Search::query`]. What is counted is the sum over the chain. A page goes on in the next trail.
    ///
    /// # Errors
    /// As [`Search::query`].
    pub fn query(&self, query: &Query, ask: &Ask) -> Result<Answer, SearchError> {
        let started = self.newest().machine.clock.elapsed();
        let mut counts = Counts::new(ask);
        let mut room = Room::of(ask);
        let (mut hits, mut next, mut parts) = (Vec::new(), None, Vec::new());
        let from = self.begins(ask)?;
        for (number, trail) in self.in_order(ask.order) {
            counts.of_trail(number);
            // The hits of trails before the one of the cursor were on earlier pages.
            let is_passed = from.is_some_and(|from| comes_before(number, from, ask.order));
            let ask = Ask { cursor: ask.cursor.clone().filter(|_| from == Some(number)), ..ask.clone() };
            let is_over = next.is_some() || room.is_full();
            if is_passed || is_over {
                let mut part = trail.part(query, &ask, &mut counts, &mut Room::none(), started)?;
                let whole = whole(query, part.snapshot.entries, ask.exhaustive);
                if is_over && !whole.is_empty() {
                    part.outcome.finished &= ask.wants_all();
                    let begin = || trail.cursor(query, &ask, &part.snapshot, start(&whole, ask.order));
                    next = next.or_else(|| Some(begin()));
                }
                parts.push((number, part));
                continue;
            }
            let mut part = trail.part(query, &ask, &mut counts, &mut room, started)?;
            next = part.position.map(|position| trail.cursor(query, &ask, &part.snapshot, position));
            hits.extend(std::mem::take(&mut part.hits).into_iter().map(|hit| self.named(number, hit)));
            parts.push((number, part));
        }
        let (findings, coverage) = self.joined(parts);
        let took_ms = self.newest().took_ms(started);
        Ok(counts.answer(query, hits, next, findings, coverage, took_ms))
    }

    /// Hands over every hit, one by one: see [`Search::each`].
    ///
    /// # Errors
    /// As [`Search::each`].
    pub fn each<E: From<SearchError>>(
        &self,
        query: &Query,
        ask: &Ask,
        f: &mut dyn FnMut(Hit) -> Result<bool, E>,
    ) -> Result<Answer, E> {
        let started = self.newest().machine.clock.elapsed();
        let mut counts = Counts::new(ask);
        let (mut parts, mut goes_on) = (Vec::new(), true);
        let from = self.begins(ask)?;
        for (number, trail) in self.in_order(ask.order) {
            counts.of_trail(number);
            let is_passed = from.is_some_and(|from| comes_before(number, from, ask.order));
            let ask = Ask { cursor: ask.cursor.clone().filter(|_| from == Some(number)), ..ask.clone() };
            let part = if is_passed || !goes_on {
                let nothing = Ask {
                    count: false,
                    facets: Vec::new(),
                    histogram: false,
                    sessions: false,
                    exhaustive: false,
                    ..ask
                };
                let mut part = trail.part(query, &nothing, &mut counts, &mut Room::none(), started)?;
                part.outcome.finished &= goes_on || part.snapshot.entries == 0;
                part
            } else {
                let mut each = |hit| {
                    goes_on = f(self.named(number, hit))?;
                    Ok::<bool, E>(goes_on)
                };
                trail.each_of(query, &ask, &mut counts, started, &mut each)?
            };
            parts.push((number, part));
        }
        let (findings, coverage) = self.joined(parts);
        let took_ms = self.newest().took_ms(started);
        Ok(counts.answer(query, Vec::new(), None, findings, coverage, took_ms))
    }

    /// The timeline of one session, over all trails.
    ///
    /// # Errors
    /// As [`query`](ChainSearch::query).
    pub fn session(&self, id: &str, ask: &Ask) -> Result<Timeline, SearchError> {
        let query = Query::of_session(id);
        timeline::read(id, self.newest().origin(), ask, &mut |ask, f| self.each(&query, ask, f))
    }

    /// The same, as far as its entries have these categories.
    ///
    /// # Errors
    /// As [`query`](ChainSearch::query).
    pub fn session_within(
        &self,
        id: &str,
        categories: &[graven::Category],
        ask: &Ask,
    ) -> Result<Timeline, SearchError> {
        let query = Query::of_session(id).within(categories);
        timeline::read(id, self.newest().origin(), ask, &mut |ask, f| self.each(&query, ask, f))
    }

    /// The trails in an order, with their numbers from the oldest.
    fn in_order(&self, order: Order) -> impl Iterator<Item = (usize, &Search)> {
        let count = self.trails.len();
        let number = move |place: usize| match order {
            Order::NewestFirst => count - 1 - place,
            Order::OldestFirst => place,
        };
        (0..count).map(move |place| (number(place), &self.trails[number(place)]))
    }

    /// In which trail a page begins; `None` without a cursor.
    fn begins(&self, ask: &Ask) -> Result<Option<usize>, SearchError> {
        let Some(cursor) = &ask.cursor else { return Ok(None) };
        let there = cursor.origin();
        let found = self.trails.iter().position(|trail| trail.origin() == there);
        found.map(Some).ok_or_else(|| {
            let here = self.newest().origin().to_owned();
            CursorError::OtherTrail { there: there.to_owned(), here }.into()
        })
    }

    /// The hit of a trail with this number.
    fn named(&self, number: usize, hit: Hit) -> Hit {
        if number + 1 == self.trails.len() {
            return hit;
        }
        Hit { origin: Some(self.trails[number].origin().to_owned()), ..hit }
    }

    /// What is wrong in all trails, and what the answer covers.
    fn joined(&self, mut parts: Vec<(usize, Part)>) -> ((Vec<Finding>, u64), Coverage) {
        parts.sort_by_key(|(number, _)| *number);
        let complete = parts.iter().all(|(_, part)| part.outcome.finished);
        let hidden = parts.iter().map(|(_, part)| part.outcome.hidden).sum();
        let mut findings = self.findings.clone();
        let mut left_out = 0;
        let mut before = Vec::new();
        let mut newest = None;
        for (number, part) in parts {
            let coverage = part.coverage();
            let is_newest = number + 1 == self.trails.len();
            let (found, more) = part.outcome.findings;
            let reader = self.trails[number].reader();
            findings
                .extend(found.into_iter().map(|found| if is_newest { found } else { placed(reader, found) }));
            left_out += more;
            if is_newest {
                newest = Some(coverage);
            } else {
                before.push(Before { origin: reader.meta().origin.clone(), coverage });
            }
        }
        left_out += findings.len().saturating_sub(FINDINGS_MAX) as u64;
        findings.truncate(FINDINGS_MAX);
        let newest = newest.expect("the newest trail is always asked");
        ((findings, left_out), Coverage { complete, hidden, before, ..newest })
    }
}

/// A finding of an older trail, with its place below the newest.
fn placed(reader: &Reader, finding: Finding) -> Finding {
    let dir = reader.layout().dir();
    let below = dir.file_name().map_or_else(String::new, |name| format!("before/{}", name.to_string_lossy()));
    let file = match &finding.file {
        Some(file) => format!("{below}/{file}"),
        None => below,
    };
    finding.file(file)
}

/// Whether a trail comes before another one in an order.
fn comes_before(number: usize, other: usize, order: Order) -> bool {
    match order {
        Order::NewestFirst => number > other,
        Order::OldestFirst => number < other,
    }
}
