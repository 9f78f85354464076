//! Rules for Rust code: one concept a file, functions that can be read, a pure core, no file that nothing includes.

use super::code::{code, is_test};
use super::{File, Finding};

/// Most files have 50 to 400 lines; one beyond this holds a second concept.
const FILE_LINES_MAX: usize = 600;

/// Most functions fit a screen; a straight-line procedure may be longer, but not without end.
const FUNCTION_LINES_MAX: usize = 100;

/// What graven-core must not touch: it is bytes in, values out.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io::stdin",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "getrandom",
    "fastrand",
];

/// What the library must not use beside its seam.
const FILES: &[&str] = &["std::fs", "fs::File"];

/// Checks one file, if it is Rust.
pub(super) fn check(file: &File, all: &[File], findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    if !path.ends_with(".rs") {
        return;
    }
    if !text.starts_with("//! ") {
        findings.push(format!("{path}:1: the first line says in one sentence what the file is: `//! …`"));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        findings.push(format!(
            "{path}: {lines} lines, at most {FILE_LINES_MAX}: which is the second concept in it?"
        ));
    }
    for (number, name, lines) in long_functions(text) {
        findings.push(format!("{path}:{number}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}"));
    }
    check_purity(file, findings);
    if !is_included(path, all) {
        findings.push(format!("{path}: no `mod` names this file"));
    }
}

/// Checks that the core touches nothing outside, and the library files only by its seam.
fn check_purity(File { path, text }: &File, findings: &mut Vec<Finding>) {
    let is_core = path.starts_with("crates/graven-core/src/");
    let is_library = path.starts_with("crates/graven/src/") && !path.ends_with("/disk/os.rs");
    if is_test(path) || !(is_core || is_library) {
        return;
    }
    let code = code(text);
    let (words, why) = match is_core {
        true => (IMPURE, "graven-core knows no files, clock, randomness or threads"),
        false => (FILES, "only disk/os.rs touches files"),
    };
    for word in words.iter().filter(|word| code.contains(*word)) {
        findings.push(format!("{path}: {word}: {why}"));
    }
}

/// Checks that the way of an entry is marked from its first step to its last.
pub(super) fn check_steps(all: &[File], findings: &mut Vec<Finding>) {
    for step in 1..=8 {
        let mark = format!("//! Step {step} of 8");
        if !all.iter().any(|file| file.path.ends_with(".rs") && file.text.starts_with(&mark)) {
            findings.push(format!("no file begins with `{mark}`; see docs/LIFE_OF_AN_ENTRY.md"));
        }
    }
}

/// The functions that are too long: line, name, length. Formatted code ends a block where it began.
fn long_functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let ends =
            |line: &&str| line.strip_prefix(indent) == Some("}") || line.strip_prefix(indent) == Some(");");
        let length = lines[start..].iter().position(ends).map_or(0, |last| last + 1);
        if length > FUNCTION_LINES_MAX && !line.ends_with('}') {
            found.push((start + 1, name, length));
        }
    }
    found
}

/// The name in a line that begins a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_modifier = |word: &str| {
        matches!(word, "pub" | "pub(crate)" | "pub(super)" | "async" | "const" | "extern" | "\"C\"")
    };
    before.split_whitespace().all(is_modifier).then_some(())?;
    after.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// Whether cargo finds the file by itself, or the file above it has a `mod` for it.
fn is_included(path: &str, all: &[File]) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_root = matches!(name, "lib.rs" | "main.rs" | "build.rs");
    let own = ["/tests", "/examples", "/benches", "/bin", "/fuzz_targets"];
    if is_root || own.iter().any(|own| folder.ends_with(own)) {
        return true;
    }
    let (module, folder) = match name {
        "mod.rs" => folder.rsplit_once('/').map_or((folder, ""), |(above, module)| (module, above)),
        _ => (name.trim_end_matches(".rs"), folder),
    };
    let parents = [
        format!("{folder}.rs"),
        format!("{folder}/mod.rs"),
        format!("{folder}/lib.rs"),
        format!("{folder}/main.rs"),
    ];
    let names_it = |line: &str| {
        let line = line.trim_start();
        let line = line
            .strip_prefix("pub(crate) ")
            .or_else(|| line.strip_prefix("pub(super) "))
            .or_else(|| line.strip_prefix("pub "))
            .unwrap_or(line);
        line.strip_prefix("mod ").is_some_and(|rest| rest.trim_end_matches([';', ' ', '{']) == module)
    };
    all.iter().filter(|file| parents.contains(&file.path)).any(|file| file.text.lines().any(names_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        let parent = file("crates/graven-core/src/lib.rs", "pub mod a;\nmod b;\n");
        let mut findings = Vec::new();
        check(&file(path, text), &[parent], &mut findings);
        findings
    }

    #[test]
    fn a_short_described_and_included_file_is_fine() {
        assert!(findings("crates/graven-core/src/a.rs", "//! A.\n\nfn a() {}\n").is_empty());
        assert!(findings("crates/graven-core/src/b/mod.rs", "//! B.\n").is_empty());
    }

    #[test]
    fn a_file_that_nothing_includes_is_found() {
        let found = findings("crates/graven-core/src/c.rs", "//! C.\n");
        assert_eq!(found, ["crates/graven-core/src/c.rs: no `mod` names this file"]);
    }

    #[test]
    fn a_file_without_its_sentence_is_found() {
        assert_eq!(findings("crates/graven-core/src/a.rs", "fn a() {}\n").len(), 1);
    }

    #[test]
    fn lengths_are_measured() {
        let body = "    let _ = 1;\n".repeat(FUNCTION_LINES_MAX);
        let found = findings("crates/graven-core/src/a.rs", &format!("//! A.\npub fn long() {{\n{body}}}\n"));
        assert!(found.len() == 1 && found[0].contains(":2: `long` has 102 lines"), "{found:?}");
        let file = format!("//! A.\n{}", "// x\n".repeat(FILE_LINES_MAX));
        assert_eq!(findings("crates/graven-core/src/a.rs", &file).len(), 1);
    }

    #[test]
    fn the_core_is_pure_outside_its_tests() {
        let impure = "//! A.\nuse std::fs;\n";
        assert_eq!(findings("crates/graven-core/src/a.rs", impure).len(), 1);
        let in_tests = "//! A. Not std::fs.\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert!(findings("crates/graven-core/src/a.rs", in_tests).is_empty());
    }

    #[test]
    fn a_missing_step_is_found() {
        let mut found = Vec::new();
        check_steps(&[file("a.rs", "//! Step 3 of 8: x.")], &mut found);
        assert_eq!(found.len(), 7);
    }
}
