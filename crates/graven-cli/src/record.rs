//! `graven record`: records one entry from flags, or many from standard input.

#[cfg(feature = "remote")]
pub(crate) mod remote;
mod stdin;

use std::time::Duration;

use clap::ValueEnum;
use graven::{Category, Detail, Entry, Outcome, Phase, Trail};
use graven_core::intake::BLOB_BYTES_MAX;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::fields::Fields;
use crate::shared::misspelled::Misspelled;
use crate::shared::submit;
use crate::shared::target::Target;
use crate::shared::ui::{Look, Ui};

/// How long to wait for a slow disk. A program that sends entries to standard input waits rather than lose them.
const PATIENCE: Duration = Duration::from_secs(3600);

const STDIN_ALONE: &str = "--stdin reads entries from standard input: leave out the flags for one entry";

/// The arguments of `graven record`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Read entries from standard input, one JSON object a line; print a receipt for each when it is durable
    #[arg(long)]
    stdin: bool,
    #[command(flatten)]
    one: One,
}

const AFTER_HELP: &str = "\
With --stdin, each line needs category, action and outcome; a missing id or timestamp is added. The answer to a line \
that is not an entry is {\"line\":…,\"error\":…}; the other lines are recorded, and the exit code is 1. Texts that \
are too long for their entry are cut, and a blob has all of them. A line \
may not have received_at or recorded_by: only a server that takes entries from clients sets these.";

/// The flags for one entry.
#[derive(Debug, Default, PartialEq, clap::Args)]
struct One {
    /// Set the category: api, tool_execution, session, cognition, swarm, auth, k8s, sandbox, config, or a snake_case
    /// name of your own
    #[arg(long, required_unless_present = "stdin")]
    category: Option<Category>,
    /// Set the action: what was done, such as tool:bash or `POST /api/session`
    #[arg(long, required_unless_present = "stdin")]
    action: Option<String>,
    /// Set the outcome; pending only with --phase intent
    #[arg(long, required_unless_present = "stdin")]
    outcome: Option<OutcomeArg>,
    /// Add a detail, as JSON; every digit of a number is kept
    #[arg(long, value_name = "JSON")]
    detail: Option<String>,
    /// Set how long the action took
    #[arg(long, value_name = "MS")]
    duration_ms: Option<u64>,
    /// Set the id [default: a new one]
    #[arg(long)]
    id: Option<String>,
    /// Set when it happened, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    timestamp: Option<chrono::DateTime<chrono::Utc>>,
    /// Set whether the entry is written before the action or after it
    #[arg(long)]
    phase: Option<PhaseArg>,
    /// Set the id of the entry written before the action
    #[arg(long, value_name = "ID")]
    intent_id: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutcomeArg {
    Success,
    Failure,
    Denied,
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PhaseArg {
    Intent,
    Result,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    args.target.must_exist()?;
    if args.stdin {
        if args.one != One::default() {
            return Err(Failure::cannot(STDIN_ALONE));
        }
        return many(args, ui);
    }
    let entry = args.one.entry()?;
    Misspelled::new(ui).look_at(&entry);
    let trail = Trail::open(args.target.settings())?;
    let receipt = trail.record_blocking(entry)?;
    if ui.json() {
        ui.object(&receipt)?;
    } else {
        ui.line(format_args!("{} entry {}", ui.paint(Look::Good, "recorded"), receipt.index))?;
        ui.fact("id", &receipt.id)?;
        ui.fact("leaf hash", receipt.leaf_hash)?;
    }
    trail.close_blocking()?;
    Ok(failure::OK)
}

/// Records standard input. Receipts are always JSON, because programs read them.
fn many(args: &Args, ui: Ui) -> Ending {
    let settings = args.target.settings();
    let settings = settings.queue_bytes(submit::QUEUE_BYTES).blob_bytes_max(BLOB_BYTES_MAX);
    let trail = Trail::open(settings.deadline(PATIENCE))?;
    let ending = stdin::run(&trail, ui);
    // Acknowledged entries are durable. A failure to close is reported only when recording did not fail.
    let closed = trail.close_blocking();
    let exit = ending?;
    closed?;
    Ok(exit)
}

impl One {
    fn entry(&self) -> Result<Entry, Failure> {
        let (Some(category), Some(action), Some(outcome)) = (&self.category, &self.action, self.outcome)
        else {
            return Err(Failure::cannot("--category, --action and --outcome are required"));
        };
        let mut entry = Entry::new(category.clone(), action, outcome.into());
        self.fields.fill(&mut entry);
        entry.id.clone_from(&self.id);
        entry.timestamp = self.timestamp;
        entry.duration_ms = self.duration_ms;
        entry.phase = self.phase.map(Phase::from);
        entry.intent_id.clone_from(&self.intent_id);
        if let Some(text) = &self.detail {
            let detail = Detail::parse(text).map_err(|error| {
                Failure::cannot(format_args!("--detail is not JSON: {error}"))
                    .advise("a text needs JSON quotes: --detail '\"some text\"'")
            })?;
            entry.detail = Some(detail);
        }
        entry
            .check()
            .map_err(|error| Failure::cannot(format_args!("this entry cannot be recorded: {error}")))?;
        // A text that a script passes on is often somebody else's.
        Ok(entry.cut_to_fit())
    }
}

impl From<OutcomeArg> for Outcome {
    fn from(outcome: OutcomeArg) -> Outcome {
        match outcome {
            OutcomeArg::Success => Outcome::Success,
            OutcomeArg::Failure => Outcome::Failure,
            OutcomeArg::Denied => Outcome::Denied,
            OutcomeArg::Pending => Outcome::Pending,
        }
    }
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Phase {
        match phase {
            PhaseArg::Intent => Phase::Intent,
            PhaseArg::Result => Phase::Result,
        }
    }
}

fn time(text: &str) -> Result<chrono::DateTime<chrono::Utc>, String> {
    graven_core::time::parse(text).map_err(|error| format!("{error}; such as 2026-01-31T12:00:00Z"))
}
