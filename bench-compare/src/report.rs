//! The results: a table for people, JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::asking::{self, Question};
use crate::files;
use crate::options::Options;
use crate::peer::{Failure, Peer, Sample};

/// The results of the turns of one peer.
#[derive(Default)]
pub(crate) struct Row {
    rates: Vec<f64>,
    entries: u64,
    bytes: u64,
    pub(crate) failures: Vec<String>,
}

impl Row {
    pub(crate) fn add(&mut self, sample: Sample, bytes: u64) {
        self.rates.push(sample.rate());
        self.entries += sample.entries;
        self.bytes += bytes;
    }
}

#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    seconds_a_peer: f64,
    slices: u32,
    peers: Vec<Line>,
    not_run: Vec<String>,
    /// What it takes to ask for the newest entries.
    asked: Vec<Question>,
}

#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    os: &'static str,
}

/// The results of one peer.
#[derive(Serialize)]
struct Line {
    peer: &'static str,
    version: &'static str,
    way: String,
    is_durable: bool,
    /// What durable means for this peer.
    durable: &'static str,
    /// The median of the slices; none if no slice succeeded.
    entries_per_second: Option<f64>,
    slices: Vec<f64>,
    stored_bytes_per_entry: Option<f64>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        peers: &[Peer],
        rows: Vec<Row>,
        not_run: Vec<String>,
        asked: Vec<Question>,
    ) -> Report {
        let machine = Machine {
            processor: files::processor(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            os: std::env::consts::OS,
        };
        let peers = peers.iter().zip(rows).map(|(peer, row)| line(peer, row)).collect();
        Report { machine, seconds_a_peer: options.seconds, slices: options.slices, peers, not_run, asked }
    }

    pub(crate) fn json(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{}, {} cores; {} s a peer, median of {} slices\n\n| {:<11} | {:<51} | {:>9} | {:>19} | {:>11} | {} |\n|---|---|--:|--:|--:|---|\n",
            self.machine.processor,
            self.machine.cores,
            self.seconds_a_peer,
            self.slices,
            "log",
            "called",
            "entries/s",
            "slowest … fastest",
            "bytes/entry",
            "durable",
        );
        for line in &self.peers {
            let sign = if line.is_durable { "yes" } else { "no" };
            let (median, spread, bytes) = line.cells();
            let (peer, way) = (line.peer, &line.way);
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {peer:<11} | {way:<51} | {median:>9} | {spread:>19} | {bytes:>11} | {sign:<7} |"
            );
        }
        for line in self.peers.iter().filter(|line| !line.failures.is_empty()) {
            let _ = writeln!(table, "\nFAILED: {}, {}: {}", line.peer, line.way, line.failures.join("; "));
        }
        if !self.asked.is_empty() {
            table += &asking::table(&self.asked);
        }
        for reason in &self.not_run {
            let _ = writeln!(table, "\nNOT RUN: {reason}");
        }
        table
    }
}

fn line(peer: &Peer, row: Row) -> Line {
    let mut sorted = row.rates.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    Line {
        peer: peer.name,
        version: peer.version,
        way: peer.way.clone(),
        is_durable: peer.is_durable,
        durable: peer.durable,
        entries_per_second: median(&sorted).map(f64::round),
        slices: row.rates.iter().map(|rate| rate.round()).collect(),
        stored_bytes_per_entry: (row.entries > 0).then(|| (row.bytes as f64 / row.entries as f64).round()),
        failures: row.failures,
    }
}

impl Line {
    /// The median, the spread and the bytes an entry, for the table.
    fn cells(&self) -> (String, String, String) {
        let fastest = self.slices.iter().copied().reduce(f64::max);
        let slowest = self.slices.iter().copied().reduce(f64::min);
        let spread = match (slowest, fastest) {
            (Some(slowest), Some(fastest)) => format!("{} … {}", thousands(slowest), thousands(fastest)),
            _ => "none".into(),
        };
        let cell = |value: Option<f64>| value.map_or_else(|| "none".into(), thousands);
        (cell(self.entries_per_second), spread, cell(self.stored_bytes_per_entry))
    }
}

/// The median of sorted values: the middle one, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// A whole number with a comma before each three digits.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(123.0), "123");
    }
}
