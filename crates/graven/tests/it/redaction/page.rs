//! `docs/REDACTION.md` tells the truth: each of its examples goes or stays as the page says.

use std::fs;
use std::path::Path;

use super::redactor;

/// The examples below a heading: what stands between backticks in the lines of its list, after the colon.
fn examples(page: &str, heading: &str) -> Vec<String> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    let mut examples = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("- ")) {
        let (_, shown) = line.split_once(": `").unwrap_or_else(|| panic!("{line} has an example"));
        examples.extend(shown.trim_end_matches('`').split("`, `").map(|example| example.replace('⏎', "\n")));
    }
    examples
}

#[test]
fn the_examples_of_the_page_go_and_stay_as_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/REDACTION.md");
    let page = fs::read_to_string(page).unwrap();
    let redactor = redactor();
    for (heading, goes) in
        [("### What goes", true), ("### What stays", false), ("## What is not found", false)]
    {
        let examples = examples(&page, heading);
        assert!(examples.len() >= 10, "{heading}: {examples:#?}");
        for example in examples {
            let redacted = redactor.text(&example);
            assert_eq!(redacted != example, goes, "{heading}: {example} became {redacted}");
        }
    }
}

#[test]
fn ids_of_access_keys_stay_where_the_program_says_so() {
    let text = ["the key AK", "IAIOSFODNN7EXAMPLE was used"].concat();
    assert_ne!(redactor().text(&text), text);
    let redaction = graven::Redaction::default().exempt_rule("aws-access-key");
    let keeping = graven::Redactor::new(redaction).unwrap();
    assert_eq!(keeping.text(&text), text);
    assert!(keeping.text(&format!("{text}, password=hunter2")).contains("[redacted:password:"));
}
