//! `graven verify`: checks whether a trail is what was recorded.

#[cfg(feature = "archive")]
mod archive;
mod chain;
mod proof;

use std::path::{Path, PathBuf};
use std::time::Duration;

use graven::chain::{ChainOptions, ChainReport};
use graven::disk::OsDisk;
use graven::fsck::user_folder;
use graven::fsck::{KeySource, OlderCopy, Remembered, Report};
use graven::layout::Layout;
use graven::{ErrorKind, Machine, VerifierKey};
use graven_core::verdict::{Finding, Verdict};

use crate::shared::failure::{Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{bytes, count, counted, duration};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The trail: its directory, or the path of its live JSON Lines file; X.jsonl.d means X.jsonl
    #[arg(value_name = "DIR", required_unless_present = "proof")]
    path: Option<PathBuf>,
    /// Use this verifier key, as printed by `graven key`; of a chain, first that of its oldest trail, then those of others
    /// [default: the key seen before, or the trail's own]
    #[arg(long, value_name = "VKEY", value_parser = key)]
    key: Vec<VerifierKey>,
    /// Accept the keys of trails that continue an older one, and remember them
    #[arg(long, conflicts_with_all = ["no_state", "proof"])]
    accept_continuation: bool,
    /// Remember keys and heads in this folder, to detect a rollback [default: the user's state folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Remember nothing, and ignore what was remembered
    #[arg(long)]
    no_state: bool,
    /// Fail when the trail is an older copy of one that was seen before, as in a backup
    #[arg(long, conflicts_with = "no_state")]
    expect_newest: bool,
    /// Check one proof instead, offline; needs --entry and --key
    #[arg(
        long,
        value_name = "FILE.tlog-proof",
        requires = "entry",
        requires = "key",
        conflicts_with = "path"
    )]
    proof: Option<PathBuf>,
    /// Read the entry of the proof from this file: its stored line, with or without a newline
    #[arg(long, value_name = "FILE", requires = "proof")]
    entry: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 intact (a torn tail and unsealed entries are reported, but are normal), 1 tampering or damage, 2 no \
answer. A program may record to the trail meanwhile.
An older copy, at a new path, of a trail that was seen before is reported, and exits with 0; with --expect-newest it \
exits with 1.
A hint names an ordinary reason for the findings, such as a copy that was made during writing. It changes neither the \
verdict nor the exit code.
Findings are looked at twice. If they are gone at the second look, the report names them apart, and the verdict is that \
of the last look.
A trail that continues an older one is verified with it: each under its own key, the older one to the end that the newer \
one names. The newer one's key is reported as `self_asserted` until it is given with a second --key, or accepted once \
with --accept-continuation.
A trail that is gone is `missing`, as long as a part of it or the memory of it is left.
In place of DIR stands also the URL of an archive (s3://, gs://, az:// or file:///FOLDER): then its manifests, numbers, epochs and heads are judged too, and a finding names the object.";

fn key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if let (Some(proof), Some(entry)) = (&args.proof, &args.entry) {
        return match &args.key[..] {
            [key] => proof::run(proof, entry, key, ui),
            _ => Err(Failure::cannot("a proof is judged by one key: give one --key")),
        };
    }
    let Some(path) = &args.path else {
        return Err(Failure::cannot("name the trail to verify"));
    };
    #[cfg(feature = "archive")]
    if let Some(url) = (Target { path: path.clone() }).archive() {
        return archive::run(args, url, ui);
    }
    let (target, options) = (Target { path: path.clone() }, args.options(path));
    let layout = Layout::find_one(&OsDisk, path)?;
    let mut report = check(ui, &layout, &options).map_err(|error| match error.kind() {
        ErrorKind::NotFound => target.no_trail(options.state.as_deref()),
        // No verdict is not yet a problem of the trail.
        _ => Failure::cannot(error.chain()),
    })?;
    report.report.warnings.extend(args.no_folder());
    print(ui, &report)?;
    Ok(report.exit_code())
}

fn print(ui: Ui, report: &ChainReport) -> Result<(), Failure> {
    if ui.json() {
        ui.object(report)
    } else if report.before.is_empty() && report.continued.is_none() {
        show(ui, &report.report)
    } else {
        chain::show(ui, report)
    }
}

impl Args {
    fn options(&self, path: &Path) -> ChainOptions {
        ChainOptions {
            keys: self.key.clone(),
            state: self.folder(),
            name: Some(path.to_owned()),
            expect_newest: self.expect_newest,
            accept_continuation: self.accept_continuation,
        }
    }

    fn folder(&self) -> Option<PathBuf> {
        match (&self.state, self.no_state) {
            (_, true) => None,
            (Some(folder), _) => Some(folder.clone()),
            (None, false) => user_folder(),
        }
    }

    /// Says why there is no memory, where nobody asked for that.
    fn no_folder(&self) -> Option<String> {
        let why = "there is no folder for the verifier's memory, because neither XDG_STATE_HOME nor HOME is an absolute \
                   path: name one with --state DIR, or say --no-state";
        (!self.no_state && self.folder().is_none()).then(|| why.to_owned())
    }
}

/// Verifies a trail. Shows the progress when it takes long.
fn check(ui: Ui, layout: &Layout, options: &ChainOptions) -> Result<ChainReport, graven::Error> {
    let progress = Progress::new(ui, "verifying", Unit::Bytes, 1);
    let report =
        graven::chain::verify(&Machine::os(), layout, options, &|done, total| progress.set(done, total));
    progress.finish();
    report
}

/// Prints the verdict, the facts behind it, then each finding with its place.
pub(crate) fn show(ui: Ui, report: &Report) -> Result<(), Failure> {
    ui.line(headline(ui, report.verdict))?;
    ui.fact("entries", entries(report))?;
    if let Some(root) = &report.root {
        ui.fact("root", root)?;
    }
    if let Some(key) = &report.key {
        ui.fact("key", format_args!("{} {}", ui.paint(Look::Name, key), key_source(report)))?;
    }
    ui.fact("memory", memory(report.memory))?;
    let took = duration(Duration::from_secs_f64(report.seconds));
    // For a very short time, a rate means nothing.
    let rate = match report.seconds {
        seconds if seconds < 0.01 => String::new(),
        _ => format!(", {} entries a second", count(report.entries_per_second as u64)),
    };
    ui.fact("checked", format_args!("{} in {took}{rate}", bytes(report.bytes)))?;
    for finding in &report.findings {
        show_finding(ui, finding)?;
    }
    if report.findings_left_out > 0 {
        ui.line("")?;
        ui.line(format_args!(
            "  and {}",
            counted(report.findings_left_out, "finding more", "findings more")
        ))?;
    }
    if let Some(older) = &report.older_copy {
        show_older_copy(ui, older)?;
    }
    if let Some(hint) = &report.hint {
        ui.line("")?;
        ui.line(format_args!("  {}  {hint}", ui.paint(Look::Notice, "hint")))?;
    }
    show_earlier(ui, &report.earlier)?;
    for warning in &report.warnings {
        ui.warn(warning);
    }
    Ok(())
}

/// Prints what an earlier look found and the last one does not.
fn show_earlier(ui: Ui, findings: &[Finding]) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    ui.line(format_args!(
        "  {}  found this, and a later look did not: a program was writing, or somebody put files back",
        ui.paint(Look::Notice, "an earlier look")
    ))?;
    findings.iter().try_for_each(|finding| ui.line(format_args!("  {finding}")))
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
        Verdict::Intact => "every entry is as it was recorded",
        Verdict::Unsealed => "nothing under the checkpoint was changed; some entries are not sealed yet",
        Verdict::TornTail => {
            "nothing was changed; the last line is unfinished, after a crash or during a write"
        }
        Verdict::TilesDamaged => "the log is intact, but the stored hashes are damaged",
        Verdict::Missing => "a recorded entry or file is missing",
        Verdict::Truncated => "there are fewer entries than were signed",
        Verdict::Inserted => "there are entries or files that were never recorded",
        Verdict::Altered => "a stored entry is not as it was recorded",
        Verdict::BadSignature => "the checkpoint is not signed by the expected key",
        Verdict::RolledBack => "this state is older than one that was seen or signed before",
        Verdict::Forked => "this history differs from one that was seen or signed before",
        Verdict::UnknownVersion => "this version of graven does not know the version of the trail",
        _ => "a verdict this version of graven does not know",
    }
}

/// What to do about a finding, where it is not obvious.
fn advice(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::TilesDamaged => Some(
            "the next opening to record mends the newest two million leaf hashes; graven repair makes all hashes anew",
        ),
        Verdict::BadSignature => Some("use the key that you were given: graven verify --key VKEY"),
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
            format!("{}, but {} are signed", count(report.entries), count(report.sealed))
        }
        0 => format!("{}, all under the checkpoint", count(report.entries)),
        unsealed => format!("{}, {} of them past the checkpoint", count(report.entries), count(unsealed)),
    }
}

fn key_source(report: &Report) -> &'static str {
    match report.key_source {
        Some(KeySource::Given) => "(given)",
        Some(KeySource::Pinned) => "(pinned: seen before)",
        Some(KeySource::SelfAsserted) => "(from the trail itself: compare it, or give --key)",
        None => "",
    }
}

fn memory(remembered: Remembered) -> &'static str {
    match remembered {
        Remembered::None => "nothing is remembered of this trail",
        Remembered::Path => "compared with what was seen before at this path",
        Remembered::Key => "compared with what was seen of its key before, at another path",
        _ => "",
    }
}

fn show_older_copy(ui: Ui, older: &OlderCopy) -> Result<(), Failure> {
    let said = ui.paint(Look::Notice, "older_copy");
    let (size, seen) = (count(older.size), count(older.seen));
    ui.line("")?;
    ui.line(format_args!(
        "  {said}  {size} sealed entries, and this verifier has seen {seen} of this trail elsewhere"
    ))?;
    ui.line(match older.not_compared {
        None => "  all of them agree with what was seen".to_owned(),
        Some(range) if range.first == 0 => "  none of them could be compared with what was seen".to_owned(),
        Some(range) => format!(
            "  the others agree with what was seen; entries {} to {} could not be compared",
            count(range.first),
            count(range.last)
        ),
    })
}

fn show_finding(ui: Ui, finding: &Finding) -> Result<(), Failure> {
    let place = match (finding.index, finding.last) {
        (Some(first), Some(last)) => format!("entries {} to {}", count(first), count(last)),
        (Some(index), None) => format!("entry {}", count(index)),
        _ => String::new(),
    };
    let file = match (&finding.file, finding.offset) {
        (Some(file), Some(offset)) => format!("{file} at byte {}", count(offset)),
        (Some(file), None) => file.clone(),
        _ => String::new(),
    };
    let places = [place, file].into_iter().filter(|place| !place.is_empty()).collect::<Vec<_>>().join(", ");
    ui.line("")?;
    ui.line(format_args!("  {}  {places}", ui.paint(look(finding.verdict), finding.verdict)))?;
    ui.line(format_args!("  {}", finding.message))?;
    match advice(finding.verdict) {
        Some(advice) => ui.line(format_args!("  {}", ui.paint(Look::Faint, advice))),
        None => Ok(()),
    }
}
