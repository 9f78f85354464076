//! The rule that docs/ARCHITECTURE.md answers where things are, and that its answers are true.

use super::{File, Finding};

/// The document that answers.
const DOCUMENT: &str = "docs/ARCHITECTURE.md";

/// The heading above the answers.
const HEADING: &str = "## Where is";

/// What a newcomer looks for. An answer is an item of the list: `- **an entry gets its index**: ` and a path in backticks.
const QUESTIONS: &[&str] = &[
    "an entry gets its index",
    "a torn tail is cut",
    "the verifier's memory lives",
    "a secret is recognised",
    "the name of a closed segment is made",
];

/// Checks that each question has an answer, and that what each answer names is there.
pub(super) fn check(all: &[File], findings: &mut Vec<Finding>) {
    let document = all.iter().find(|file| file.path == DOCUMENT).map_or("", |file| &file.text);
    let section = document.split(HEADING).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let items: Vec<&str> = section.split("\n- ").skip(1).collect();
    for question in QUESTIONS {
        match items.iter().find(|item| item.starts_with(&format!("**{question}**"))) {
            Some(item) => check_answer(question, item, all, findings),
            None => findings
                .push(format!("{DOCUMENT}: below `{HEADING} …` no item begins with `- **{question}**`")),
        }
    }
}

/// Each path is that of a file, and the name in backticks that follows it stands in the file.
fn check_answer(question: &str, item: &str, all: &[File], findings: &mut Vec<Finding>) {
    let named: Vec<&str> = item.split('`').skip(1).step_by(2).collect();
    let is_path = |name: &str| name.starts_with("crates/");
    if !named.iter().any(|name| is_path(name)) {
        findings.push(format!("{DOCUMENT}: {question}: the answer names no file below crates/"));
    }
    for (at, path) in named.iter().enumerate().filter(|(_, name)| is_path(name)) {
        let Some(file) = all.iter().find(|file| file.path == *path) else {
            findings.push(format!("{DOCUMENT}: {question}: {path} is not there"));
            continue;
        };
        // `Seal::add()` stands there as `add`.
        let name = named.get(at + 1).filter(|name| !is_path(name));
        let name = name.and_then(|name| name.trim_end_matches("()").rsplit("::").next());
        if let Some(name) = name
            && !file.text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
        {
            findings.push(format!("{DOCUMENT}: {question}: {path} has no `{name}`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings for a document whose first answer is this one.
    fn findings(first: &str) -> Vec<Finding> {
        let mut text = format!("# A\n\n{HEADING} what?\n\n");
        for (question, answer) in
            QUESTIONS.iter().zip([first].into_iter().chain(std::iter::repeat("`crates/a.rs`")))
        {
            text += &format!("- **{question}**: {answer}\n");
        }
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let all = [file(DOCUMENT, &(text + "\n## B\n")), file("crates/a.rs", "fn take(a: u8) {}\n")];
        let mut findings = Vec::new();
        check(&all, &mut findings);
        findings
    }

    #[test]
    fn an_answer_names_what_is_there() {
        assert_eq!(findings("`crates/a.rs`, in `take`.\n  It is `called` by all."), Vec::<Finding>::new());
        assert_eq!(findings("`crates/a.rs`, in `Queue::take()`"), Vec::<Finding>::new());
    }

    #[test]
    fn an_answer_without_a_file_and_one_that_is_stale_are_found() {
        assert_eq!(findings("in `take`").len(), 1);
        assert_eq!(findings("`crates/gone.rs`").len(), 1);
        assert_eq!(findings("`crates/a.rs`, in `tak`").len(), 1);
    }

    #[test]
    fn a_question_without_an_answer_is_found() {
        let mut findings = Vec::new();
        check(&[], &mut findings);
        assert_eq!(findings.len(), QUESTIONS.len());
    }
}
