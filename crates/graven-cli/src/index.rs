//! `graven index`: makes the index of a trail, or compares it with the log.

use std::path::PathBuf;

use graven_search::{Built, Checked, IndexError, IndexState, Keeper, SHELF_ENTRIES, Search, Where};
use serde::Serialize;

use crate::shared::asking::{Indexed, Trust};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How many files are named that are not as they should be.
const WRONG_SHOWN: usize = 20;

/// The arguments of `graven index`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Remove what there is, and make all of it anew
    #[arg(long)]
    rebuild: bool,
    /// Compare what there is with the log, and remember what is the same as your own
    #[arg(long, conflicts_with = "rebuild")]
    check: bool,
    /// Keep the index in this folder, with those of other trails [default: DIR/search, or else the user's cache folder]
    #[arg(long, value_name = "DIR")]
    index: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

const AFTER_HELP: &str = "\
An index lets a search skip entries. It has one file for 65,536 entries, once all of them are under a signed head; the \
newest entries are read one by one. It can be deleted at any time. A program may record to the trail meanwhile.

Somebody who can write the files of an index can hide entries from a search, though never add one. So the index is your own \
only if you have made it, or compared it with the log with --check: the digests of its files are then in the folder of \
--state. A search says which index it used.

Exit codes: 0 success, 1 the index or the trail is not as it should be, 2 no answer.";

/// The answer in JSON.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    state: IndexState,
    #[serde(flatten)]
    built: Option<Built>,
    #[serde(flatten)]
    checked: Option<Checked>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let indexed = Indexed { index: args.index.clone(), no_index: false };
    let search = args.trust.open_one(&args.target, &indexed)?;
    if args.check {
        return check(&search, ui);
    }
    let mut keeper = keeper(&search, Where::Trail)?;
    if args.rebuild {
        keeper.clear()?;
    }
    let built = build(&mut keeper, ui)?;
    let state = search.index_state()?;
    let exit = if built.left_out > 0 { failure::FOUND } else { failure::OK };
    if ui.json() {
        ui.object(&Answer { state, built: Some(built), checked: None })?;
        return Ok(exit);
    }
    ui.line(match built.made {
        0 if state.shelves == 0 && built.left_out == 0 => format!(
            "nothing to make: {} under the signed head, and a file of the index needs 65,536",
            counted(state.sealed, "entry is", "entries are")
        ),
        0 => "nothing to make: the index has all that can be in it".to_owned(),
        made => format!("made {}", counted(made, "file of the index", "files of the index")),
    })?;
    if state.shelves > 0 {
        ui.fact("in", built.folder.display())?;
    }
    show(ui, &state)?;
    if built.left_out > 0 {
        ui.warn(format_args!(
            "{} left out: the log or `tiles/` does not lead to the signed root there; run `graven verify`",
            counted(built.left_out, "file was", "files were")
        ));
    }
    Ok(exit)
}

fn keeper(search: &Search, place: Where) -> Result<Keeper, Failure> {
    search.keeper(place).ok_or_else(|| Failure::cannot("this search has no index"))
}

fn build(keeper: &mut Keeper, ui: Ui) -> Result<Built, IndexError> {
    let progress = Progress::new(ui, "indexing", Unit::Entries, 0);
    keeper.build(&mut |done, total| progress.set(done, total))
}

fn show(ui: Ui, state: &IndexState) -> Result<(), Failure> {
    let (entries, sealed) = (count(state.entries), counted(state.sealed, "sealed entry", "sealed entries"));
    ui.fact("covers", format_args!("{entries} of {sealed}; the others are read one by one"))?;
    match state.shelves - state.own {
        0 => Ok(()),
        others => ui.fact(
            "unchecked",
            format_args!(
                "{} not your own: `graven index --check` compares with the log",
                counted(others, "file is", "files are")
            ),
        ),
    }
}

fn check(search: &Search, ui: Ui) -> Ending {
    let progress = Progress::new(ui, "comparing", Unit::Entries, 0);
    let checked = search.check_index(&mut |done, total| progress.set(done, total))?;
    drop(progress);
    let exit = match checked.different.is_empty() && checked.unusable.is_empty() {
        true => failure::OK,
        false => failure::FOUND,
    };
    let state = search.index_state()?;
    if ui.json() {
        ui.object(&Answer { state, built: None, checked: Some(checked) })?;
        return Ok(exit);
    }
    let same = counted(checked.same, "file of the index is", "files of the index are");
    ui.line(match (exit, checked.same) {
        (failure::OK, 0) => "there is no index".to_owned(),
        (failure::OK, _) => format!("{} {same} what the log says", ui.paint(Look::Good, "✓")),
        _ => format!("{} {same} what the log says, and others are not", ui.paint(Look::Bad, "✗")),
    })?;
    show(ui, &state)?;
    for wrong in checked.different.iter().chain(&checked.unusable).take(WRONG_SHOWN) {
        ui.warn(format_args!("{}: {}", wrong.file.display(), wrong.message));
    }
    let more = (checked.different.len() + checked.unusable.len()).saturating_sub(WRONG_SHOWN) as u64;
    if more > 0 {
        ui.warn(format_args!("{} more", counted(more, "file", "files")));
    }
    if exit != failure::OK {
        ui.warn("make the index anew with `graven index --rebuild`");
    }
    Ok(exit)
}

/// Makes what is missing of the index in the user's cache, behind an answer. What goes wrong is said, and changes no exit
/// code.
pub(crate) fn make_behind(ui: Ui, search: &Search) {
    let Some(mut keeper) = search.keeper(Where::Cache) else { return };
    let missing = match search.index_state() {
        Ok(state) => state.missing,
        // The answer has said what is wrong with the trail.
        Err(_) => return,
    };
    if missing == 0 {
        return;
    }
    // Who reads the answer from a pipe has all of it.
    if let Err(error) = rustix::stdio::dup2_stdout(std::io::stderr()) {
        ui.warn(format_args!("cannot close the output: {error}"));
        return;
    }
    let entries = counted(missing * SHELF_ENTRIES, "entry", "entries");
    ui.note(format_args!("making the index of {entries} for the next search; --no-index leaves that out"));
    match build(&mut keeper, ui) {
        Ok(built) if built.left_out > 0 => ui.warn(format_args!(
            "{} left out: the log or `tiles/` does not lead to the signed root there; run `graven verify`",
            counted(built.left_out, "file was", "files were")
        )),
        Ok(built) => ui.note(format_args!("the index is in {}", built.folder.display())),
        // That one makes the same.
        Err(IndexError::Busy { .. }) => ui.note("another process is making it"),
        Err(error) => ui.warn(format_args!("no index was made: {}", Failure::from(error).message)),
    }
}
