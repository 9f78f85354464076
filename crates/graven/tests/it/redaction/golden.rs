//! Assigned values and commands, by example: what the rules make of each line of `testdata/redaction/golden.txt`.

use std::fs;
use std::path::Path;

use super::redactor;

/// Stands between an input and its output.
const ARROW: &str = " ⇒ ";

#[test]
fn the_rules_make_of_every_example_what_the_file_says() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/redaction/golden.txt");
    let expected = fs::read_to_string(&golden).unwrap();
    let actual: String = expected.lines().map(|line| example(line) + "\n").collect();
    if actual == expected {
        return;
    }
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden.txt");
    fs::write(&found, &actual).unwrap();
    let differing: Vec<_> = expected.lines().zip(actual.lines()).filter(|(said, is)| said != is).collect();
    panic!(
        "the rules make something else of {} examples: {differing:#?}\n\
         Look at the difference: diff {} {}\n\
         If every new output is right, copy the second file over the first.",
        differing.len(),
        golden.display(),
        found.display()
    );
}

/// The line of an example as it is now; comments and empty lines stay.
fn example(line: &str) -> String {
    if line.is_empty() || line.starts_with('#') {
        return line.to_owned();
    }
    let (input, _) = line.split_once(ARROW).unwrap_or((line, ""));
    format!("{input}{ARROW}{}", without_digits(&redactor().text(input)))
}

/// Every redactor has a key of its own, so the digits of a mark are another each time.
fn without_digits(text: &str) -> String {
    let mark = regex::Regex::new(r"(\[redacted:[a-z-]+:)[0-9a-f]{12}\]").unwrap();
    mark.replace_all(text, "${1}digits]").into_owned()
}
