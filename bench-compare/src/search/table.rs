//! What the peers took, beside Graven: a table for people, JSON for programs.

use std::fmt::Write;

use serde::Serialize;

use super::Source;
use super::peer::Peer;
use super::questions::Row;
use crate::files;
use crate::peer::Failure;

pub(super) use super::peer::Asked;

/// What Graven's time has to be beside that of a peer: the row, the peer, and the least ratio of their times.
const GOALS: &[(Row, &str, f64)] =
    &[(Row::Filter, "ripgrep", 100.0), (Row::Filter, "DuckDB", 10.0), (Row::Everything, "DuckDB", 0.5)];

/// All results.
#[derive(Serialize)]
pub(super) struct Table {
    processor: String,
    cores: usize,
    entries: u64,
    line_bytes: u64,
    built: Vec<BuiltLine>,
    /// The rows in their order, with a line for each peer.
    lines: Vec<Line>,
}

/// What building took.
#[derive(Serialize)]
struct BuiltLine {
    peer: &'static str,
    version: String,
    entries_per_cpu_second: Option<f64>,
    wall_s: Option<f64>,
    /// The share of the bytes of the lines.
    size: Option<f64>,
}

/// A peer's answers to one kind of question.
#[derive(Serialize)]
struct Line {
    row: &'static str,
    peer: &'static str,
    /// Medians, in milliseconds.
    wall_ms: f64,
    cpu_ms: f64,
    /// The median of what Graven's answers took, each beside the same question.
    times_as_long: f64,
    goal: Option<f64>,
    questions: usize,
    #[serde(skip)]
    asked: Vec<(Asked, f64)>,
}

impl Table {
    pub(super) fn new(peers: &[Peer], source: &Source) -> Table {
        let line_bytes = source.files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        let built = |peer: &Peer| BuiltLine {
            peer: peer.name,
            version: peer.version.clone(),
            entries_per_cpu_second: peer.built.map(|built| (source.entries as f64 / built.cpu_s).round()),
            wall_s: peer.built.map(|built| built.wall_s),
            size: peer.built.map(|built| built.bytes as f64 / line_bytes as f64),
        };
        let line = |row: &Row, peer: &Peer| Line {
            row: row.name(),
            peer: peer.name,
            wall_ms: 0.0,
            cpu_ms: 0.0,
            times_as_long: 0.0,
            goal: GOALS.iter().find(|goal| (goal.0, goal.1) == (*row, peer.name)).map(|goal| goal.2),
            questions: 0,
            asked: Vec::new(),
        };
        Table {
            processor: files::processor(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            entries: source.entries,
            line_bytes,
            built: peers.iter().map(built).collect(),
            lines: Row::ALL.iter().flat_map(|row| peers.iter().map(move |peer| line(row, peer))).collect(),
        }
    }

    /// Adds the answers to one question, by peer. The first peer is Graven.
    pub(super) fn add(&mut self, row: Row, answers: Vec<Option<Asked>>) {
        let graven = answers.first().copied().flatten().map_or(f64::NAN, |asked| asked.wall_s);
        let lines = self.lines.iter_mut().filter(|line| line.row == row.name());
        for (line, asked) in lines.zip(answers) {
            line.asked.extend(asked.map(|asked| (asked, asked.wall_s / graven)));
            line.wall_ms = median(line.asked.iter().map(|(asked, _)| asked.wall_s * 1e3));
            line.cpu_ms = median(line.asked.iter().map(|(asked, _)| asked.cpu_s * 1e3));
            line.times_as_long = median(line.asked.iter().map(|(_, ratio)| *ratio));
            line.questions = line.asked.len();
        }
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{}, {} cores; {} entries, {} bytes of lines\n\n| {:<8} | {:<24} | {:>16} | {:>7} | {:>14} |\n|---|---|--:|--:|--:|\n",
            self.processor,
            self.cores,
            self.entries,
            self.line_bytes,
            "program",
            "version",
            "entries/CPU s",
            "wall s",
            "size of lines"
        );
        // Writing to a String cannot fail, here and below.
        for line in &self.built {
            let number = |number: Option<f64>, digits| {
                number.map_or("-".into(), |number| format!("{number:.digits$}"))
            };
            let (rate, wall) = (number(line.entries_per_cpu_second, 0), number(line.wall_s, 1));
            let (size, version) = (number(line.size.map(|size| size * 100.0), 1), &line.version);
            let _ = writeln!(
                text,
                "| {:<8} | {version:<24} | {rate:>16} | {wall:>7} | {size:>12} % |",
                line.peer
            );
        }
        let _ = writeln!(
            text,
            "\n| {:<44} | {:<8} | {:>10} | {:>10} | {:>12} | {:>6} |\n|---|---|--:|--:|--:|--:|",
            "question", "program", "wall ms", "CPU ms", "beside ours", "goal"
        );
        for line in self.lines.iter().filter(|line| line.questions > 0) {
            let goal = line.goal.map_or(String::new(), |goal| format!("≥ {goal}"));
            let _ = writeln!(
                text,
                "| {:<44} | {:<8} | {:>10.3} | {:>10.3} | {:>12.2} | {goal:>6} |",
                line.row, line.peer, line.wall_ms, line.cpu_ms, line.times_as_long
            );
        }
        text
    }
}

/// The value in the middle; of two, the higher.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
