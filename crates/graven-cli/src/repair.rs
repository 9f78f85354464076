//! `graven repair`: makes a trail that contradicts its checkpoint usable again, with the operator's word and a trace.

use std::io::{self, BufRead, IsTerminal};

use graven::{Detail, ErrorKind, Trail};
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::Target;
use crate::shared::text::{counted, safe};
use crate::shared::ui::{Look, Ui};

/// What the engine calls the trace of a repair, and how many entries of its own it may write when it opens a trail.
const REPAIRED: &str = "trail.repaired";
const ENGINE_ENTRIES_MAX: usize = 8;

/// The arguments of `graven repair`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Do not ask for the operator's word
    #[arg(long)]
    yes: bool,
}

const AFTER_HELP: &str = "\
A crash needs no repair: opening the trail to record mends what a crash leaves. Repair is for a trail that refuses to \
open because of what is past its last checkpoint. That is cut away and kept in torn/, and an entry says so for ever. \
What contradicts a checkpoint cannot be repaired, only restored from a copy. Copy the trail first: it is the evidence.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    args.target.must_exist()?;
    let refusal = match Trail::open(args.target.settings()) {
        Ok(trail) => return nothing_to_do(ui, &trail),
        Err(error) if error.kind() == ErrorKind::Data => error,
        Err(error) => return Err(error.into()),
    };
    if !args.yes {
        ask(ui, &args.target.read()?.meta().origin, &refusal)?;
    }
    let trail = Trail::repair(args.target.settings())?;
    let trace = trail.recent(ENGINE_ENTRIES_MAX).into_iter().find(|entry| entry.action == REPAIRED);
    let entries = trail.len();
    trail.close_blocking()?;
    let detail = trace.as_ref().and_then(|entry| entry.detail.as_ref()).map(Detail::as_str);
    if ui.json() {
        let detail = detail.and_then(|detail| serde_json::from_str::<serde_json::Value>(detail).ok());
        ui.object(
            &json!({"repaired": true, "entries": entries, "reason": refusal.chain(), "detail": detail}),
        )?;
        return Ok(failure::OK);
    }
    let count = counted(entries, "entry", "entries");
    ui.line(format_args!("{} the trail goes on, with {count}", ui.paint(Look::Good, "repaired:")))?;
    ui.fact("because", refusal.chain())?;
    ui.fact(
        "trace",
        format_args!("an entry of the action {REPAIRED}: {}", safe(detail.unwrap_or_default())),
    )?;
    ui.fact("cut bytes", args.target.layout().torn().display())?;
    Ok(failure::OK)
}

fn nothing_to_do(ui: Ui, trail: &Trail) -> Ending {
    let entries = trail.len();
    trail.close_blocking()?;
    if ui.json() {
        ui.object(&json!({"repaired": false, "entries": entries}))?;
    } else {
        let count = counted(entries, "entry", "entries");
        ui.line(format_args!("nothing to repair: the trail opens as it is, with {count}"))?;
    }
    Ok(failure::OK)
}

/// The operator's word: the origin of the trail, typed.
fn ask(ui: Ui, origin: &str, refusal: &graven::Error) -> Result<(), Failure> {
    ui.note(format_args!("{} {}", ui.paint_err(Look::Bad, "the trail refuses to open:"), refusal.chain()));
    let refused = || {
        Failure::cannot("nothing was changed: repair needs your word")
            .advise("type the origin, or give --yes")
    };
    if !io::stdin().is_terminal() {
        return Err(refused());
    }
    ui.note("What is past its last checkpoint and does not fit will be cut away, and kept in torn/.");
    ui.note(format_args!("Type the origin of the trail, {origin}, to go on:"));
    let mut word = String::new();
    let read = io::stdin().lock().read_line(&mut word);
    read.map_err(|error| Failure::cannot(format_args!("cannot read your answer: {error}")))?;
    if word.trim() == origin { Ok(()) } else { Err(refused()) }
}
