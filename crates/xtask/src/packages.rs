//! What operators are handed: the package, on a Debian of its own under a systemd of its own; the configurations of proxies
//! that the documentation gives; and the Dockerfile, as far as it can be judged without Docker.

mod deb;
mod debian;

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use crate::report::Outcome;
use crate::{prebuilt, release, shell};

pub(crate) use deb::command;

/// What the image is made by.
const DOCKERFILE: &str = "packaging/docker/Dockerfile";

/// What the tests are, each a program that the container runs.
const TESTS: [&str; 2] = ["packaging/tests/on-debian", "packaging/tests/behind-proxies"];

/// Where the configurations of proxies stand.
const GUIDE: &str = "docs/DEPLOY.md";

/// The version from which the test upgrades. It is older than every other.
const OLD: &str = "0.0.1-1";

pub(crate) fn suite() -> Outcome {
    let ready = deb::program().and_then(|deb| Ok((deb, debian::image()?, hadolint()?)));
    let (cargo_deb, image, hadolint) = match ready {
        Ok(ready) => ready,
        Err(missing) => return missing,
    };
    let judged = lint(&hadolint).and_then(|()| {
        let binary = release::build()?;
        let place = shell::target().join("tmp").join(format!("packages-{}", std::process::id()));
        let tested = hand_over(&cargo_deb, &binary, &place).and_then(|()| run_all(&image, &place));
        // What is left below the target directory is overwritten by nobody and hurts nobody.
        let _ = fs::remove_dir_all(&place);
        tested
    });
    match judged {
        Ok(tests) => Outcome::Passed { tests: Some(tests) },
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Puts what the tests need into a folder: an older and a newer package, the program, and what the documentation says.
fn hand_over(cargo_deb: &Path, binary: &Path, place: &Path) -> Result<(), String> {
    let written = |result: io::Result<()>| result.map_err(|error| format!("{}: {error}", place.display()));
    written(fs::create_dir_all(place))?;
    deb::make(cargo_deb, binary, &place.join("old.deb"), Some(OLD))?;
    deb::make(cargo_deb, binary, &place.join("new.deb"), None)?;
    written(fs::copy(binary, place.join("graven")).map(drop))?;
    for test in TESTS {
        written(fs::copy(shell::root().join(test), place.join(name(test))).map(drop))?;
    }
    let guide = fs::read_to_string(shell::root().join(GUIDE)).map_err(|error| format!("{GUIDE}: {error}"))?;
    for (language, file) in [("nginx", "nginx.conf"), ("caddyfile", "Caddyfile")] {
        let block = block(&guide, language).ok_or_else(|| format!("{GUIDE} has no block of {language}"))?;
        written(fs::write(place.join(file), block))?;
    }
    Ok(())
}

/// Runs all tests; how many passed.
fn run_all(image: &Path, place: &Path) -> Result<u64, String> {
    let mut passed = 0;
    for test in TESTS {
        let said = debian::run(image, place, name(test))?;
        let count = said.lines().filter(|line| line.starts_with("ok: ")).count() as u64;
        if count == 0 {
            return Err(format!("nothing was tested in {test}"));
        }
        passed += count;
    }
    Ok(passed)
}

/// The first block of a language in a text of Markdown.
fn block<'a>(markdown: &'a str, language: &str) -> Option<&'a str> {
    let (_, rest) = markdown.split_once(&format!("\n```{language}\n"))?;
    rest.split_once("\n```\n").map(|(block, _)| block)
}

fn name(test: &str) -> &str {
    test.rsplit_once('/').map_or(test, |(_, name)| name)
}

/// No image is built, because that needs Docker.
fn lint(hadolint: &Path) -> Result<(), String> {
    shell::run(Command::new(hadolint).arg("--no-color").arg(DOCKERFILE).current_dir(shell::root()))
}

fn hadolint() -> Result<std::path::PathBuf, Outcome> {
    let program = prebuilt::place("hadolint");
    let there = || shell::output(Command::new(&program).arg("--version")).is_some();
    if !there() {
        // Whether this worked shows below.
        let _ = prebuilt::fetch();
    }
    if there() {
        return Ok(program);
    }
    Err(Outcome::NotRun { why: "hadolint is missing".to_owned(), install: prebuilt::install() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_by_its_language() {
        let text = "a\n```sh\nb\n```\n```nginx\nc {\n}\n```\nd\n";
        assert_eq!(block(text, "nginx"), Some("c {\n}"));
        assert_eq!(block(text, "toml"), None);
    }

    #[test]
    fn every_test_is_there() {
        for test in TESTS {
            assert!(shell::root().join(test).is_file(), "{test}");
        }
    }
}
