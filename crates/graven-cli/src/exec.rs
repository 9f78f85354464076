//! `graven exec`: runs a command and records that it ran.

mod ballast;
mod copier;
mod signals;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use graven::clock::{Clock, OsClock};
use graven::{Category, Entry, Outcome, Receipt, Redactor, Trail};
use serde::Serialize;

use crate::shared::failure::{Ending, Failure};
use crate::shared::fields::Fields;
use crate::shared::target::Target;
use crate::shared::text;
use crate::shared::ui::Ui;

use ballast::Ballast;
use copier::{Measured, Meter};
use signals::Signals;

/// No entry can be recorded.
const NOT_RECORDED: u8 = 125;
/// The command must not be run.
const MAY_NOT_RUN: u8 = 126;
/// There is no such command.
const NO_SUCH_COMMAND: u8 = 127;
/// A shell adds this to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// The arguments of `graven exec`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Set the action [default: `tool:` and the name of the command]
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Pass the output on directly, without a pipe and without measuring it
    #[arg(long)]
    no_output: bool,
    #[command(flatten)]
    fields: Fields,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
The command inherits standard input. Its standard output and standard error go through two pipes, to measure size and \
SHA-256. So the command sees pipes instead of a terminal, and the order of the two outputs may change; --no-output \
avoids both. The entry is written when the command has ended and its output is closed; a process that the command \
left running can delay this. With --json the receipt goes to standard error.

Exit codes: that of the command; 128+n when signal n ended it; 126 when it may not be run (recorded as denied); 127 \
when there is no such command; 125 when no entry can be recorded: then nothing is run.";

/// A command to run and record.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    /// The command and its arguments.
    pub(crate) argv: &'a [OsString],
    /// The action of the entry. Default: `tool:` and the name of the command.
    pub(crate) action: Option<&'a str>,
    /// Who acted, for whom, in which session.
    pub(crate) fields: &'a Fields,
    /// Where its output goes.
    pub(crate) output: Output,
    /// The working directory. Default: that of this process.
    pub(crate) dir: Option<&'a Path>,
}

/// Where a command's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Through this process, to the same stream.
    Measured,
    /// Through this process, both streams to standard error.
    ToStderr,
    /// Directly to the streams of this process.
    Inherited,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code to pass on.
    pub(crate) exit: u8,
    /// The outcome in the entry.
    pub(crate) outcome: Outcome,
    /// Why the command was not run, or not watched to its end.
    pub(crate) not_run: Option<String>,
    /// The receipt of the entry.
    pub(crate) receipt: Receipt,
}

/// The detail of the entry.
#[derive(Debug, Serialize)]
struct Detail {
    argv: Vec<String>,
    /// The exact bytes, when an argument is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    argv_base64: Option<Vec<String>>,
    cwd: Option<String>,
    #[serde(flatten)]
    end: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<Measured>,
}

/// How a command ended.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum End {
    Exited {
        exit_code: i32,
    },
    Signalled {
        signal: i32,
        signal_name: Option<&'static str>,
        core_dumped: bool,
    },
    NotRun {
        exit_code: u8,
        error: String,
        #[serde(skip)]
        denied: bool,
    },
    Unwatched {
        error: String,
    },
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let not_run = |failure: Failure| {
        let message = format!("nothing was run, because nothing could be recorded: {}", failure.message);
        Failure { exit: NOT_RECORDED, message, ..failure }
    };
    let trail = args.target.open().map_err(not_run)?;
    let run = Run {
        argv: &args.command,
        action: args.action.as_deref(),
        fields: &args.fields,
        output: if args.no_output { Output::Inherited } else { Output::Measured },
        dir: None,
    };
    let ran = run.record_in(&trail)?;
    if let Some(why) = &ran.not_run {
        ui.note(format_args!("graven: {why}"));
    }
    if ui.json() {
        ui.note(text::json(&ran.receipt).unwrap_or_default());
    }
    if let Err(error) = trail.close_blocking() {
        // The entry is durable. Only the closing of the trail failed.
        ui.warn(format_args!("the trail could not be closed: {}", error.chain()));
    }
    Ok(ran.exit)
}

impl Run<'_> {
    /// Runs the command and writes the entry.
    pub(crate) fn record_in(&self, trail: &Trail) -> Result<Ran, Failure> {
        let clock = OsClock::new();
        self.draft(Outcome::Success)
            .check()
            .map_err(|error| Failure::cannot(format_args!("nothing was run: {error}")).exit(NOT_RECORDED))?;
        let ballast = Ballast::take(trail.layout()).map_err(|error| {
            let place = trail.layout().dir();
            Failure::file("reserve space in", place, &error)
                .exit(NOT_RECORDED)
                .advise("nothing was run, because nothing could be recorded; is the disk full?")
        })?;
        let (end, stdout, stderr) = self.run()?;
        drop(ballast);
        let exit = end.exit();
        let outcome = end.outcome();
        let not_run = end.why_not_run(&self.argv[0]);
        let mut entry = self.draft(outcome);
        entry.duration_ms = Some(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
        let entry = entry.detail(self.detail(&trail.redactor(), end, stdout, stderr));
        let receipt = trail.record_blocking(entry).map_err(|error| {
            Failure::cannot(format_args!(
                "the command ran and ended with exit code {exit}, but that could not be recorded: {}",
                error.chain()
            ))
            .exit(NOT_RECORDED)
        })?;
        Ok(Ran { exit, outcome, not_run, receipt })
    }

    /// The entry without what is known only after the run.
    fn draft(&self, outcome: Outcome) -> Entry {
        let action = self.action.map_or_else(|| format!("tool:{}", name_of(&self.argv[0])), str::to_owned);
        // A long text must not keep a command that ran out of the trail.
        let mut entry = Entry::new(Category::ToolExecution, action, outcome).cut_to_fit();
        self.fields.fill(&mut entry);
        entry
    }

    fn detail(
        &self,
        redactor: &Redactor,
        end: End,
        stdout: Option<Measured>,
        stderr: Option<Measured>,
    ) -> Detail {
        let foreign = self.argv.iter().any(|argument| argument.to_str().is_none());
        let given: Vec<_> =
            self.argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let argv = redactor.argv(&given);
        // No rule can find a secret in base64. So an argument with a secret is its redacted text in both lists.
        let base64 = || {
            let texts = self.argv.iter().zip(given.iter().zip(&argv));
            texts.map(|(argument, (given, redacted))| match given == redacted {
                true => graven_core::base64::encode(argument.as_encoded_bytes()),
                false => redacted.clone(),
            })
        };
        let cwd = self.dir.map_or_else(|| std::env::current_dir().ok(), |dir| Some(dir.to_owned()));
        Detail {
            argv_base64: foreign.then(|| base64().collect()),
            argv,
            cwd: cwd.map(|dir| dir.to_string_lossy().into_owned()),
            end,
            stdout,
            stderr,
        }
    }

    /// Runs the command until it ends. An error means that nothing was run.
    fn run(&self) -> Result<(End, Option<Measured>, Option<Measured>), Failure> {
        let no_signals = |error| {
            Failure::cannot(format_args!("nothing was run: cannot handle signals: {error}"))
                .exit(NOT_RECORDED)
        };
        let signals = Signals::hold().map_err(no_signals)?;
        let measured = self.output != Output::Inherited;
        let output = || if measured { Stdio::piped() } else { Stdio::inherit() };
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).stdout(output()).stderr(output());
        if let Some(dir) = self.dir {
            command.current_dir(dir);
        }
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok((End::not_run(&error), None, None)),
        };
        let meters = [Meter::default(), Meter::default()];
        let watched = watch(child, signals, &meters, self.output);
        let end = watched.unwrap_or_else(|error| End::Unwatched { error: error.to_string() });
        let [stdout, stderr] = meters.map(|meter| measured.then(|| meter.measured()));
        Ok((end, stdout, stderr))
    }
}

/// Passes signals to the command and its output on, until it has ended. It fails only when the system has no more
/// threads or file descriptors.
fn watch(
    mut child: Child,
    signals: Signals,
    [stdout, stderr]: &[Meter; 2],
    output: Output,
) -> io::Result<End> {
    let (done, events) = mpsc::channel();
    let copied = || {
        let done = done.clone();
        move || drop(done.send(Event::Copied))
    };
    let mut open = 0;
    if let Some(pipe) = child.stdout.take() {
        match output {
            Output::ToStderr => stdout.copy(pipe, io::stderr(), copied())?,
            _ => stdout.copy(pipe, io::stdout(), copied())?,
        }
        open += 1;
    }
    if let Some(pipe) = child.stderr.take() {
        stderr.copy(pipe, io::stderr(), copied())?;
        open += 1;
    }
    let late = done.clone();
    let mut passing = signals.pass_to(child, move || drop(late.send(Event::AskedToEnd)))?;
    let status = passing.wait()?;
    // A process that the command left running may keep the output open. Then a signal can end the wait.
    while open > 0 && matches!(events.recv(), Ok(Event::Copied)) {
        open -= 1;
    }
    Ok(End::of(status))
}

/// An event while output is copied.
enum Event {
    /// One of the two streams is closed and copied.
    Copied,
    /// The command has ended, and a signal asked this process to end too.
    AskedToEnd,
}

impl End {
    fn of(status: ExitStatus) -> End {
        match (status.code(), status.signal()) {
            (Some(exit_code), _) => End::Exited { exit_code },
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                End::Signalled {
                    signal,
                    signal_name: signals::name(signal),
                    core_dumped: status.core_dumped(),
                }
            }
        }
    }

    fn not_run(error: &io::Error) -> End {
        let exit_code = if error.kind() == io::ErrorKind::NotFound { NO_SUCH_COMMAND } else { MAY_NOT_RUN };
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        End::NotRun { exit_code, error: error.to_string(), denied }
    }

    fn why_not_run(&self, command: &OsStr) -> Option<String> {
        let command = command.display();
        match self {
            End::NotRun { exit_code: NO_SUCH_COMMAND, .. } => Some(format!("{command}: no such command")),
            End::NotRun { error, .. } => Some(format!("{command} may not be run: {error}")),
            End::Unwatched { error } => {
                Some(format!("{command} was started, but could not be watched: {error}"))
            }
            End::Exited { .. } | End::Signalled { .. } => None,
        }
    }

    fn exit(&self) -> u8 {
        match self {
            End::Exited { exit_code } => (exit_code & 0xff) as u8,
            End::Signalled { signal, .. } => ((SIGNALLED + signal) & 0xff) as u8,
            End::NotRun { exit_code, .. } => *exit_code,
            End::Unwatched { .. } => NOT_RECORDED,
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            End::Exited { exit_code: 0 } => Outcome::Success,
            End::NotRun { denied: true, .. } => Outcome::Denied,
            _ => Outcome::Failure,
        }
    }
}

/// The last part of a command's path.
fn name_of(command: &OsStr) -> String {
    Path::new(command).file_name().unwrap_or(command).to_string_lossy().into_owned()
}
