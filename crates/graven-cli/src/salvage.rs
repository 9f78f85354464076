//! `graven salvage`: records again what a lost machine had acknowledged and nobody else has, once its disk turns up.

mod again;
mod done;
mod place;

use std::path::PathBuf;
use std::time::Duration;

use graven::chain::Chain;
use graven::disk::{Disk, Hold, OsDisk};
use graven::fsck::{self, Report, VerifyOptions};
use graven::reader::Reader;
use graven::{Hash, Machine, Trail, VerifierKey};
use graven_core::verdict::{Finding, Verdict};
use serde::{Deserialize, Serialize};

use again::Again;
use place::Place;

use crate::shared::asking;
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::submit::QUEUE_BYTES;
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How long to wait for a slow disk.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The arguments of `graven salvage`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The trail on the disk that turned up; it is only read
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The trail that goes on
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

const AFTER_HELP: &str = "\
DIR is the trail OLD itself, as it went on elsewhere, or a trail that continues OLD. OLD is verified first, under the key \
that DIR knows; one that was tampered with is refused.

Each entry that OLD has and DIR's chain has not is recorded in DIR as it stands in OLD, with its id, its time and its \
leaf hash. OLD's own entries, of the category `trail`, get the category `salvaged`: they are about OLD. Before them stands \
one entry `trail.salvaged`, which names OLD's origin, the range, and OLD's size and root.

A second run adds nothing, and after one that was killed it adds the rest.

Exit codes: 0 all of it is in DIR, 1 OLD was tampered with, or lines of it that no checkpoint covers are damaged (the \
others are recorded), 2 no answer.";

/// The detail of an entry `trail.salvaged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The origin of the trail that the entries are from.
    origin: String,
    /// The range of its entries that follow.
    first: u64,
    end: u64,
    /// The newest signed head of that trail.
    size: u64,
    root: Hash,
    /// How many entries follow.
    count: u64,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Summary {
    origin: String,
    /// The range of OLD's entries that DIR's chain has not.
    first: u64,
    end: u64,
    size: u64,
    root: Option<Hash>,
    /// How many entries were recorded now.
    entries: u64,
    /// How many an earlier run has recorded.
    already: u64,
    /// Where the first one recorded now is in DIR.
    first_index: Option<u64>,
    last_index: Option<u64>,
    /// What is wrong with OLD past its newest head.
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let (old, into) = (Target { path: args.old.clone() }, Target { path: args.into.clone() });
    let reader = old.read()?;
    into.must_exist()?;
    let chain = Chain::open(&args.into)?;
    if asking::findings(ui, chain.findings(), 0) != failure::OK {
        let first = &chain.findings()[0];
        let message = format!("{} contradicts itself, so nothing was recorded: {first}", args.into.display());
        return Err(Failure::cannot(message).exit(failure::FOUND));
    }
    let place = Place::find(&reader, &chain, args)?;
    let report = verified(ui, &reader, place.key())?;
    let (end, findings) = usable(ui, args, &report)?;
    let first = place.first(&reader, &chain, end)?;
    let mut summary = Summary {
        origin: reader.meta().origin.clone(),
        first,
        end: end.max(first),
        size: report.sealed,
        root: report.root,
        entries: 0,
        already: 0,
        first_index: None,
        last_index: None,
        findings,
    };
    if first < end {
        record(ui, &into, &reader, &place, &mut summary)?;
    }
    if ui.json() {
        ui.object(&summary)?;
    } else {
        summary.show(ui, args)?;
    }
    Ok(if summary.findings.is_empty() { failure::OK } else { failure::FOUND })
}

/// Verifies OLD under the key that the chain knows.
fn verified(ui: Ui, old: &Reader, key: &VerifierKey) -> Result<Report, Failure> {
    let options = VerifyOptions { key: Some(key.clone()), ..VerifyOptions::default() };
    let progress = Progress::new(ui, "verifying", Unit::Bytes, 1);
    let report =
        fsck::verify(&Machine::os(), old.layout(), &options, &|done, total| progress.set(done, total));
    progress.finish();
    Ok(report?)
}

/// Up to which entry OLD can be believed, and what is wrong behind that. Fails when something that is signed is not as it
/// was.
fn usable(ui: Ui, args: &Args, report: &Report) -> Result<(u64, Vec<Finding>), Failure> {
    // Hashes can be made again, and what a crash tore was never acknowledged.
    let is_wrong =
        |finding: &&Finding| finding.verdict > Verdict::TornTail && finding.verdict != Verdict::TilesDamaged;
    let wrong: Vec<Finding> = report.findings.iter().filter(is_wrong).cloned().collect();
    let is_of_history = |verdict| {
        matches!(
            verdict,
            Verdict::BadSignature | Verdict::RolledBack | Verdict::Forked | Verdict::UnknownVersion
        )
    };
    let is_signed = |finding: &Finding| {
        is_of_history(finding.verdict) || finding.index.is_none_or(|index| index < report.sealed)
    };
    if wrong.iter().any(is_signed) || report.findings_left_out > 0 {
        asking::findings(ui, &wrong, report.findings_left_out);
        let found = wrong.first().map_or(String::new(), |finding| format!(": {finding}"));
        let message = format!(
            "{} was tampered with or is damaged, so nothing of it was recorded{found}",
            args.old.display()
        );
        return Err(Failure::cannot(message).exit(failure::FOUND));
    }
    // From the first line on that is no entry, nothing was acknowledged: a crash has left it.
    let torn = report.findings.iter().filter(|finding| finding.verdict == Verdict::TornTail);
    let end = wrong.iter().chain(torn).filter_map(|finding| finding.index).min();
    Ok((end.unwrap_or(report.entries).min(report.entries), wrong))
}

/// Records what is not in DIR yet.
fn record(ui: Ui, into: &Target, old: &Reader, place: &Place, summary: &mut Summary) -> Result<(), Failure> {
    let settings = into.settings().queue_bytes(QUEUE_BYTES).deadline(PATIENCE);
    let trail = Trail::open(settings)?;
    // A second run at the same time would not see what this one is recording.
    let blobs = trail.layout().blobs();
    let cannot = |error| Failure::file("lock", &blobs, &error);
    let lock = OsDisk.open_lock(&blobs).map_err(cannot)?;
    lock.lock(Hold::Exclusive).map_err(cannot)?;
    // Only now: another run may have recorded meanwhile.
    let chain = Chain::open(&into.path)?;
    let mut again = Again::new(old, summary.first..summary.end)?;
    let marks = done::skip_recorded(ui, &chain, place, summary, &mut again)?;
    summary.already = again.at() - summary.first;
    if again.at() < summary.end {
        let covers = |mark: &Mark| {
            mark.first <= again.at() && mark.end == summary.end && Some(mark.root) == summary.root
        };
        if !marks.iter().any(covers) {
            let mark = Mark {
                origin: summary.origin.clone(),
                first: again.at(),
                end: summary.end,
                size: summary.size,
                root: summary.root.ok_or_else(|| Failure::cannot("the trail has no root"))?,
                count: summary.end - again.at(),
            };
            trail.record_blocking(graven::Entry::of_salvage(&mark))?;
        }
        let progress = Progress::new(ui, "recording", Unit::Entries, summary.end - summary.first);
        while let Some(batch) = again.next_batch()? {
            let receipts = graven::block_on(trail.record_stored(batch))?;
            summary.entries += receipts.len() as u64;
            summary.first_index = summary.first_index.or(receipts.first().map(|receipt| receipt.index));
            summary.last_index = receipts.last().map(|receipt| receipt.index);
            progress.set(again.at() - summary.first, summary.end - summary.first);
        }
        progress.finish();
    }
    Ok(trail.close_blocking()?)
}

impl Summary {
    fn show(&self, ui: Ui, args: &Args) -> Result<(), Failure> {
        let entries = counted(self.entries, "entry", "entries");
        let from = args.old.display();
        ui.line(format_args!("{} {entries} from {from}", ui.paint(Look::Good, "salvaged")))?;
        ui.fact("origin", &self.origin)?;
        if self.first < self.end {
            ui.fact("range", format_args!("{} to {}", count(self.first), count(self.end - 1)))?;
        }
        if let (Some(first), Some(last)) = (self.first_index, self.last_index) {
            ui.fact("indexes", format_args!("{} to {}", count(first), count(last)))?;
        }
        if self.already > 0 {
            ui.fact("already", format_args!("{} of an earlier run", count(self.already)))?;
        }
        self.findings.iter().for_each(|finding| ui.warn(finding));
        Ok(())
    }
}
