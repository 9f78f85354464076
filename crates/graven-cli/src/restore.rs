//! `graven restore`: brings a trail back from its archive.

use std::path::PathBuf;

use graven::VerifierKey;
use graven_archive::{Archive, RestoreOptions, Restored, TakeOver};

use crate::shared::archive::{self, machine_name};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::text::{bytes, counted};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The archive: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER
    #[arg(value_name = "URL")]
    url: String,
    /// The directory to make; it must be empty or missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Restore it only to be read: without the settings, and with files that nobody may write
    #[arg(long)]
    read_only: bool,
    /// Fail unless the trail has this verifier key, as printed by `graven key` [default: the key that the trail names]
    #[arg(long, value_name = "VKEY", value_parser = key)]
    key: Option<VerifierKey>,
    /// Take the trail over: its old writer can ship nothing more, and DIR goes on with it
    #[arg(long, conflicts_with = "read_only")]
    take_over: bool,
    /// With --take-over: the signing key of the trail, with which one that was closed cleanly goes on under its origin
    #[arg(long, value_name = "FILE", requires = "take_over")]
    signing_key: Option<PathBuf>,
    /// With --take-over: what this writer is called in the archive [default: the name of the machine]
    #[arg(long, value_name = "NAME", requires = "take_over")]
    name: Option<String>,
}

const AFTER_HELP: &str = "\
Every entry up to the newest head is fetched, and checked against the roots that the trail's key signed. Without --key \
that shows only that the archive agrees with itself: compare the key. What was shipped past the newest head is restored as \
unsealed entries.
The restored trail can be read, verified and searched, and not be written to. Another machine may still go on with it: two \
writers would sign two histories.
With --take-over this machine goes on. If the old writer has closed the trail and shipped that, and --signing-key is given, \
the same trail goes on. Otherwise it ends at its newest head, and DIR has a new trail, with an origin and a key of its own, \
that continues it; the old one is in DIR/before/ORIGIN. Either way the old writer is fenced when it comes back. Then ship DIR \
to the same URL.
With --read-only, as for an auditor, DIR has no settings.json, which only a writer needs and which has the program's own \
patterns of redaction, and every file has mode 0400.
Older trails of a chain are restored in DIR/before/ORIGIN.
DIR is no trail until the end: graven.json is written last. After an interruption, run the same command again: it removes \
what is there and begins anew.

Exit codes: 0 restored, 1 what is stored is damaged or was changed (run `graven verify URL`), 2 it cannot be restored.";

fn key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text.trim()).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let archive = archive::open(&args.url)?;
    if args.take_over {
        return take_over(args, ui, &archive);
    }
    let progress = Progress::new(ui, "restoring", Unit::Entries, 1);
    let options = RestoreOptions { key: args.key.clone(), read_only: args.read_only, sealed: false };
    let restored = archive.restore(&args.dir, &options, &mut |done, total| progress.set(done, total));
    progress.finish();
    let restored = restored?;
    if ui.json() {
        ui.object(&restored)?;
        return Ok(failure::OK);
    }
    show(args, ui, &restored)?;
    Ok(failure::OK)
}

fn take_over(args: &Args, ui: Ui, archive: &Archive) -> Ending {
    let mut how = TakeOver::new(args.name.clone().unwrap_or_else(machine_name));
    (how.key, how.signing_key) = (args.key.clone(), args.signing_key.clone());
    let progress = Progress::new(ui, "restoring", Unit::Entries, 1);
    let taken = archive.take_over(&args.dir, &how, &mut |done, total| progress.set(done, total));
    progress.finish();
    let taken = taken?;
    if ui.json() {
        ui.object(&taken)?;
        return Ok(failure::OK);
    }
    let dir = taken.dir.display();
    ui.line(format_args!("{} {} into {dir}", ui.paint(Look::Good, "✓ took over"), taken.origin))?;
    ui.fact("entries", counted(taken.size, "entry in the archive", "entries in the archive"))?;
    match &taken.continued_by {
        None => ui.fact("goes on", "the same trail, with its key")?,
        Some(next) => {
            ui.fact("ended", "nobody knows what its old writer would still sign")?;
            ui.fact(
                "goes on",
                format_args!("as {next}, with a key of its own; the old trail is in {dir}/before"),
            )?;
        }
    }
    ui.fact("next", format_args!("graven ship {dir} {} --follow", args.url))?;
    Ok(failure::OK)
}

fn show(args: &Args, ui: Ui, restored: &Restored) -> Result<(), Failure> {
    let report = &restored.newest;
    ui.line(format_args!(
        "{} {} into {}",
        ui.paint(Look::Good, "restored"),
        counted(report.entries, "entry", "entries"),
        args.dir.display()
    ))?;
    ui.fact("origin", &report.origin)?;
    ui.fact("root", &report.root)?;
    let (segments, blobs) = (
        counted(report.segments, "closed segment", "closed segments"),
        counted(report.blobs, "large detail", "large details"),
    );
    ui.fact("files", format_args!("{segments}, {blobs}, {}", bytes(report.bytes)))?;
    if report.entries > report.size {
        let unsealed = counted(report.entries - report.size, "entry", "entries");
        ui.fact(
            "unsealed",
            format_args!("{unsealed} past the newest head: nothing signed vouches for them"),
        )?;
    }
    for report in &restored.before {
        let entries = counted(report.entries, "entry", "entries");
        ui.fact("before", format_args!("{} with {entries}", report.origin))?;
    }
    match &args.key {
        Some(_) => Ok(()),
        None => ui.fact("key", "the one that the trail names: compare it, or give --key"),
    }
}
