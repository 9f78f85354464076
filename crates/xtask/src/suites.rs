//! The suites of `cargo xtask test`, cheapest first.

use std::process::Command;

use crate::report::Outcome;
use crate::shell;
use crate::{api, archive, cargo_test, deny, faults, fuzz, interop, otlp, packages, page, release, tidy};

/// A part of the tests that can be run by itself.
pub(crate) struct Suite {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) what: &'static str,
    /// Whether `cargo xtask lint` runs it too.
    pub(crate) lint: bool,
    /// Runs it.
    pub(crate) run: fn() -> Outcome,
}

/// Every suite, in the order in which they run.
pub(crate) const ALL: &[Suite] = &[
    Suite {
        name: "tidy",
        what: "what no lint can say: sizes, words, links, layers, circles, manifests, lock files",
        lint: true,
        run: tidy::suite,
    },
    Suite { name: "fmt", what: "the code is formatted", lint: true, run: fmt },
    Suite {
        name: "deny",
        what: "licences, bans and sources of all dependencies",
        lint: true,
        run: deny::suite,
    },
    Suite { name: "clippy", what: "lints; a warning is an error", lint: true, run: clippy },
    Suite {
        name: "wasm",
        what: "graven-core and graven-formats compile where there are no files, clock or threads",
        lint: true,
        run: wasm,
    },
    Suite {
        name: "package",
        what: "every crate that is published can be packed, in the order of publishing",
        lint: true,
        run: package,
    },
    Suite { name: "doc", what: "the documentation builds, and no link in it is stale", lint: true, run: doc },
    Suite { name: "tests", what: "unit and integration tests of all crates", lint: false, run: tests },
    Suite {
        name: "doctests",
        what: "the examples in the documentation and the README",
        lint: false,
        run: doctests,
    },
    Suite {
        name: "release",
        what: "the binary as it is shipped, without a warning",
        lint: false,
        run: release::suite,
    },
    Suite {
        name: "interop",
        what: "independent Go code judges our logs and proofs and hands in audit events, and TLS clients of others log in",
        lint: false,
        run: interop::suite,
    },
    Suite {
        name: "api",
        what: "requests made up from openapi.json find no fault and no answer that it does not describe",
        lint: false,
        run: api::suite,
    },
    Suite {
        name: "otlp",
        what: "the exporters of OpenTelemetry lose and double nothing while the server is killed and refuses",
        lint: false,
        run: otlp::suite,
    },
    Suite {
        name: "archive",
        what: "archives in a second store of S3, which keeps no conditions by itself: moto",
        lint: false,
        run: archive::suite,
    },
    Suite {
        name: "packages",
        what: "the package under a systemd of its own, the proxies of the guide, and the Dockerfile",
        lint: false,
        run: packages::suite,
    },
    Suite {
        name: "page",
        what: "the page in a real browser: by mouse and keyboard, in both themes, and what axe and tsc find",
        lint: false,
        run: page::suite,
    },
    Suite {
        name: "fuzz",
        what: "each parser and the whole engine, fed for a short time with what nobody would write",
        lint: false,
        run: fuzz::suite,
    },
    Suite {
        name: "faults",
        what: "the shipped binary under failing system calls, kills and power cuts",
        lint: false,
        run: faults::suite,
    },
    Suite {
        name: "sim",
        what: "the real engine on a simulated disk that fails, for a short time from a fresh seed",
        lint: false,
        run: release::simulate,
    },
    Suite { name: "demo", what: "graven demo names every tampering", lint: false, run: release::demo },
];

// Every command below names the whole workspace, also where it needs one package. So each dependency has the same
// features in all of them, and what one has built the next takes.

fn fmt() -> Outcome {
    needs_component("fmt", "rustfmt", || shell::cargo(&["fmt", "--all", "--check"]).into())
}

fn clippy() -> Outcome {
    let each = [
        &["--workspace", "--all-features", "--all-targets"][..],
        // A test that plain `cargo test` leaves out, `--all-targets` leaves out too.
        &["--workspace", "--all-features", "--test", "faults"],
        // The smallest command: without a server or a client of one.
        &["--package", "graven-cli", "--no-default-features", "--bins"],
    ]
    .map(|targets| shell::locked(&[&["clippy"], targets, &["--", "--deny", "warnings"]].concat()));
    needs_component("clippy", "clippy", || {
        each.into_iter().try_for_each(|mut command| shell::run(&mut command)).into()
    })
}

fn wasm() -> Outcome {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed = || {
        let list = shell::output(Command::new("rustup").args(["target", "list", "--installed"]));
        list.is_some_and(|list| list.lines().any(|line| line == TARGET))
    };
    if !installed() {
        // Whether this worked shows below.
        let _ = shell::run(Command::new("rustup").args(["target", "add", TARGET]));
    }
    if installed() {
        let packages = ["--package", "graven-core", "--package", "graven-formats"];
        shell::run(&mut shell::locked(&[&["check"], &packages[..], &["--target", TARGET]].concat())).into()
    } else {
        Outcome::NotRun {
            why: format!("the target {TARGET} is missing"),
            install: format!("rustup target add {TARGET}"),
        }
    }
}

/// Without building each package once more: it is what all other suites build.
fn package() -> Outcome {
    let arguments = ["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty"];
    shell::run(&mut shell::locked(&arguments)).into()
}

fn doc() -> Outcome {
    build_docs().into()
}

/// Builds the documentation with private items, since the way of an entry leads through private modules.
pub(crate) fn build_docs() -> Result<(), String> {
    // With the examples, which have the features of the tests as clippy has them.
    let common =
        ["doc", "--no-deps", "--workspace", "--all-features", "--document-private-items", "--examples"];
    // The binaries first: `graven` shares its name with the library, whose pages are to be those that stay. Cargo writes no
    // pages for a binary beside a library of the same package and name, which is the simulator's.
    for targets in [&["--bins", "--exclude", "graven-sim"][..], &["--lib"]] {
        let mut command = shell::locked(&[&common[..], targets].concat());
        shell::run(command.env("RUSTDOCFLAGS", "--deny warnings"))?;
    }
    Ok(())
}

fn tests() -> Outcome {
    let targets = ["--lib", "--bins", "--tests", "--examples", "--no-fail-fast"];
    cargo_test::counted(&mut shell::locked(&[&["test", "--workspace"][..], &targets].concat()))
}

fn doctests() -> Outcome {
    cargo_test::counted(&mut shell::locked(&["test", "--workspace", "--doc", "--no-fail-fast"]))
}

/// Runs a suite that needs a component of the toolchain, which is installed if it can be.
fn needs_component(subcommand: &str, component: &str, run: impl FnOnce() -> Outcome) -> Outcome {
    let there = || shell::output(&mut shell::cargo_command(&[subcommand, "--version"])).is_some();
    if !there() {
        // Whether this worked shows below.
        let _ = shell::run(Command::new("rustup").args(["component", "add", component]));
    }
    if there() {
        run()
    } else {
        Outcome::NotRun {
            why: format!("{component} is missing"),
            install: format!("rustup component add {component}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_suites_share_a_name() {
        for (number, suite) in ALL.iter().enumerate() {
            assert!(ALL[..number].iter().all(|earlier| earlier.name != suite.name), "{}", suite.name);
        }
    }
}
