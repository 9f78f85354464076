//! The tables that a run prints: what was tried, and the results.

use std::collections::BTreeMap;

use crate::judge::{PANIC, Wrong};

/// How many errors are printed in full.
const EXAMPLES_MAX: usize = 10;

/// One line of a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// How many faults, or images, there were.
    pub(crate) tried: u64,
    /// How many acknowledged entries were looked for.
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) false_verdicts: u64,
    pub(crate) untrue: u64,
}

/// Rows by call and fault.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<(String, &'static str), Row>,
    /// The first errors, in full.
    examples: Vec<String>,
}

impl Table {
    pub(crate) fn add(
        &mut self,
        what: &str,
        fault: &'static str,
        acknowledged: u64,
        place: &str,
        wrong: &Wrong,
    ) {
        let row = self.rows.entry((what.to_owned(), fault)).or_default();
        row.tried += 1;
        row.acknowledged += acknowledged;
        row.lost += wrong.lost.len() as u64;
        row.doubled += wrong.doubled.len() as u64;
        row.false_verdicts += wrong.false_verdicts.len() as u64;
        row.untrue += wrong.untrue.len() as u64;
        // A panic is always kept.
        let panicked = wrong.false_verdicts.iter().any(|wrong| wrong.contains(PANIC));
        if panicked || !wrong.is_nothing() && self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{what} {fault}, {place}: {wrong:?}"));
        }
    }

    /// The sum of all rows.
    pub(crate) fn sum(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| Row {
            tried: sum.tried + row.tried,
            acknowledged: sum.acknowledged + row.acknowledged,
            lost: sum.lost + row.lost,
            doubled: sum.doubled + row.doubled,
            false_verdicts: sum.false_verdicts + row.false_verdicts,
            untrue: sum.untrue + row.untrue,
        })
    }

    /// The first errors and every panic, in full.
    pub(crate) fn examples(&self) -> &[String] {
        &self.examples
    }

    /// How many faults of any kind were tried at this call.
    pub(crate) fn tried(&self, what: &str) -> u64 {
        self.rows.iter().filter(|((call, _), _)| call == what).map(|(_, row)| row.tried).sum()
    }

    /// Prints the table as Markdown, and fails if anything was wrong.
    pub(crate) fn conclude(&self, first_column: &str) {
        println!(
            "\n| {first_column} | fault | tried | acknowledged entries looked for | lost | doubled | false verdicts | untrue answers |"
        );
        println!("|---|---|--:|--:|--:|--:|--:|--:|");
        for ((what, fault), row) in &self.rows {
            print_row(what, fault, row);
        }
        let sum = self.sum();
        print_row("all", "", &sum);
        for example in &self.examples {
            println!("WRONG: {example}");
        }
        let well = Row { tried: sum.tried, acknowledged: sum.acknowledged, ..Row::default() };
        assert_eq!(sum, well, "the errors are printed above");
        assert!(sum.tried > 0 && sum.acknowledged > 0, "nothing was tried");
    }
}

fn print_row(what: &str, fault: &str, row: &Row) {
    let Row { tried, acknowledged, lost, doubled, false_verdicts, untrue } = row;
    println!(
        "| {what} | {fault} | {tried} | {acknowledged} | {lost} | {doubled} | {false_verdicts} | {untrue} |"
    );
}
