//! What is counted of all hits: from their lines, or from the columns of a shelf.

use std::collections::HashMap;

use graven_core::verdict::Finding;
use roaring::RoaringBitmap;

use super::answer::{Answer, Coverage, Hit, TimeRange};
use super::ask::Ask;
use super::histogram::Buckets;
use super::sessions::Sessions;
use super::tally::{Count, Facets};
use crate::index::shelf::{Facts, ShelfError, Tally, facet, histogram, tally};
use crate::line::Line;
use crate::query::Query;

/// What is counted of all hits.
pub(super) struct Counts {
    count: Option<Count>,
    facets: Option<Facets>,
    buckets: Option<Buckets>,
    sessions: Option<Sessions>,
    /// Which trail of a chain is counted: the later one is the newer one.
    trail: usize,
}

impl Counts {
    pub(super) fn new(ask: &Ask) -> Counts {
        Counts {
            count: ask.count.then_some(Count { entries: 0, events: 0, exact: true }),
            facets: (!ask.facets.is_empty()).then(|| Facets::new(&ask.facets)),
            buckets: ask.histogram.then(Buckets::default),
            sessions: ask.sessions.then(Sessions::default),
            trail: 0,
        }
    }

    /// Goes on with another trail of a chain.
    pub(super) fn of_trail(&mut self, trail: usize) {
        self.trail = trail;
    }

    pub(super) fn add(&mut self, line: &Line<'_>) {
        if let Some(count) = &mut self.count {
            count.entries += 1;
            count.events = count.events.saturating_add(line.events());
        }
        if let Some(facets) = &mut self.facets {
            facets.add(line);
        }
        if let Some(buckets) = &mut self.buckets {
            buckets.add(line);
        }
        if let Some(sessions) = &mut self.sessions {
            sessions.add(self.trail, line);
        }
    }

    /// Counts entries of a shelf that surely are hits, from its columns. Returns those whose lines have to be read.
    pub(super) fn add_sure<F: Facts>(&mut self, shelf: &F, entries: RoaringBitmap) -> RoaringBitmap {
        // A piece that is damaged says nothing: the lines do.
        let Ok(Some((sums, rest))) = self.sums(shelf, &entries) else { return entries };
        if rest.is_empty() {
            self.add_sums(sums);
            return rest;
        }
        // What one column does not have is not counted from the others either.
        match self.sums(shelf, &(&entries - &rest)) {
            Ok(Some((sums, again))) if again.is_empty() => {
                self.add_sums(sums);
                rest
            }
            _ => entries,
        }
    }

    /// What the columns say of some entries, and of which of them they do not say all; `None` when only lines can say it.
    fn sums<F: Facts>(
        &self,
        shelf: &F,
        entries: &RoaringBitmap,
    ) -> Result<Option<(Sums, RoaringBitmap)>, ShelfError> {
        if self.sessions.is_some() {
            return Ok(None);
        }
        let (mut sums, mut rest) = (Sums::default(), RoaringBitmap::new());
        if self.count.is_some() {
            sums.count = Some(tally(shelf, entries)?);
        }
        for field in self.facets.iter().flat_map(Facets::fields) {
            let mut values: HashMap<String, Tally> = HashMap::new();
            rest |= facet(shelf, field, entries, &mut |value, found| {
                let sum = values.entry(value.to_owned()).or_default();
                (sum.entries, sum.events) =
                    (sum.entries + found.entries, sum.events.saturating_add(found.events));
            })?;
            sums.facets.push(values);
        }
        if let Some(buckets) = &self.buckets {
            let width = buckets.width_s();
            rest |= histogram(shelf, width, entries, &mut |number, outcome, found| {
                sums.rows.push((number.saturating_mul(width), outcome, found));
            })?;
        }
        Ok(Some((sums, rest)))
    }

    fn add_sums(&mut self, sums: Sums) {
        if let (Some(count), Some(sum)) = (&mut self.count, sums.count) {
            count.entries += sum.entries;
            count.events = count.events.saturating_add(sum.events);
        }
        if let Some(facets) = &mut self.facets {
            for (number, values) in sums.facets.into_iter().enumerate() {
                facets.add_sums(
                    number,
                    values.into_iter().map(|(value, sum)| (value, sum.entries, sum.events)),
                );
            }
        }
        if let Some(buckets) = &mut self.buckets {
            for (second, outcome, Tally { entries, events }) in sums.rows {
                buckets.add_sum(second, outcome, entries, events);
            }
        }
    }

    /// The answer: what was counted, and these hits and findings.
    pub(super) fn answer(
        self,
        query: &Query,
        hits: Vec<Hit>,
        next: Option<String>,
        (findings, findings_left_out): (Vec<Finding>, u64),
        coverage: Coverage,
        took_ms: f64,
    ) -> Answer {
        let (facets, facets_rest) = self.facets.map(Facets::finish).unzip();
        let (sessions, sessions_left_out) = self.sessions.map(Sessions::finish).unzip();
        let (since, until) = query.times();
        Answer {
            hits,
            next,
            count: self.count.map(|count| Count { exact: coverage.complete, ..count }),
            facets,
            facets_rest: facets_rest.unwrap_or_default(),
            histogram: self.buckets.map(Buckets::finish),
            sessions,
            sessions_left_out: sessions_left_out.unwrap_or(0),
            findings,
            findings_left_out,
            coverage,
            range: TimeRange { since, until },
            took_ms,
        }
    }
}

/// What the columns of one shelf say.
#[derive(Default)]
struct Sums {
    count: Option<Tally>,
    /// In the order of the facets.
    facets: Vec<HashMap<String, Tally>>,
    /// The second in which a row begins, and what is in it.
    rows: Vec<(i64, graven::Outcome, Tally)>,
}
