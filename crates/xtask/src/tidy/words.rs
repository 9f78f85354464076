//! Rules for every text: no loose ends, no paths of somebody's machine, clean line ends.

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
    fn line_ends_are_clean() {
        assert_eq!(findings("a.md", "one \n").len(), 1);
        assert_eq!(findings("a.md", "one").len(), 1);
        assert_eq!(findings("a.rs", "\tone\n").len(), 1);
        assert!(findings("a.go", "\tone\n").is_empty());
        assert!(findings("a.rs", "one\n").is_empty());
    }
}
