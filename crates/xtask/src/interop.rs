//! Other people's code in Go: `interop/go` judges what our binary exports and proves, and `interop/kubernetes` hands in what
//! the API server of Kubernetes sends.

use std::env::consts::{ARCH, OS};
use std::path::Path;
use std::process::Command;

use crate::report::Outcome;
use crate::{release, shell};

/// Programs that log in at our server, beside Go itself.
const CLIENTS: [&str; 2] = ["curl", "python3"];

/// The oldest Go that builds them.
const GO: (u32, u32) = (1, 26);

/// The modules, below `interop`. What one needs is not the other's.
const MODULES: [&str; 2] = ["go", "kubernetes"];

/// Builds our binary and hands it to `go test`.
pub(crate) fn suite() -> Outcome {
    let modules = MODULES.map(|name| shell::root().join("interop").join(name));
    let version = go_version(&modules[0]);
    if version.is_none_or(|version| version < GO) {
        return Outcome::NotRun { why: missing(version), install: install() };
    }
    if let Some(missing) = CLIENTS.iter().find(|client| !answers(client)) {
        return Outcome::NotRun {
            why: format!("{missing} is missing"),
            install: format!("apt-get install {missing}"),
        };
    }
    let judged = release::build()
        .and_then(|binary| modules.iter().map(|module| judge(module, &binary)).sum::<Result<u64, String>>());
    match judged {
        Ok(tests) => Outcome::Passed { tests: Some(tests) },
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Formatting and the lock file, then the tests; how many passed.
fn judge(module: &Path, binary: &Path) -> Result<u64, String> {
    let unformatted = shell::output(Command::new("gofmt").args(["-l", "."]).current_dir(module));
    if let Some(files) = unformatted.filter(|files| !files.is_empty()) {
        return Err(format!("gofmt would change {}", files.trim().replace('\n', ", ")));
    }
    for check in [&["mod", "tidy", "-diff"][..], &["mod", "verify"]] {
        shell::run(Command::new("go").args(check).current_dir(module))?;
    }
    let mut go = Command::new("go");
    go.args(["test", "-count=1", "-v", "-timeout", "10m", "./..."])
        .current_dir(module)
        .env("GRAVEN_BIN", binary);
    let (mut passed, mut skipped) = (0, 0);
    shell::run_seen(&mut go, |line| {
        passed += u64::from(line.trim_start().starts_with("--- PASS"));
        skipped += u64::from(line.trim_start().starts_with("--- SKIP"));
    })?;
    match (passed, skipped) {
        (0, _) => Err("no Go test ran".to_owned()),
        (_, 0) => Ok(passed),
        _ => Err(format!("{skipped} Go tests were skipped, none may be")),
    }
}

/// Whether a program is there.
fn answers(program: &str) -> bool {
    shell::output(Command::new(program).arg("--version")).is_some()
}

/// The Go that the module gets, which may be newer than the one on the path: Go fetches what a `go.mod` asks for.
fn go_version(module: &Path) -> Option<(u32, u32)> {
    parse_version(&shell::output(Command::new("go").arg("version").current_dir(module))?)
}

/// Major and minor out of `go version go1.26.8 linux/amd64`.
fn parse_version(line: &str) -> Option<(u32, u32)> {
    let mut numbers = line.split_whitespace().nth(2)?.strip_prefix("go")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

fn missing(found: Option<(u32, u32)>) -> String {
    let wanted = format!("Go {}.{} or newer is missing", GO.0, GO.1);
    match found {
        Some((major, minor)) => format!("{wanted} (found {major}.{minor})"),
        None => wanted,
    }
}

/// A command that needs no root.
fn install() -> String {
    let system = if OS == "macos" { "darwin" } else { OS };
    let machine = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let archive = format!("https://go.dev/dl/go{}.{}.0.{system}-{machine}.tar.gz", GO.0, GO.1);
    format!(
        "mkdir -p ~/.local && curl -fsSL {archive} | tar -xz -C ~/.local && export PATH=~/.local/go/bin:$PATH"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(parse_version("go version go1.26.8 linux/amd64\n"), Some((1, 26)));
        assert_eq!(parse_version("go version go1.27rc1 darwin/arm64"), Some((1, 27)));
        assert_eq!(parse_version("go version devel"), None);
        assert!(parse_version("go version go1.9 linux/amd64").expect("a version") < GO);
        assert!((2, 0) > GO);
    }
}
