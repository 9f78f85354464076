//! `graven restore`: brings a trail back from its archive.

use std::path::PathBuf;

use graven::VerifierKey;
use graven_archive::RestoreOptions;
use graven_archive::Restored;

use crate::shared::archive;
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
}

const AFTER_HELP: &str = "\
Every entry up to the newest head is fetched, and checked against the roots that the trail's key signed. Without --key \
that shows only that the archive agrees with itself: compare the key. What was shipped past the newest head is restored as \
unsealed entries.
The restored trail can be read, verified and searched, and not be written to. Another machine may still go on with it: two \
writers would sign two histories.
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
    let progress = Progress::new(ui, "restoring", Unit::Entries, 1);
    let options = RestoreOptions { key: args.key.clone(), read_only: args.read_only };
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
