//! The `graven` command: records, shows, proves and verifies audit trails.
//!
//! Each command has a file of its name, and a folder where it needs more than one file. What two or more commands use
//! is in [`shared`]: output, failures, the trail in the arguments, progress bars, the user's files.

mod bench;
mod completions;
#[cfg(feature = "server")]
mod config;
mod demo;
mod exec;
mod export;
#[cfg(feature = "remote")]
mod health;
mod import;
mod index;
mod init;
mod key;
mod man;
mod pending;
mod prove;
mod record;
mod redact;
mod repair;
#[cfg(feature = "archive")]
mod restore;
mod salvage;
mod search;
#[cfg(feature = "server")]
mod serve;
mod session;
mod shared;
#[cfg(feature = "archive")]
mod ship;
mod show;
mod soak;
mod stats;
mod tail;
#[cfg(feature = "server")]
mod token;
mod verify;

use std::panic;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ContextValue;
use clap::{Parser, Subcommand};
use signal_hook::consts::SIGXFSZ;

use crate::shared::failure::{CANNOT, Ending, OK};
use crate::shared::text::safe;
use crate::shared::ui::{Colours, Ui};

/// An audit trail that anyone can check: every action one JSON line, durable before it is acknowledged, under a
/// signed Merkle tree.
#[derive(Debug, Parser)]
#[command(name = "graven", bin_name = "graven", version, propagate_version = true, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print the answer as JSON
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Choose when to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 901)]
    color: Colours,
}

const AFTER_HELP: &str = "\
Start with `graven demo`: it shows what a trail can do, in a few seconds.

In place of DIR, record, exec, search, tail, show, prove, stats and pending take the address of a trail on a server, \
http(s)://HOST/v1/trails/NAME, with a token of the server in the variable GRAVEN_TOKEN. GRAVEN_CA_FILE names a file with \
the certificates to trust, when the server has one of your own.

verify, tail, show, prove, search, session, key and export also take the URL of an archive, s3://BUCKET/PREFIX, \
gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER, with the credentials that the tools of the store take.

Exit codes: 0 success (verify: intact), 1 a problem was found (tampering, damage, a refused line), 2 no answer (wrong \
usage, unreadable, unavailable). `graven exec` ends with the exit code of its command.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a trail
    Init(init::Args),
    /// Print the verifier key and nothing else
    Key(key::Args),
    /// Record one entry, or many entries from standard input
    Record(record::Args),
    /// Run a command and record that it ran
    Exec(exec::Args),
    /// Import a file once: entries, or events of other programs, including broken lines
    Import(import::Args),
    /// Show the newest entries, and follow new ones
    Tail(tail::Args),
    /// Show one entry
    Show(show::Args),
    /// Search a trail, and prove each hit
    Search(search::Args),
    /// Show one session from its first entry to its last
    Session(session::Args),
    /// Make the index of a trail, or compare it with the log
    Index(index::Args),
    /// List acts that began and have no result
    Pending(pending::Args),
    /// Write a proof that an entry is in the trail
    Prove(prove::Args),
    /// Verify a whole trail, or one proof offline
    Verify(verify::Args),
    /// Print statistics of a trail
    Stats(stats::Args),
    /// Put a trail into object storage while it grows
    #[cfg(feature = "archive")]
    Ship(ship::Args),
    /// Serve trails over HTTP, to programs in any language
    #[cfg(feature = "server")]
    Serve(serve::Args),
    /// Say whether a server can record
    #[cfg(feature = "remote")]
    Health(health::Args),
    /// Make, list and revoke the tokens of a server
    #[cfg(feature = "server")]
    Token(token::Args),
    /// Print the settings of a server, and where each came from
    #[cfg(feature = "server")]
    Config(config::Args),
    /// Export a trail in a format that other programs read
    Export(export::Args),
    /// Bring a trail back from its archive
    #[cfg(feature = "archive")]
    Restore(restore::Args),
    /// Remove secrets from a text, or show which secrets a trail would remove
    Redact(redact::Args),
    /// Repair a trail that contradicts its checkpoint, and record the repair
    Repair(repair::Args),
    /// Record again what a lost machine had recorded, once its disk turns up
    Salvage(salvage::Args),
    /// Measure this machine, and Graven on this machine
    Bench(bench::Args),
    /// Record, kill, verify and tamper in a loop, then report
    Soak(soak::Args),
    /// Show how a trail is recorded, proved and tampered with
    Demo(demo::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print or write the manual pages
    Man(man::Args),
}

fn main() -> ExitCode {
    outlive_file_limits();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(error),
    };
    let ui = Ui::new(cli.json, cli.color);
    panic::set_hook(Box::new(move |info| {
        let place =
            info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        ui.note(format_args!(
            "graven: a fault in Graven{place}: {}. Please report it.",
            fault(info.payload())
        ));
    }));
    // The hook has reported a panic. Acknowledged entries are durable anyway.
    let outcome = panic::catch_unwind(|| run(&cli.command, ui)).unwrap_or(Ok(CANNOT));
    ExitCode::from(outcome.unwrap_or_else(|failure| {
        ui.fail(&failure);
        failure.exit
    }))
}

/// A file that may not grow (`ulimit -f`) is a failed write, which is told as any other, and not the end of this process.
///
/// The signal is handled, not ignored, because a command that `exec` runs would inherit an ignored one.
fn outlive_file_limits() {
    // If it cannot be handled, the signal ends this process at such a write, as it would without this.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Prints the help, or what is wrong with the arguments, which the message repeats.
fn usage(mut error: clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Only this program's own text. Its reader may have gone.
        let _ = error.print();
        return ExitCode::from(OK);
    }
    // A line end in an argument must not pass for one of the message.
    let values: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in values {
        let value = match value {
            ContextValue::String(value) => ContextValue::String(safe(&value)),
            ContextValue::Strings(values) => ContextValue::Strings(values.iter().map(|v| safe(v)).collect()),
            other => other,
        };
        error.insert(kind, value);
    }
    let message = error.render().to_string();
    let ui = Ui::new(false, Colours::Never);
    message.trim_end().lines().for_each(|line| ui.note(line));
    ExitCode::from(CANNOT)
}

fn run(command: &Command, ui: Ui) -> Ending {
    match command {
        Command::Init(args) => init::run(args, ui),
        Command::Key(args) => key::run(args, ui),
        Command::Record(args) => record::run(args, ui),
        Command::Exec(args) => exec::run(args, ui),
        Command::Import(args) => import::run(args, ui),
        Command::Tail(args) => tail::run(args, ui),
        Command::Show(args) => show::run(args, ui),
        Command::Search(args) => search::run(args, ui),
        Command::Session(args) => session::run(args, ui),
        Command::Index(args) => index::run(args, ui),
        Command::Pending(args) => pending::run(args, ui),
        Command::Prove(args) => prove::run(args, ui),
        Command::Verify(args) => verify::run(args, ui),
        Command::Stats(args) => stats::run(args, ui),
        #[cfg(feature = "archive")]
        Command::Ship(args) => ship::run(args, ui),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args, ui),
        #[cfg(feature = "remote")]
        Command::Health(args) => health::run(args, ui),
        #[cfg(feature = "server")]
        Command::Token(args) => token::run(args, ui),
        #[cfg(feature = "server")]
        Command::Config(args) => config::run(args, ui),
        Command::Export(args) => export::run(args, ui),
        #[cfg(feature = "archive")]
        Command::Restore(args) => restore::run(args, ui),
        Command::Redact(args) => redact::run(args, ui),
        Command::Repair(args) => repair::run(args, ui),
        Command::Salvage(args) => salvage::run(args, ui),
        Command::Bench(args) => bench::run(args, ui),
        Command::Soak(args) => soak::run(args, ui),
        Command::Demo(args) => demo::run(args, ui),
        Command::Completions(args) => completions::run(args, ui),
        Command::Man(args) => man::run(args, ui),
    }
}

fn fault(payload: &dyn std::any::Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
