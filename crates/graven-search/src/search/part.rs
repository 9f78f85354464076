//! What a question finds in one trail: an answer, or the part of one about a chain of trails.

use std::time::Duration;

use super::answer::{Coverage, Hit};
use super::ask::{Ask, LIMIT_MAX, PAGE_BYTES_MAX};
use super::counts::Counts;
use super::walk::{Step, Way};
use super::{Arc, Outcome, Search, Snapshot, after, page, rest, start, whole};
use crate::cursor::Cursor;
use crate::error::SearchError;
use crate::query::Query;

/// What was found in one trail.
pub(super) struct Part {
    pub(super) snapshot: Snapshot,
    pub(super) hits: Vec<Hit>,
    /// Where the next page begins; `None` when nothing is left to look at.
    pub(super) position: Option<u64>,
    pub(super) outcome: Outcome,
}

/// The room that is left on a page.
pub(super) struct Room {
    hits: usize,
    bytes: usize,
}

impl Room {
    /// An empty page.
    pub(super) fn of(ask: &Ask) -> Room {
        Room { hits: ask.limit.clamp(1, LIMIT_MAX) as usize, bytes: PAGE_BYTES_MAX }
    }

    /// No page: nothing but counts is wanted.
    pub(super) fn none() -> Room {
        Room { hits: 0, bytes: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.hits == 0 || self.bytes == 0
    }

    fn take(&mut self, hit: &Hit) {
        self.hits -= 1;
        self.bytes = self.bytes.saturating_sub(hit.line.len());
    }
}

impl Part {
    /// What the part covers.
    pub(super) fn coverage(&self) -> Coverage {
        let (snapshot, outcome) = (&self.snapshot, &self.outcome);
        let sealed = snapshot.standing.head.map_or(0, |head| head.size);
        Coverage {
            entries: snapshot.entries,
            durable: snapshot.durable,
            key_source: snapshot.standing.key_source,
            index: outcome.used.index(),
            indexed_to: outcome.used.to,
            shelves: outcome.used.shelves,
            scanned: outcome.scanned,
            unsealed: snapshot.entries.saturating_sub(sealed),
            complete: outcome.finished,
            hidden: outcome.hidden,
            before: Vec::new(),
        }
    }
}

impl Search {
    /// Puts hits on a page as far as there is room, and counts all hits if that is asked for.
    pub(super) fn part(
        &self,
        query: &Query,
        ask: &Ask,
        counts: &mut Counts,
        room: &mut Room,
        started: Duration,
    ) -> Result<Part, SearchError> {
        let (snapshot, picks) = self.snapshot(query, ask)?;
        let whole = whole(query, snapshot.entries, ask.exhaustive);
        let page = if room.is_full() { whole.start..whole.start } else { page(whole.clone(), ask) };
        let range = if ask.wants_all() { whole } else { page.clone() };
        let way = Way {
            range,
            order: ask.order,
            exhaustive: ask.exhaustive,
            until: ask.budget.map(|budget| started + budget),
            entries: snapshot.entries,
            head: snapshot.standing.head,
            picks,
            proved: Arc::clone(&self.proved),
        };
        let mut walk = self.walk(query, snapshot.standing.findings.clone(), way);
        let mut hits: Vec<Hit> = Vec::new();
        // Where the next page begins, once this one is full.
        let mut position = None;
        let mut is_full = room.is_full();
        let finished = loop {
            if is_full {
                if !ask.wants_all() {
                    break page.is_empty();
                }
                walk.count_ahead(counts)?;
            }
            let found = match walk.next()? {
                Step::Hit(found) => found,
                Step::End => break true,
                Step::OutOfTime => break false,
            };
            counts.add(&found.line);
            let index = found.record.index;
            if !is_full && page.contains(&index) {
                let hit = found.into_hit(ask.whole);
                room.take(&hit);
                hits.push(hit);
                is_full = room.is_full();
                position = is_full.then(|| after(index, ask.order));
            }
        };
        // The time was over before the page was full: go on where it stopped.
        let stopped = walk.at.filter(|at| page.contains(at)).map(|at| after(at, ask.order));
        let position = position.or_else(|| (!finished).then(|| stopped.unwrap_or(start(&page, ask.order))));
        let position = position.filter(|position| !rest(&page, *position, ask.order).is_empty());
        Ok(Part { outcome: Outcome::of(walk, finished), snapshot, hits, position })
    }

    /// Hands over every hit, one by one.
    pub(super) fn each_of<E: From<SearchError>>(
        &self,
        query: &Query,
        ask: &Ask,
        counts: &mut Counts,
        started: Duration,
        f: &mut dyn FnMut(Hit) -> Result<bool, E>,
    ) -> Result<Part, E> {
        let (snapshot, picks) = self.snapshot(query, ask)?;
        let range = page(whole(query, snapshot.entries, ask.exhaustive), ask);
        let until = ask.budget.map(|budget| started + budget);
        let (entries, head) = (snapshot.entries, snapshot.standing.head);
        let (order, exhaustive) = (ask.order, ask.exhaustive);
        let proved = Arc::clone(&self.proved);
        let way = Way { range, order, exhaustive, until, entries, head, picks, proved };
        let mut walk = self.walk(query, snapshot.standing.findings.clone(), way);
        let finished = loop {
            match walk.next().map_err(SearchError::from)? {
                Step::Hit(found) => {
                    counts.add(&found.line);
                    if !f(found.into_hit(ask.whole))? {
                        break false;
                    }
                }
                Step::End => break true,
                Step::OutOfTime => break false,
            }
        };
        Ok(Part { outcome: Outcome::of(walk, finished), snapshot, hits: Vec::new(), position: None })
    }

    /// The cursor of a page that begins at a position.
    pub(super) fn cursor(&self, query: &Query, ask: &Ask, snapshot: &Snapshot, position: u64) -> String {
        let origin = &self.reader.meta().origin;
        let (entries, last) = (snapshot.entries, snapshot.last);
        Cursor::new(origin, query, ask.order, entries, last, position, &ask.moment).to_string()
    }

    pub(super) fn took_ms(&self, started: Duration) -> f64 {
        (self.machine.clock.elapsed() - started).as_secs_f64() * 1_000.0
    }
}
