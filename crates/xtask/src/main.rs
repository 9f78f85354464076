//! The developer's commands: `cargo xtask help` lists them.
//!
//! `cargo xtask test` runs every suite of [`suites`], one after the other, and never stops at the first that fails:
//! the table at the end ([`report`]) says what ran. Continuous integration calls the same command.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "these commands read the repository, measure time and speak to a terminal; nothing of this is shipped"
)]

use std::env;
use std::process::ExitCode;

mod api;
mod apt;
mod archive;
mod budget;
mod cargo_test;
mod deny;
mod faults;
mod fuzz;
mod interop;
mod miri;
mod otlp;
mod packages;
mod page;
mod prebuilt;
mod release;
mod report;
mod shell;
mod suites;
mod tidy;
mod tsan;
mod venv;

const HELP: &str = "\
cargo xtask test [SUITE…]   run every suite, or those named; the summary is at the end
cargo xtask lint            run tidy, fmt, deny, clippy, wasm and doc: everything but the tests
cargo xtask fmt             format all code
cargo xtask doc             build the documentation, private items included: target/doc/graven/index.html
cargo xtask bench [ARG…]    run graven bench, built for speed; try --json
cargo xtask deb             make the package for Debian
cargo xtask fuzz T [SECS]   run one fuzz target, for a minute or SECS seconds; the targets are in fuzz/fuzz_targets
cargo xtask advisories      ask today's advisory database about all dependencies; needs the network, so once a week
cargo xtask miri            run graven-core's tests under Miri; needs a nightly compiler that has it
cargo xtask tsan [TEST…]    run graven's tests under ThreadSanitizer; needs the sources of the standard library
cargo xtask help            print this text

exit codes: 0 all passed, 1 something failed, 2 bad usage, 3 nothing failed but a suite could not run

";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.split_first() {
        Some((&"test", [])) => run(suites::ALL.iter().collect()),
        Some((&"test", names)) => named(names),
        Some((&"lint", [])) => run(suites::ALL.iter().filter(|suite| suite.lint).collect()),
        Some((&"fmt", [])) => only(shell::cargo(&["fmt", "--all"])),
        Some((&"doc", [])) => only(suites::build_docs()),
        Some((&"bench", rest)) => {
            let command = ["run", "--release", "--package", "graven-cli", "--", "bench"];
            only(shell::cargo(&[&command[..], rest].concat()))
        }
        Some((&"deb", [])) => only(packages::command()),
        Some((&"fuzz", rest)) => only(fuzz::command(rest)),
        Some((&"advisories", [])) => only(deny::advisories()),
        Some((&"miri", [])) => only(miri::command()),
        Some((&"tsan", tests)) => only(tsan::command(tests)),
        None | Some((&("help" | "-h" | "--help"), _)) => {
            print_help();
            ExitCode::SUCCESS
        }
        _ => usage(&format!("no such command: {}", arguments.join(" "))),
    }
}

/// Runs the suites and prints the summary.
fn run(chosen: Vec<&suites::Suite>) -> ExitCode {
    let mut rows = Vec::new();
    for suite in chosen {
        println!("\n=== {}: {}", suite.name, suite.what);
        rows.push(report::Row::measure(suite.name, suite.run));
    }
    print!("{}", report::summary(&rows));
    ExitCode::from(report::exit_code(&rows))
}

/// Runs the suites of these names, in their own order.
fn named(names: &[&str]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| !suites::ALL.iter().any(|suite| suite.name == **name)) {
        return usage(&format!("no such suite: {unknown}"));
    }
    run(suites::ALL.iter().filter(|suite| names.contains(&suite.name)).collect())
}

/// The exit code of a command that is no suite.
fn only(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\n");
    print_help();
    ExitCode::from(2)
}

fn print_help() {
    print!("{HELP}");
    let budget::Budget { usual, long } = budget::FUZZ;
    println!("{}=1: fuzz runs each target for {long} s instead of {usual} s,", budget::LONG);
    let budget::Budget { usual, long } = budget::SIM;
    println!("               and sim runs for {long} s instead of {usual} s\n\nsuites:");
    for suite in suites::ALL {
        println!("  {:<8} {}", suite.name, suite.what);
    }
}
