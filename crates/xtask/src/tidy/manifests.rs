//! Rules for manifests: versions and lints in one place, and no road from the library to what it must not need.

use super::{File, Finding};
use crate::shell;

/// Which packages must never be below which of ours, by normal and build dependencies.
const KEPT_OUT: &[(&str, &[&str])] = &[
    // The engine uses threads: an embedding program chooses its own runtime, or none.
    ("graven", &["async-std", "smol", "clap"]),
    // Pure: neither files nor chance nor a runtime.
    ("graven-core", &["getrandom", "rand", "fastrand", "tempfile"]),
];

/// The library, and the crates of ours that it is made of.
const LIBRARY: &[&str] = &["graven", "graven-core", "graven-macros"];

/// What search, server and archive bring is kept out of the whole library: they follow its files, in crates of their own.
const KEPT_OUT_OF_LIBRARY: &[&str] = &["tantivy", "axum", "tokio", "hyper", "object_store"];

/// The manifest of the crate whose tests use the crate that needs it.
const MACROS: &str = "crates/graven-macros/Cargo.toml";

/// Checks one file, if it is the manifest of a package.
pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    if !path.starts_with("crates/") || !path.ends_with("/Cargo.toml") {
        return;
    }
    if !text.contains("[lints]\nworkspace = true") {
        findings.push(format!("{path}: `[lints] workspace = true` is missing"));
    }
    let mut table = "";
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('[') {
            table = line;
        } else if table.ends_with("dependencies]") && line.contains('=') {
            let in_place = line.contains("workspace = true") || is_without_version(table, line);
            if !in_place {
                findings.push(format!("{path}:{number}: versions stand in the workspace's manifest only"));
            }
            if path == MACROS && line.starts_with("graven") && !is_without_version(table, line) {
                findings.push(format!(
                    "{path}:{number}: graven cannot be published before its macros, so this is a path without a \
                     version, which `cargo publish` leaves out"
                ));
            }
        }
    }
}

/// Whether a line names a crate of ours by its path alone, for tests.
fn is_without_version(table: &str, line: &str) -> bool {
    let by_path = line.contains("path = \".\"") || line.contains("path = \"../");
    table == "[dev-dependencies]" && by_path && !line.contains("version =") && !line.contains("workspace")
}

/// Asks cargo what is below our libraries.
pub(super) fn check_trees(findings: &mut Vec<Finding>) {
    for package in LIBRARY {
        let own = KEPT_OUT.iter().filter(|(name, _)| name == package).flat_map(|(_, kept_out)| *kept_out);
        let kept_out: Vec<&str> = KEPT_OUT_OF_LIBRARY.iter().chain(own).copied().collect();
        // With all features: `macros` is one that a program may ask for.
        let arguments =
            ["tree", "--locked", "--package", package, "--all-features", "--edges", "normal,build"];
        let format = ["--prefix", "none", "--format", "{p}"];
        match shell::output(&mut shell::cargo_command(&[&arguments[..], &format].concat())) {
            Some(tree) => check_tree(package, &kept_out, &tree, findings),
            None => findings.push(format!("cargo tree --locked --package {package} failed")),
        }
    }
}

fn check_tree(package: &str, kept_out: &[&str], tree: &str, findings: &mut Vec<Finding>) {
    for name in tree.lines().filter_map(|line| line.split_whitespace().next()) {
        if kept_out.contains(&name) {
            findings.push(format!(
                "{package} must not depend on {name}; see `cargo tree -p {package} -i {name}`"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        findings_in("crates/a/Cargo.toml", text)
    }

    fn findings_in(path: &str, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        check(&File { path: path.into(), text: text.into() }, &mut findings);
        findings
    }

    #[test]
    fn a_version_outside_the_workspace_is_found() {
        let lints = "[lints]\nworkspace = true\n";
        assert!(findings(&format!("[dependencies]\na.workspace = true\n{lints}")).is_empty());
        assert_eq!(findings(&format!("[dev-dependencies]\na = \"1\"\n{lints}")).len(), 1);
        assert_eq!(findings("[package]\nname = \"a\"\n").len(), 1);
    }

    #[test]
    fn a_crate_that_must_be_published_first_and_second_is_found() {
        let manifest = |line: &str| format!("[dev-dependencies]\n{line}\n[lints]\nworkspace = true\n");
        assert_eq!(findings_in(MACROS, &manifest("graven = { path = \"../graven\" }")).len(), 0);
        assert_eq!(findings_in(MACROS, &manifest("graven.workspace = true")).len(), 1);
        assert_eq!(findings(&manifest("graven.workspace = true")).len(), 0);
    }

    #[test]
    fn a_search_engine_below_the_library_is_found() {
        let mut found = Vec::new();
        let tree = "graven v0.1.0\ntantivy v0.25.0\nobject_store v0.12.0\n";
        check_tree("graven", KEPT_OUT_OF_LIBRARY, tree, &mut found);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_runtime_below_the_library_is_found() {
        let mut found = Vec::new();
        check_tree("graven", &["tokio"], "graven v0.1.0\nserde v1.0.0\ntokio v1.54.1\n", &mut found);
        assert_eq!(found.len(), 1);
    }
}
