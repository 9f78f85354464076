//! `graven exec`: records that a command will run, runs it, and records how it ended.

mod ballast;
mod copier;
mod end;
#[cfg(feature = "remote")]
mod remote;
mod said;
mod signals;
mod watch;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use graven::{Category, Entry, Outcome, Receipt, Trail};

use crate::shared::failure::{Ending, Failure};
use crate::shared::fields::Fields;
use crate::shared::target::Target;
use crate::shared::text;
use crate::shared::ui::Ui;

use ballast::Ballast;
use said::{Ended, Said};
use watch::Watch;

/// The result is not recorded, and `--strict` is given; or it is not known.
const NO_RESULT: u8 = 124;
/// Nothing was run, because no entry could be recorded.
const NOT_RECORDED: u8 = 125;

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
    /// Exit with 124 when the result cannot be recorded, not with the exit code of the command
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    fields: Fields,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Writes two entries: an intent before the command starts, and its result when the command has ended. If this process is \
killed meanwhile, or the result cannot be written, the intent stays without a result, and `graven pending` lists it.

The command inherits standard input. Its standard output and standard error go through two pipes, to measure size and \
SHA-256. So the command sees pipes instead of a terminal, and the order of the two outputs may change; --no-output \
avoids both. The result is written when the command has ended and its output is closed; a process that the command \
left running can delay this. With --json the receipt of the result goes to standard error.

Signals that ask this process to end are passed on to the command. The command starts with default signals, but those \
that nohup ignores stay ignored.

Exit codes: that of the command, also when its result cannot be recorded, unless --strict is given; 128+n when signal \
n ended it; 126 when it may not be run (recorded as denied); 127 when there is no such command; 125 when no intent can \
be recorded: then nothing is run; 124 with --strict when the result cannot be recorded, and always when it is not known.";

/// A command to run and record.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    /// The command and its arguments.
    pub(crate) argv: &'a [OsString],
    /// The action of the entries. Default: `tool:` and the name of the command.
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
    /// The outcome in the result.
    pub(crate) outcome: Outcome,
    /// Why the command was not run, or not watched to its end.
    pub(crate) not_run: Option<String>,
    /// The receipt of the intent.
    pub(crate) intent: Receipt,
    /// The receipt of the result, or why it could not be recorded.
    pub(crate) result: Result<Receipt, graven::Error>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui).map_err(nothing_was_run)? {
        return remote::run(args, ui, &server);
    }
    let trail = args.target.open().map_err(nothing_was_run)?;
    let ran = args.run().record_in(&trail)?;
    if let Some(why) = &ran.not_run {
        ui.note(format_args!("graven: {why}"));
    }
    let closed = trail.close_blocking();
    let receipt = ran.receipt().map_err(|failure| match args.strict {
        true => failure.exit(NO_RESULT),
        false => failure,
    })?;
    if ui.json() {
        ui.note(text::json(receipt).unwrap_or_default());
    }
    if let Err(error) = closed {
        // The entries are durable. Only the closing of the trail failed.
        ui.warn(format_args!("the trail could not be closed: {}", error.chain()));
    }
    Ok(ran.exit)
}

/// The failure of what must be ready before a command starts.
fn nothing_was_run(failure: Failure) -> Failure {
    let message = format!("nothing was run, because nothing could be recorded: {}", failure.message);
    Failure { exit: NOT_RECORDED, message, ..failure }
}

impl Args {
    fn run(&self) -> Run<'_> {
        Run {
            argv: &self.command,
            action: self.action.as_deref(),
            fields: &self.fields,
            output: if self.no_output { Output::Inherited } else { Output::Measured },
            dir: None,
        }
    }
}

impl Ran {
    /// The receipt of the result. Without one, the failure has the exit code of the command.
    pub(crate) fn receipt(&self) -> Result<&Receipt, Failure> {
        self.result.as_ref().map_err(|error| {
            Failure::cannot(format_args!(
                "the result of the command, exit code {}, could not be recorded: {}",
                self.exit,
                error.chain()
            ))
            .exit(self.exit)
            .advise(format_args!(
                "entry {} is its intent; without a result, `graven pending` lists it",
                self.intent.index
            ))
        })
    }
}

impl Run<'_> {
    /// Records the intent, runs the command, and records the result. An error means that nothing was run.
    pub(crate) fn record_in(&self, trail: &Trail) -> Result<Ran, Failure> {
        let said = Said::of(self.argv, self.dir, &trail.redactor());
        let intent = self.intent(&said);
        let detail_bytes = intent.detail.as_ref().map_or(0, |detail| detail.as_str().len());
        let ballast = Ballast::take(trail.layout(), detail_bytes).map_err(|error| {
            nothing_was_run(Failure::file("reserve space in", trail.layout().dir(), &error))
                .advise("is the disk full, or the size of files limited (ulimit -f)?")
        })?;
        // Whatever can be missing is taken before the intent. After it, only the start of the command can fail.
        let watch = Watch::prepare(self.output).map_err(|error| {
            nothing_was_run(Failure::cannot(format_args!("cannot watch a command: {error}")))
        })?;
        let act = trail.begin_blocking(intent).map_err(|error| nothing_was_run(error.into()))?;
        let intent = act.receipt().clone();
        // If this process ends here or later, the intent stays without a result.
        let (end, [stdout, stderr]) = watch.run(self.command());
        let (exit, outcome, not_run) = (end.exit(), end.outcome(), end.why_not_run(&self.argv[0]));
        // Frees the space that the result needs.
        drop(ballast);
        let result = act.finish_with_blocking(outcome, |mut result| {
            self.fields.fill_result(&mut result);
            result.detail(Ended { said, end, stdout, stderr })
        });
        Ok(Ran { exit, outcome, not_run, intent, result })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]);
        if let Some(dir) = self.dir {
            command.current_dir(dir);
        }
        command
    }

    fn intent(&self, said: &Said) -> Entry {
        let action = self.action.map_or_else(|| format!("tool:{}", name_of(&self.argv[0])), str::to_owned);
        // A long text must not keep a command out of the trail.
        let mut intent = Entry::intent(Category::ToolExecution, action).cut_to_fit();
        self.fields.fill(&mut intent);
        intent.detail(said)
    }
}

/// The last part of a command's path.
fn name_of(command: &OsStr) -> String {
    Path::new(command).file_name().unwrap_or(command).to_string_lossy().into_owned()
}
