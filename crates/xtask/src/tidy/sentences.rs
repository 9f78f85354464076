//! The rule that Markdown has one sentence a line, so that a change of one sentence is a change of one line.

use super::{File, Finding};

/// A dot after these ends no sentence.
const ABBREVIATIONS: &[&str] = &["e.g.", "i.e.", "vs.", "cf."];

/// Checks one file, if it is Markdown.
pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    if !path.ends_with(".md") {
        return;
    }
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        let is_fence = start.starts_with("```") || start.starts_with("~~~");
        in_code ^= is_fence;
        // The cells of a table and the words of a heading cannot stand in several lines.
        if in_code || is_fence || start.starts_with(['|', '#']) {
            continue;
        }
        if let Some(next) = second_sentence(start) {
            let next: String = next.chars().take(30).collect();
            findings.push(format!("{path}:{number}: one sentence a line: begin a new line before {next:?}"));
        }
    }
}

/// Where the second sentence of a line begins.
fn second_sentence(line: &str) -> Option<&str> {
    let mut is_in_code = false;
    line.char_indices().find_map(|(at, c)| {
        is_in_code ^= c == '`';
        if is_in_code || !matches!(c, '.' | '?' | '!') {
            return None;
        }
        let (before, after) = line.split_at(at + 1);
        let next = after.strip_prefix(' ')?;
        let begins = next.starts_with(|c: char| c.is_uppercase() || c == '`');
        let is_abbreviation = ABBREVIATIONS.iter().any(|short| before.ends_with(short));
        (begins && !is_abbreviation && !is_list_number(before)).then_some(next)
    })
}

/// Whether this is the number of a list's item: `1.`.
fn is_list_number(before: &str) -> bool {
    let number = before.trim_start_matches(['>', '-', '*', ' ']).trim_end_matches('.');
    number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        check(&File { path: "a.md".into(), text: text.into() }, &mut findings);
        findings
    }

    #[test]
    fn a_second_sentence_in_a_line_is_found() {
        let found = findings("One sentence.\nOne. Two.\n");
        assert_eq!(found, ["a.md:2: one sentence a line: begin a new line before \"Two.\""]);
        for two in [
            "Why? `because` it is.\n",
            "Stop! Now.\n",
            "- An item. Its reason.\n",
            "A `code. Here` ends. And\n",
        ] {
            assert_eq!(findings(two).len(), 1, "{two}");
        }
    }

    #[test]
    fn what_ends_no_sentence_is_fine() {
        for one in [
            "1. An item\n",
            "See e.g. Go, i.e. `go test`, vs. Rust in version 1.95.\n",
            "`a. B` is code.\n",
            "```\nOne. Two.\n```\n",
            "| One. Two. | Three. Four. |\n",
            "## One. Two.\n",
        ] {
            assert_eq!(findings(one), Vec::<Finding>::new(), "{one}");
        }
    }
}
