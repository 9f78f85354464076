//! `graven exec` on a server: without a receipt for the intent, nothing is run.

use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::{Category, Entry, Phase, Redaction, Redactor};

use super::said::{Ended, Said};
use super::watch::Watch;
use super::{Args, NO_RESULT, nothing_was_run};
use crate::record::remote::hand_in;
use crate::shared::failure::{Ending, Failure};
use crate::shared::remote::{Remote, TOKEN};
use crate::shared::text;
use crate::shared::ui::Ui;

/// How long the server is asked to take the intent.
const INTENT: Duration = Duration::from_secs(5);

/// How long it is asked to take the result. The command has ended, and its exit code is waited for.
const RESULT: Duration = Duration::from_secs(30);

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    let run = args.run();
    // The server has the rules of the trail; until it has the entry, those that every trail begins with.
    let redactor = Redactor::new(Redaction::default()).map_err(|error| nothing_was_run(error.into()))?;
    let said = Said::of(run.argv, run.dir, &redactor);
    let intent = run.intent(&said);
    let action = intent.action.clone();
    let watch = Watch::prepare(run.output)
        .map_err(|error| nothing_was_run(Failure::cannot(format_args!("cannot watch a command: {error}"))))?;
    let intent = hand_in(remote, intent, INTENT).map_err(nothing_was_run)?;
    // If this process ends here or later, the intent stays without a result.
    let clock = OsClock::new();
    let mut command = run.command();
    // With the token, the command could record what it likes.
    command.env_remove(TOKEN);
    let (end, [stdout, stderr]) = watch.run(command);
    let (exit, not_run) = (end.exit(), end.why_not_run(&run.argv[0]));
    if let Some(why) = &not_run {
        ui.note(format_args!("graven: {why}"));
    }
    let mut result = Entry::new(Category::ToolExecution, action, end.outcome()).cut_to_fit();
    run.fields.fill(&mut result);
    run.fields.fill_result(&mut result);
    // What was decided about the command stands in its intent.
    result.approval = None;
    let result = result.phase(Phase::Result).intent_id(&intent.id).duration(clock.elapsed());
    let result = result.detail(Ended { said, end, stdout, stderr });
    let receipt = hand_in(remote, result, RESULT).map_err(|failure| {
        let message = format!(
            "the result of the command, exit code {exit}, could not be recorded: {}",
            failure.message
        );
        Failure { exit: if args.strict { NO_RESULT } else { exit }, message, ..failure }.advise(format_args!(
            "entry {} is its intent; without a result, `graven pending` lists it",
            intent.index
        ))
    })?;
    if ui.json() {
        ui.note(text::json(&receipt).unwrap_or_default());
    }
    Ok(exit)
}
