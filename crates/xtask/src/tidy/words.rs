//! Rules for every text: no loose ends, no paths of somebody's machine, plain words, clean line ends.

use super::{File, Finding};

/// What must not stand in any file, and why. Written in two parts, so that this file passes too.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "do it, or open an issue"),
    (concat!("NO", "COMMIT"), "it says so itself"),
    (concat!("#[", "ignore"), "a test that does not run proves nothing"),
    (concat!("dbg", "!("), "left over from a search"),
    (concat!("/ho", "me/"), "the path of one machine"),
    (concat!("/ro", "ot/"), "the path of one machine"),
    (concat!("/wo", "rk/"), "the path of one machine"),
];

/// Words that a reader of technical English stumbles over, and what to write instead. `_` in a name counts as a blank.
const NOT_PLAIN: &[(&str, &str)] = &[
    (ONLY_ASKED, "write \"this many\", \"at most N\" or the number; only a question may ask it"),
    (concat!("who", "ever"), "name who it is: the caller, the thread, the reader"),
    (concat!("of ", "his"), "name who it is, or write \"its\""),
    (concat!("him", "self"), "name who it is, or write \"itself\""),
];

/// Allowed in a question.
const ONLY_ASKED: &str = concat!("so", " many");

/// Files that other tools write, or that hold bytes on purpose.
fn is_exempt(path: &str) -> bool {
    path.ends_with(".lock")
        || path.ends_with("go.sum")
        || path.starts_with("LICENSE")
        || path.split('/').any(|part| part == "testdata" || part == "corpus")
}

/// Checks the words and the line ends of a file.
pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    if is_exempt(path) {
        return;
    }
    check_plain(file, findings);
    for (number, line) in (1..).zip(text.lines()) {
        for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            findings.push(format!("{path}:{number}: {word:?}: {why}"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(format!("{path}:{number}: white space at the end of the line"));
        }
        // Go is written with tabs.
        if line.contains('\t') && !is_go(path) {
            findings.push(format!("{path}:{number}: a tab"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(format!("{path}: no newline at the end"));
    }
}

/// Finds words that are not plain.
fn check_plain(file: &File, findings: &mut Vec<Finding>) {
    let text = file.text.to_ascii_lowercase().replace('_', " ");
    for (word, instead) in NOT_PLAIN {
        for (at, _) in text.match_indices(word) {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            let is_whole =
                !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
            let asks = || after.find(['.', '!', '?']).is_some_and(|end| after[end..].starts_with('?'));
            if is_whole && !(*word == ONLY_ASKED && asks()) {
                let number = before.matches('\n').count() + 1;
                findings.push(format!("{}:{number}: {word:?}: {instead}", file.path));
            }
        }
    }
}

fn is_go(path: &str) -> bool {
    path.ends_with(".go") || path.ends_with("go.mod")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        check(&File { path: path.into(), text: text.into() }, &mut findings);
        findings
    }

    #[test]
    fn every_forbidden_word_is_found_in_its_line() {
        for (word, _) in FORBIDDEN {
            let found = findings("a.rs", &format!("fine\n// {word} later\n"));
            assert!(found.len() == 1 && found[0].starts_with("a.rs:2: "), "{word}: {found:?}");
            assert!(findings("testdata/a.jsonl", word).is_empty());
        }
    }

    #[test]
    fn words_that_are_not_plain_are_found_in_texts_and_names() {
        for (word, _) in NOT_PLAIN {
            let name = word.replace(' ', "_");
            let found = findings("a.rs", &format!("//! A.\n// What {word} reads.\nfn {name}_reads() {{}}\n"));
            assert!(found.len() == 2 && found[0].starts_with("a.rs:2: "), "{word}: {found:?}");
        }
        let capital = NOT_PLAIN[1].0.replacen('w', "W", 1);
        assert_eq!(findings("a.md", &format!("{capital} reads.\n")).len(), 1);
        assert!(findings("a.md", "The rules of history, and also many others.\n").is_empty());
    }

    #[test]
    fn only_a_question_asks_for_so_much() {
        assert!(findings("a.md", &format!("Why are there {ONLY_ASKED}\nof them? Because.\n")).is_empty());
        assert_eq!(findings("a.md", &format!("At most {ONLY_ASKED}\nof them. Why?\n")).len(), 1);
    }

    #[test]
    fn line_ends_are_clean() {
        assert_eq!(findings("a.md", "one \n").len(), 1);
        assert_eq!(findings("a.md", "one").len(), 1);
        assert_eq!(findings("a.rs", "\tone\n").len(), 1);
        assert!(findings("a.go", "\tone\n").is_empty());
        assert!(findings("a.rs", "one\n").is_empty());
    }
}
