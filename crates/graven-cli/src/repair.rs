//! `graven repair`: makes a trail that contradicts its checkpoint usable again, after a confirmation, and records it.

use std::io::{self, BufRead, IsTerminal};

use graven::fsck::{self, VerifyOptions};
use graven::{Detail, ErrorKind, Machine, Trail};
use graven_core::verdict::Verdict;
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::Target;
use crate::shared::text::counted;
use crate::shared::ui::{Look, Ui};

/// The action of the entry about a repair, and the most entries that an opening writes.
const REPAIRED: &str = "trail.repaired";
const ENGINE_ENTRIES_MAX: usize = 8;

/// The arguments of `graven repair`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Repair without asking for confirmation
    #[arg(long)]
    yes: bool,
}

const AFTER_HELP: &str = "\
A crash needs no repair: the next opening to record recovers from it. Repair is for three things:
- What is after the last checkpoint and makes the trail refuse to open is cut off and kept in torn/.
- A live file that logrotate or a person renamed gets its name back.
- Damaged hashes in tiles/ are all made anew, when the entries lead to the signed root.

An entry records what was done. Entries that contradict a checkpoint cannot be repaired, only restored from a copy. \
Copy the trail first: it is evidence.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    args.target.must_exist()?;
    let because = match Trail::open(args.target.settings()) {
        Ok(trail) if has_whole_tiles(&trail)? => return nothing_to_do(ui, &trail),
        // Hashes are made anew from the log, and judged by the signed root: nothing to confirm.
        Ok(trail) => {
            trail.close_blocking()?;
            "hashes in tiles/ are damaged".to_owned()
        }
        Err(refusal) if refusal.kind() == ErrorKind::Data => {
            if !args.yes {
                ask(ui, &args.target.read()?.meta().origin, &refusal)?;
            }
            refusal.chain()
        }
        Err(error) => return Err(error.into()),
    };
    let trail = Trail::repair(args.target.settings())?;
    let trace = trail.recent(ENGINE_ENTRIES_MAX).into_iter().find(|entry| entry.action == REPAIRED);
    let entries = trail.len();
    trail.close_blocking()?;
    let detail = trace.as_ref().and_then(|entry| entry.detail.as_ref()).map(Detail::as_str);
    if ui.json() {
        let detail = detail.and_then(|detail| serde_json::from_str::<serde_json::Value>(detail).ok());
        ui.object(&json!({"repaired": true, "entries": entries, "reason": because, "detail": detail}))?;
        return Ok(failure::OK);
    }
    let count = counted(entries, "entry", "entries");
    ui.line(format_args!("{} the trail can be used again, with {count}", ui.paint(Look::Good, "repaired:")))?;
    ui.fact("because", because)?;
    ui.fact("trace", format_args!("an entry with the action {REPAIRED}: {}", detail.unwrap_or_default()))?;
    ui.fact("cut bytes", args.target.layout().torn().display())?;
    Ok(failure::OK)
}

/// Whether the hashes in `tiles/` are those of the log.
fn has_whole_tiles(trail: &Trail) -> Result<bool, Failure> {
    let options = VerifyOptions::default();
    let report = fsck::verify(&Machine::os(), trail.layout(), &options, &|_, _| ())?;
    Ok(!report.findings.iter().any(|finding| finding.verdict == Verdict::TilesDamaged))
}

fn nothing_to_do(ui: Ui, trail: &Trail) -> Ending {
    let entries = trail.len();
    trail.close_blocking()?;
    if ui.json() {
        ui.object(&json!({"repaired": false, "entries": entries}))?;
    } else {
        let count = counted(entries, "entry", "entries");
        ui.line(format_args!("nothing to repair: the trail opens, with {count}"))?;
    }
    Ok(failure::OK)
}

/// Asks the operator for confirmation: to type the origin of the trail.
fn ask(ui: Ui, origin: &str, refusal: &graven::Error) -> Result<(), Failure> {
    ui.note(format_args!("{} {}", ui.paint_err(Look::Bad, "the trail refuses to open:"), refusal.chain()));
    let refused = || {
        Failure::cannot("nothing was changed: repair needs your confirmation")
            .advise("type the origin, or give --yes")
    };
    if !io::stdin().is_terminal() {
        return Err(refused());
    }
    ui.note("What is after its last checkpoint and does not fit will be cut off, and kept in torn/.");
    ui.note(format_args!("To continue, type the origin of the trail, {origin}:"));
    let mut word = String::new();
    let read = io::stdin().lock().read_line(&mut word);
    read.map_err(|error| Failure::cannot(format_args!("cannot read your answer: {error}")))?;
    if word.trim() == origin { Ok(()) } else { Err(refused()) }
}
