//! `cargo test`, and how many tests ran in it.

use std::process::Command;

use crate::report::Outcome;
use crate::shell;

/// Runs `cargo test` and counts; a run in which no test took part has not passed.
pub(crate) fn counted(command: &mut Command) -> Outcome {
    let mut sum = Counts::default();
    let result = shell::run_seen(command, |line| sum.add(line));
    match result {
        Err(problem) if sum.failed > 0 => Outcome::Failed(format!("{} tests failed: {problem}", sum.failed)),
        Err(problem) => Outcome::Failed(problem),
        Ok(()) if sum.ignored > 0 => {
            Outcome::Failed(format!("{} tests are ignored, none may be", sum.ignored))
        }
        Ok(()) if sum.passed == 0 => Outcome::Failed("no test ran".to_owned()),
        Ok(()) => Outcome::Passed { tests: Some(sum.passed) },
    }
}

/// Adds up the `test result:` lines of the test binaries.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = result.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let count = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let mut counts = Counts::default();
        counts.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.20s",
        );
        counts.add("test tree::tests::roots ... ok");
        counts.add(
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s",
        );
        assert_eq!(counts, Counts { passed: 16, failed: 2, ignored: 1 });
    }
}
