//! Hits by time: rows of equal width, with the outcomes of each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use graven::Outcome;
use serde::{Deserialize, Serialize};

use crate::line::Line;

/// The most rows of a histogram.
const ROWS_MAX: i64 = 100;

/// The widths of rows, in seconds; wider ones are the last one doubled.
const WIDTHS: &[i64] = &[1, 5, 15, 60, 300, 900, 3_600, 10_800, 43_200, 86_400, 604_800];

/// Hits by time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Histogram {
    /// The width of a row, in seconds.
    pub bucket_s: i64,
    /// Where the first row begins; `None` when there is none.
    pub from: Option<DateTime<Utc>>,
    /// One row behind the other, also those without a hit.
    pub rows: Vec<Row>,
}

/// The hits of one stretch of time: entries by outcome, and the events of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// Entries that succeeded.
    pub success: u64,
    /// Entries that failed.
    pub failure: u64,
    /// Entries that were denied.
    pub denied: u64,
    /// Entries that stand before their action.
    pub pending: u64,
    /// The events that these entries stand for.
    pub events: u64,
}

impl Row {
    /// All entries.
    pub fn entries(&self) -> u64 {
        self.success + self.failure + self.denied + self.pending
    }

    fn add(&mut self, other: &Row) {
        self.success += other.success;
        self.failure += other.failure;
        self.denied += other.denied;
        self.pending += other.pending;
        self.events = self.events.saturating_add(other.events);
    }
}

/// Counts by time, with rows that become wider as needed.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// A position in the widths.
    step: usize,
    /// By the number of the row since 1970.
    rows: BTreeMap<i64, Row>,
}

impl Buckets {
    pub(super) fn add(&mut self, line: &Line<'_>) {
        let entry = line.stored();
        let Some(time) = entry.timestamp else { return };
        self.add_sum(time.timestamp(), entry.outcome, 1, line.events());
    }

    /// How many seconds a row has now.
    pub(super) fn width_s(&self) -> i64 {
        width(self.step)
    }

    /// Adds entries with this outcome, in the row of a second.
    pub(super) fn add_sum(&mut self, second: i64, outcome: Outcome, entries: u64, events: u64) {
        let mut row = Row { events, ..Row::default() };
        match outcome {
            Outcome::Success => row.success = entries,
            Outcome::Failure => row.failure = entries,
            Outcome::Denied => row.denied = entries,
            Outcome::Pending => row.pending = entries,
        }
        self.rows.entry(second.div_euclid(width(self.step))).or_default().add(&row);
        while self.span() > ROWS_MAX {
            self.widen();
        }
    }

    /// How many rows there are from the first to the last.
    fn span(&self) -> i64 {
        let (first, last) = (self.rows.first_key_value(), self.rows.last_key_value());
        first.zip(last).map_or(0, |((first, _), (last, _))| last - first + 1)
    }

    fn widen(&mut self) {
        let old = width(self.step);
        self.step += 1;
        let new = width(self.step);
        for (number, row) in std::mem::take(&mut self.rows) {
            self.rows.entry((number * old).div_euclid(new)).or_default().add(&row);
        }
    }

    pub(super) fn finish(self) -> Histogram {
        let bucket_s = width(self.step);
        let Some((first, _)) = self.rows.first_key_value() else {
            return Histogram { bucket_s, from: None, rows: Vec::new() };
        };
        let from = DateTime::from_timestamp(first * bucket_s, 0);
        let row = |number| self.rows.get(&number).copied().unwrap_or_default();
        let rows = (*first..*first + self.span()).map(row).collect();
        Histogram { bucket_s, from, rows }
    }
}

/// The width of a row. Each is a multiple of the one before, so that rows can be joined.
fn width(step: usize) -> i64 {
    let last = WIDTHS.len() - 1;
    WIDTHS[step.min(last)] << step.saturating_sub(last)
}

#[cfg(test)]
mod tests {
    use graven::{Category, Entry};

    use super::*;

    fn of(times: &[&str]) -> Histogram {
        let mut buckets = Buckets::default();
        for time in times {
            let entry =
                Entry::new(Category::Api, "x", Outcome::Denied).id("i").timestamp(time.parse().unwrap());
            buckets.add(&Line::of_entry(0, entry.count(3)));
        }
        buckets.finish()
    }

    #[test]
    fn every_width_is_a_multiple_of_the_one_before() {
        assert!((0..30).all(|step| width(step + 1) % width(step) == 0 && width(step + 1) > width(step)));
    }

    #[test]
    fn rows_become_wider_until_they_fit() {
        let one = of(&["2026-11-29T10:00:00.5Z", "2026-11-29T10:00:00Z", "2026-11-29T10:00:02Z"]);
        assert_eq!((one.bucket_s, one.rows.len()), (1, 3));
        assert_eq!(one.rows[0], Row { denied: 2, events: 6, ..Row::default() });
        assert_eq!(one.rows[1], Row::default());
        let day = of(&["2026-11-29T23:59:59Z", "2026-11-29T00:00:00Z"]);
        assert_eq!((day.bucket_s, day.rows.len()), (900, 96));
        assert_eq!(day.from.unwrap().to_rfc3339(), "2026-11-29T00:00:00+00:00");
        let ages = of(&["1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"]);
        assert!(ages.rows.len() <= 100 && ages.rows.iter().map(Row::entries).sum::<u64>() == 3);
        assert_eq!(of(&[]).rows, []);
    }
}
