//! Rules for prose: what it links to and what it names is there, and the README says what CI runs.

use super::{File, Finding};

/// The one command that runs all tests.
const TEST_COMMAND: &str = "cargo xtask test";

/// Folders whose files are named in prose by their full path.
const OURS: &[&str] = &["bench-compare/", "crates/", "docs/", "interop/", "testdata/"];

/// Checks one file, if it is Markdown or the script of CI.
pub(super) fn check(file: &File, all: &[File], findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    if matches!(path.as_str(), "README.md" | ".ci/run")
        && !text.lines().any(|line| line.contains(TEST_COMMAND))
    {
        findings.push(format!("{path}: `{TEST_COMMAND}` is missing"));
    }
    if !path.ends_with(".md") {
        return;
    }
    let there = |name: &str| {
        let name = name.trim_end_matches('/');
        all.iter().any(|file| file.path == name || file.path.starts_with(&format!("{name}/")))
    };
    for (number, line) in (1..).zip(text.lines()) {
        for target in link_targets(line) {
            if !there(&resolve(path, target)) {
                findings.push(format!("{path}:{number}: the link leads to {target}, which is not there"));
            }
        }
        for name in named_files(line).filter(|name| !there(name)) {
            findings.push(format!("{path}:{number}: {name} is not there"));
        }
    }
}

/// The targets of links to other files, without their anchors.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// A link's target as a path from the root.
fn resolve(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// Our own files and folders named in backticks. A name with a blank, a pattern or a placeholder is none.
fn named_files(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|name| {
        OURS.iter().any(|folder| name.starts_with(folder)) && !name.contains([' ', '*', '<', '…', '{'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        let there = ["docs/FORMAT.md", "README.md", "crates/graven/src/commit.rs"];
        let all: Vec<File> =
            there.iter().map(|path| File { path: (*path).into(), text: String::new() }).collect();
        let mut findings = Vec::new();
        check(&File { path: path.into(), text: text.into() }, &all, &mut findings);
        findings
    }

    #[test]
    fn links_and_names_are_followed() {
        assert!(
            findings("docs/A.md", "[a](FORMAT.md#b) [b](../README.md) [c](https://example.com/x)\n")
                .is_empty()
        );
        assert!(
            findings("docs/A.md", "`crates/graven/src/commit.rs`, `crates/graven/`, `crates/<name>`\n")
                .is_empty()
        );
        assert_eq!(findings("docs/A.md", "[a](README.md)\n").len(), 1);
        assert_eq!(findings("A.md", "see `crates/graven/src/gone.rs`\n").len(), 1);
    }

    #[test]
    fn the_readme_names_the_test_command() {
        assert_eq!(findings("README.md", "# Graven\n").len(), 1);
        assert!(findings(".ci/run", "exec cargo xtask test\n").is_empty());
    }
}
