//! What each suite came to, and the table at the end.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// How a suite ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything in it ran and passed.
    Passed {
        /// How many tests ran; `None` where there is nothing to count.
        tests: Option<u64>,
    },
    /// Something in it failed, and what.
    Failed(String),
    /// It could not run, because a tool is missing.
    NotRun {
        /// What is missing.
        why: String,
        /// The command that installs it.
        install: String,
    },
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Outcome {
        match result {
            Ok(()) => Outcome::Passed { tests: None },
            Err(problem) => Outcome::Failed(problem),
        }
    }
}

/// One suite in the table.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

impl Row {
    /// Runs a suite and measures it.
    pub(crate) fn measure(name: &'static str, run: fn() -> Outcome) -> Row {
        let start = Instant::now();
        let outcome = run();
        Row { name, outcome, took: start.elapsed() }
    }
}

/// The table with the time of each suite and of all, and under it one line that says whether everything ran and passed.
pub(crate) fn summary(rows: &[Row]) -> String {
    let mut text = format!("\n{:<10}{:<9}{:>9}  \n", "suite", "result", "time");
    for row in rows {
        let (result, note) = match &row.outcome {
            Outcome::Passed { tests: Some(tests) } => ("passed", format!("{tests} tests")),
            Outcome::Passed { tests: None } => ("passed", String::new()),
            Outcome::Failed(problem) => ("FAILED", problem.clone()),
            Outcome::NotRun { why, install } => ("NOT RUN", format!("{why}; to install it: {install}")),
        };
        let line = format!("{:<10}{:<9}{:>7.1} s  {note}", row.name, result, row.took.as_secs_f64());
        writeln!(text, "{}", line.trim_end()).expect("a string takes every line");
    }
    let total: Duration = rows.iter().map(|row| row.took).sum();
    writeln!(text, "{:<19}{:>7.1} s", "total", total.as_secs_f64()).expect("a string takes every line");
    writeln!(text, "\n{}", verdict(rows)).expect("a string takes every line");
    text
}

/// 0 when all passed, 1 when something failed, 3 when something could not run.
pub(crate) fn exit_code(rows: &[Row]) -> u8 {
    if rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_))) {
        1
    } else if rows.iter().any(|row| matches!(row.outcome, Outcome::NotRun { .. })) {
        3
    } else {
        0
    }
}

/// The last line.
fn verdict(rows: &[Row]) -> String {
    let named = |wanted: fn(&Outcome) -> bool| {
        let names: Vec<&str> = rows.iter().filter(|row| wanted(&row.outcome)).map(|row| row.name).collect();
        names.join(", ")
    };
    let passed = rows.iter().filter(|row| matches!(row.outcome, Outcome::Passed { .. })).count();
    let tests: u64 = rows
        .iter()
        .map(|row| match row.outcome {
            Outcome::Passed { tests } => tests.unwrap_or(0),
            _ => 0,
        })
        .sum();
    let ran = format!("{passed} of {} suites passed, {tests} tests ran in them", rows.len());
    match exit_code(rows) {
        0 => format!("PASSED: {ran}"),
        1 => format!("FAILED: {}; {ran}", named(|outcome| matches!(outcome, Outcome::Failed(_)))),
        _ => format!("NOT RUN: {}; {ran}", named(|outcome| matches!(outcome, Outcome::NotRun { .. }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, outcome: Outcome) -> Row {
        Row { name, outcome, took: Duration::from_millis(1_500) }
    }

    fn passed() -> Row {
        row("tests", Outcome::Passed { tests: Some(12) })
    }

    fn not_run() -> Row {
        row("interop", Outcome::NotRun { why: "no Go".into(), install: "get-go".into() })
    }

    #[test]
    fn all_passed_is_zero_and_says_how_many_tests_ran() {
        let rows = [row("fmt", Outcome::Passed { tests: None }), passed()];
        assert_eq!(exit_code(&rows), 0);
        assert!(summary(&rows).contains("\ntotal                  3.0 s\n"), "{}", summary(&rows));
        assert!(summary(&rows).ends_with("\nPASSED: 2 of 2 suites passed, 12 tests ran in them\n"));
    }

    #[test]
    fn a_missing_tool_is_three_and_names_the_command() {
        let rows = [passed(), not_run()];
        assert_eq!(exit_code(&rows), 3);
        let text = summary(&rows);
        assert!(text.contains("to install it: get-go"), "{text}");
        assert!(text.ends_with("\nNOT RUN: interop; 1 of 2 suites passed, 12 tests ran in them\n"), "{text}");
    }

    #[test]
    fn a_failure_outweighs_a_missing_tool() {
        let rows = [not_run(), row("clippy", Outcome::Failed("a lint".into())), passed()];
        assert_eq!(exit_code(&rows), 1);
        assert!(summary(&rows).contains("FAILED: clippy; 1 of 3"));
    }
}
