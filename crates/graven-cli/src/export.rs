//! `graven export`: writes a trail in a format that other programs read.

use std::path::PathBuf;

use clap::Subcommand;

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
}

#[derive(Debug, clap::Args)]
struct Tiles {
    #[command(flatten)]
    target: Target,
    /// The folder to write; it must be empty or missing
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    match &args.form {
        Form::Tiles(args) => tiles(args, ui),
    }
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
