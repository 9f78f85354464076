//! `graven export`: copies a trail, or writes it in a format that other programs read.

#[cfg(feature = "server")]
mod viewer;

use std::path::PathBuf;

use clap::Subcommand;
use graven::export::{CopyOptions, copy_trail_with};

use crate::shared::failure::{self, Ending};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{bytes, counted};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    form: Form,
}

#[derive(Debug, Subcommand)]
enum Form {
    /// Write a static C2SP log: the checkpoint, and exactly the tiles and entry bundles that it implies
    Tiles(Tiles),
    /// Copy a trail consistently, also while processes are writing to it
    #[command(after_help = AFTER_COPY)]
    Copy(Copy),
    /// Write a page that checks one entry with its proof in a browser, offline
    #[cfg(feature = "server")]
    Viewer(viewer::Args),
}

#[derive(Debug, clap::Args)]
struct Tiles {
    #[command(flatten)]
    target: Target,
    /// The folder to write; it must be empty or missing
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Copy {
    #[command(flatten)]
    target: Target,
    /// The folder to write; it must be empty or missing
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Copy the keys in keys/ too, so that the copy can be written to
    #[arg(long)]
    keys: bool,
}

const AFTER_COPY: &str = "\
Writers are not held up. The copy has every entry under the newest checkpoint; `cp -r` and tar copy each file at \
another moment, and what they copy contradicts itself.
Without --keys the copy can be read and verified, but not written to: the signing key is left out. A copy with the key \
is for going on where the original is lost. Never write to both: they would sign two histories.
Keep a backup where the writer of the trail cannot change it. If the copy fails, OUT has no graven.json and is no \
trail: delete it.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    match &args.form {
        Form::Tiles(args) => tiles(args, ui),
        Form::Copy(args) => copy(args, ui),
        #[cfg(feature = "server")]
        Form::Viewer(args) => viewer::run(args, ui),
    }
}

fn copy(args: &Copy, ui: Ui) -> Ending {
    let reader = args.target.read()?;
    let progress = Progress::new(ui, "copying", Unit::Entries, 1);
    let options = CopyOptions { keys: args.keys };
    let report = copy_trail_with(&reader, &args.out, options, &mut |done, total| progress.set(done, total))?;
    progress.finish();
    if ui.json() {
        ui.object(&report)?;
        return Ok(failure::OK);
    }
    ui.line(format_args!(
        "{} {} into {}",
        ui.paint(Look::Good, "copied"),
        counted(report.entries, "entry", "entries"),
        args.out.display()
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
        ui.fact("unsealed", format_args!("{unsealed} past the checkpoint: no process sealed them"))?;
    }
    ui.fact(
        "keys",
        if report.keys { "copied" } else { "left out: the copy can be verified, not written to" },
    )?;
    Ok(failure::OK)
}

fn tiles(args: &Tiles, ui: Ui) -> Ending {
    let reader = args.target.read()?;
    let progress = Progress::new(ui, "exporting", Unit::Entries, 1);
    let report =
        graven::export::export_tiles_with(&reader, &args.out, &mut |done, total| progress.set(done, total))?;
    progress.finish();
    if ui.json() {
        ui.object(&report)?;
        return Ok(failure::OK);
    }
    ui.line(format_args!(
        "{} {} into {}",
        ui.paint(Look::Good, "exported"),
        counted(report.size, "entry", "entries"),
        args.out.display()
    ))?;
    ui.fact("origin", &report.origin)?;
    ui.fact("root", &report.root)?;
    let (tiles, bundles) =
        (counted(report.tiles, "tile", "tiles"), counted(report.bundles, "bundle", "bundles"));
    let files = format!("{tiles}, {bundles}, 1 checkpoint, {}", bytes(report.bytes));
    ui.fact("files", files)?;
    Ok(failure::OK)
}
