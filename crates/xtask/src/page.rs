//! The page in a real browser: `node --test` drives Chromium against the shipped binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;
use crate::{apt, release, shell};

/// The tests, and what npm installs for them, each package in one version.
const TESTS: &str = "crates/graven-server/web-tests";

/// What says which packages there are to be.
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// The oldest Node that runs them.
const NODE: u32 = 20;

/// Where a browser lies, the one that Debian has first.
const BROWSERS: &[&str] = &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// How long one test may take, on a machine that is busy with other things.
const TEST_MS_MAX: &str = "1800000";

/// Set to write the pictures of the documentation anew.
const SCREENSHOTS: &str = "GRAVEN_SCREENSHOTS";

pub(crate) fn suite() -> Outcome {
    let node = shell::output(Command::new("node").arg("--version"));
    if node.as_deref().and_then(major).is_none_or(|major| major < NODE) {
        let why = format!("Node {NODE} or newer is missing");
        return Outcome::NotRun { why, install: "apt-get install nodejs npm".to_owned() };
    }
    let ready = browser().and_then(|browser| Ok((browser, packages()?)));
    let (browser, packages) = match ready {
        Ok(ready) => ready,
        Err(missing) => return missing,
    };
    match release::build().and_then(|binary| judge(&binary, &browser, &packages)) {
        Ok(tests) => Outcome::Passed { tests: Some(tests) },
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Runs the tests; how many passed.
fn judge(binary: &Path, browser: &Path, packages: &Path) -> Result<u64, String> {
    let folder = shell::root().join(TESTS);
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=2", "--test-timeout", TEST_MS_MAX]);
    node.args(tests(&folder)?).current_dir(&folder);
    node.env("GRAVEN_PROGRAM", binary).env("GRAVEN_CHROMIUM", browser).env("GRAVEN_PAGE_TOOLS", packages);
    if std::env::var_os(SCREENSHOTS).is_some() {
        node.env(SCREENSHOTS, shell::root().join("docs"));
    }
    let (mut passed, mut skipped) = (0, 0);
    let result = shell::run_seen(&mut node, |line| {
        passed += counted(line, "pass");
        skipped += counted(line, "skipped") + counted(line, "todo");
    });
    match (result, passed, skipped) {
        (Err(problem), ..) => Err(problem),
        (Ok(()), 0, _) => Err("no test of the page ran".to_owned()),
        (Ok(()), _, 0) => Ok(passed),
        (Ok(()), ..) => Err(format!("{skipped} tests of the page were skipped, none may be")),
    }
}

/// The files with tests. Node 20 knows no patterns.
fn tests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(read)?;
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(read)?;
    found.retain(|path| path.to_string_lossy().ends_with(".test.js"));
    found.sort();
    Ok(found)
}

/// A number out of the end of what Node prints, such as `ℹ pass 9`.
fn counted(line: &str, name: &str) -> u64 {
    let number = line.strip_prefix("ℹ ").and_then(|line| line.strip_prefix(name));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// The major version out of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The browser. Where this process may install packages of Debian, a missing one is installed.
fn browser() -> Result<PathBuf, Outcome> {
    let found = || BROWSERS.iter().map(PathBuf::from).find(|path| path.exists());
    if let Some(browser) = found() {
        return Ok(browser);
    }
    apt::install(&["chromium"]);
    found().ok_or_else(|| Outcome::NotRun {
        why: "Chromium is missing".to_owned(),
        install: "apt-get install --no-install-recommends chromium".to_owned(),
    })
}

/// The folder with the packages, below the target directory. They are installed when they are missing or others.
fn packages() -> Result<PathBuf, Outcome> {
    let folder = shell::target().join("tools").join("page");
    let wanted = PACKAGES.map(|name| fs::read(shell::root().join(TESTS).join(name)).unwrap_or_default());
    let installed = folder.join("installed.txt");
    let mark = wanted.concat();
    if fs::read(&installed).ok().as_ref() == Some(&mark) {
        return Ok(folder);
    }
    let written = |result: std::io::Result<()>| result.map_err(|error| error.to_string());
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    let done = written(fs::create_dir_all(&folder))
        .and_then(|()| {
            let files = PACKAGES.iter().zip(&wanted);
            files.into_iter().try_for_each(|(name, bytes)| written(fs::write(folder.join(name), bytes)))
        })
        .and_then(|()| shell::run(&mut npm))
        .and_then(|()| written(fs::write(&installed, &mark)));
    done.map(|()| folder.clone()).map_err(|problem| Outcome::NotRun {
        why: format!("the packages of npm are missing, and cannot be installed ({problem})"),
        install: format!("cp {TESTS}/package*.json {0} && npm ci --prefix {0}", folder.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_counts_are_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
        assert_eq!(counted("ℹ pass 12", "pass"), 12);
        assert_eq!(counted("ℹ passed 12", "pass"), 0);
        assert_eq!(counted("✔ pass 12 (3ms)", "pass"), 0);
        assert_eq!(counted("ℹ skipped 1", "skipped"), 1);
    }

    #[test]
    fn the_tests_are_found() {
        let found = tests(&shell::root().join(TESTS)).unwrap();
        assert!(found.len() > 2 && found.iter().all(|path| path.is_file()), "{found:?}");
    }
}
