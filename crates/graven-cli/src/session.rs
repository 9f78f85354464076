//! `graven session`: one session from its first entry to its last.

use std::time::Duration;

use graven::Outcome;
use graven_search::{Ask, State, Timeline, TimelineEntry, Zone};

use crate::search::describe_session;
use crate::shared::asking::{self, Indexed, Trust};
use crate::shared::describe;
use crate::shared::failure::{Ending, Failure};
use crate::shared::target::Target;
use crate::shared::text::{duration, safe_cut};
use crate::shared::ui::{Look, Ui};

/// The most characters of a reason.
const REASON_WIDTH: usize = 72;

/// The arguments of `graven session`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The session, by the session_id of its entries
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    indexed: Indexed,
}

const AFTER_HELP: &str = "\
Each entry is proved by the signed head, or is not sealed yet. An intent names its result, and a result its intent.

Exit codes: 0 an answer, also without entries, 1 something does not fit (it is shown), 2 no answer.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let search = args.trust.open(&args.target, &args.indexed)?;
    let timeline = search.session(&args.id, &Ask::new(asking::moment(Zone::default())))?;
    let exit = asking::findings(ui, &timeline.findings, timeline.findings_left_out);
    if ui.json() {
        ui.object(&timeline)?;
    } else {
        show(ui, &timeline)?;
    }
    Ok(exit)
}

fn show(ui: Ui, timeline: &Timeline) -> Result<(), Failure> {
    if timeline.timeline.is_empty() {
        ui.line(format_args!("no entries of a session {:?}", timeline.session.id))?;
        return asking::coverage(ui, &timeline.coverage);
    }
    ui.line(describe_session(ui, &timeline.session))?;
    // The index says where only together with the trail.
    let in_chain = timeline.timeline.iter().any(|entry| entry.hit.origin.is_some());
    let mut trail = None;
    for entry in &timeline.timeline {
        let origin = entry.hit.origin.as_deref();
        if in_chain && trail != Some(origin) {
            ui.line(describe::of_trail(ui, origin))?;
        }
        trail = Some(origin);
        ui.line(line(ui, entry))?;
    }
    if timeline.cut {
        ui.line(format_args!("and more; `graven search` shows them: session:{:?}", timeline.session.id))?;
    }
    asking::coverage(ui, &timeline.coverage)
}

/// One entry: when, how it ended, what, how long, who for whom, and what it belongs to.
fn line(ui: Ui, moment: &TimelineEntry) -> String {
    let entry = &moment.hit.entry;
    let time = entry.timestamp.map(|time| time.format("%H:%M:%S%.3f").to_string()).unwrap_or_default();
    let mut line = format!(
        "{}  {}  {} {}",
        ui.paint(Look::Faint, format_args!("{:>8}", moment.hit.index)),
        ui.paint(Look::Faint, time),
        describe::mark(ui, entry.outcome),
        ui.paint(Look::Strong, &entry.action),
    );
    let mut add = |look: Look, text: String| line.push_str(&format!("  {}", ui.paint(look, text)));
    if let Some(milliseconds) = entry.duration_ms {
        add(Look::Faint, duration(Duration::from_millis(milliseconds)));
    }
    let who = entry.principal.iter().chain(entry.agent.iter().filter_map(|agent| agent.id.as_ref()));
    let who: Vec<&str> = who.map(String::as_str).collect();
    if !who.is_empty() || !entry.on_behalf_of.is_empty() {
        let behalf = entry.on_behalf_of.iter().map(|one| format!(" for {one}"));
        add(
            Look::Name,
            format!("{}{}", who.join(" as "), behalf.collect::<String>()).trim_start().to_owned(),
        );
    }
    if let Some(approval) = &entry.approval {
        let by = approval.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let look = if entry.outcome == Outcome::Denied { Look::Notice } else { Look::Faint };
        add(look, format!("{}{by}", approval.decision));
    }
    if let Some(reason) = &entry.reason {
        add(Look::Notice, safe_cut(reason, REASON_WIDTH));
    }
    match (moment.intent, moment.result) {
        (Some(intent), _) => add(Look::Faint, format!("result of {intent}")),
        (_, Some(result)) => add(Look::Faint, format!("ended in {result}")),
        _ if entry.outcome == Outcome::Pending => add(Look::Notice, "no result".to_owned()),
        _ => {}
    }
    if moment.hit.state == State::Unsealed {
        add(Look::Notice, "not sealed".to_owned());
    }
    line
}
