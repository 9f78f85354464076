//! `graven verify`: whether a trail is what was recorded.

use std::path::PathBuf;
use std::time::Duration;

use graven::disk::OsDisk;
use graven::fsck::user_folder;
use graven::fsck::{self, KeySource, Report, VerifyOptions};
use graven::layout::Layout;
use graven::{Machine, VerifierKey};
use graven_core::verdict::{Finding, Verdict};

use crate::failure::{CANNOT, Ending, Failure};
use crate::progress::{Progress, Unit};
use crate::target::Target;
use crate::text::{bytes, count, counted, duration, safe};
use crate::ui::{Look, Ui};
use crate::verify_proof;

/// The arguments of `graven verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The trail: its directory, or the path of its live JSON Lines file
    #[arg(value_name = "DIR", required_unless_present = "proof")]
    path: Option<PathBuf>,
    /// The trail's verifier key, as `graven key` prints it; without it, the one seen before or the trail's own
    #[arg(long, value_name = "VKEY", value_parser = key)]
    key: Option<VerifierKey>,
    /// Where to remember keys and heads, to notice a rollback [default: the user's state folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Remember nothing, and compare with nothing remembered
    #[arg(long)]
    no_state: bool,
    /// Check one proof instead, offline; needs --entry and --key
    #[arg(
        long,
        value_name = "FILE.tlog-proof",
        requires = "entry",
        requires = "key",
        conflicts_with = "path"
    )]
    proof: Option<PathBuf>,
    /// The entry that the proof is about: its stored line, with or without a newline
    #[arg(long, value_name = "FILE", requires = "proof")]
    entry: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 intact (a torn tail and unsealed entries are reported, and are no fault), 1 tampering or damage, 2 \
cannot tell. It may run while a recorder writes.";

fn key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if let (Some(proof), Some(entry), Some(key)) = (&args.proof, &args.entry, &args.key) {
        return verify_proof::run(proof, entry, key, ui);
    }
    let Some(path) = &args.path else {
        return Err(Failure::cannot("say which trail to verify"));
    };
    Target { path: path.clone() }.must_exist()?;
    let report = check(ui, &Layout::find(&OsDisk, path), &args.options())?;
    if ui.json() {
        ui.object(&report)?;
    } else {
        show(ui, &report)?;
    }
    Ok(report.verdict.exit_code())
}

impl Args {
    fn options(&self) -> VerifyOptions {
        let state = match (&self.state, self.no_state) {
            (_, true) => None,
            (Some(folder), _) => Some(folder.clone()),
            (None, false) => user_folder(),
        };
        VerifyOptions { key: self.key.clone(), state }
    }
}

/// Verifies a trail, and shows how far it is when that takes long.
pub(crate) fn check(ui: Ui, layout: &Layout, options: &VerifyOptions) -> Result<Report, Failure> {
    let progress = Progress::new(ui, "verifying", Unit::Bytes, 1);
    let report = fsck::verify(&Machine::os(), layout, options, &|done, total| progress.set(done, total));
    progress.finish();
    // That it cannot be told is not yet a fault of the trail.
    report.map_err(|error| Failure::from(error).exit(CANNOT))
}

/// The verdict first, then what it rests on, then each finding with its place.
pub(crate) fn show(ui: Ui, report: &Report) -> Result<(), Failure> {
    ui.line(headline(ui, report.verdict))?;
    ui.fact("entries", entries(report))?;
    if let Some(root) = &report.root {
        ui.fact("root", root)?;
    }
    if let Some(key) = &report.key {
        ui.fact("key", format_args!("{} {}", ui.paint(Look::Name, key), key_source(report)))?;
    }
    let took = duration(Duration::from_secs_f64(report.seconds));
    // Of a trail that is read at once, the rate says nothing.
    let rate = match report.seconds {
        seconds if seconds < 0.01 => String::new(),
        _ => format!(", {} entries a second", count(report.entries_per_second as u64)),
    };
    ui.fact("checked", format_args!("{} in {took}{rate}", bytes(report.bytes)))?;
    for finding in &report.findings {
        show_finding(ui, finding)?;
    }
    if report.findings_left_out > 0 {
        ui.line(format_args!(
            "\n  and {}",
            counted(report.findings_left_out, "finding more", "findings more")
        ))?;
    }
    for warning in &report.warnings {
        ui.warn(warning);
    }
    Ok(())
}

fn headline(ui: Ui, verdict: Verdict) -> String {
    let meaning = meaning(verdict);
    match look(verdict) {
        Look::Bad => format!("{}: {meaning}", ui.paint(Look::Bad, format_args!("✗ {verdict}"))),
        Look::Notice => format!("{}: {meaning}", ui.paint(Look::Notice, format_args!("! {verdict}"))),
        _ => format!("{}: {meaning}", ui.paint(Look::Good, format_args!("✓ {verdict}"))),
    }
}

fn look(verdict: Verdict) -> Look {
    match verdict {
        Verdict::Intact | Verdict::Unsealed => Look::Good,
        Verdict::TornTail | Verdict::UnknownVersion => Look::Notice,
        _ => Look::Bad,
    }
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intact => "every entry is the one that was recorded",
        Verdict::Unsealed => "nothing was changed under the checkpoint; some entries are past it",
        Verdict::TornTail => {
            "nothing was changed; the last line is unfinished: a crash, or a write in progress"
        }
        Verdict::TilesDamaged => "the log is intact, but the hashes stored beside it are damaged",
        Verdict::Missing => "something that was recorded is not there",
        Verdict::Truncated => "there are fewer entries than were signed",
        Verdict::Inserted => "there are entries that were never recorded",
        Verdict::Altered => "what is stored is not what was recorded",
        Verdict::BadSignature => "the checkpoint is not signed by the key it should be signed by",
        Verdict::RolledBack => "this is an older state than one that was seen or signed",
        Verdict::Forked => "this is another history than one that was seen or signed",
        Verdict::UnknownVersion => "this trail is of a version that this program does not know",
        _ => "this program has no word for it",
    }
}

/// What to do about a finding, where it is not plain.
fn advice(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::TilesDamaged => {
            Some("they are made anew from the entries when the trail is next opened to record")
        }
        Verdict::BadSignature => Some("compare with the key you were given: graven verify --key VKEY"),
        Verdict::UnknownVersion => Some("verify it with a newer graven"),
        verdict if verdict.accuses() => {
            Some("keep the trail as it is, as evidence, and compare it with a copy")
        }
        _ => None,
    }
}

fn entries(report: &Report) -> String {
    match report.entries.saturating_sub(report.sealed) {
        _ if report.sealed > report.entries => {
            format!("{}, where {} are signed for", count(report.entries), count(report.sealed))
        }
        0 => format!("{}, all under the checkpoint", count(report.entries)),
        unsealed => format!("{}, {} of them past the checkpoint", count(report.entries), count(unsealed)),
    }
}

fn key_source(report: &Report) -> &'static str {
    match report.key_source {
        Some(KeySource::Given) => "(given)",
        Some(KeySource::Pinned) => "(pinned: seen before)",
        Some(KeySource::SelfAsserted) => "(the trail's own word: compare it, or give --key)",
        None => "",
    }
}

fn show_finding(ui: Ui, finding: &Finding) -> Result<(), Failure> {
    let place = match (finding.index, finding.last) {
        (Some(first), Some(last)) => format!("entries {} to {}", count(first), count(last)),
        (Some(index), None) => format!("entry {}", count(index)),
        _ => String::new(),
    };
    let file = match (&finding.file, finding.offset) {
        (Some(file), Some(offset)) => format!("{} at byte {}", safe(file), count(offset)),
        (Some(file), None) => safe(file),
        _ => String::new(),
    };
    let places = [place, file].into_iter().filter(|place| !place.is_empty()).collect::<Vec<_>>().join(", ");
    ui.line(format_args!("\n  {}  {places}", ui.paint(look(finding.verdict), finding.verdict)))?;
    ui.line(format_args!("  {}", safe(&finding.message)))?;
    match advice(finding.verdict) {
        Some(advice) => ui.line(format_args!("  {}", ui.paint(Look::Faint, advice))),
        None => Ok(()),
    }
}
