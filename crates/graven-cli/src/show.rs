//! `graven show`: prints one entry: for a person, as JSON, or its stored bytes.

#[cfg(feature = "remote")]
pub(crate) mod remote;

use std::io::{self, IsTerminal};

use graven::reader::Record;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::shared::describe;
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::{Target, Which};
use crate::shared::ui::Ui;

/// The arguments of `graven show`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    which: Which,
    /// Print the stored bytes unchanged: the leaf hash is made from these
    #[arg(long)]
    raw: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 the entry is shown, 1 it cannot be read, or does not fit its leaf hash in tiles/ (it is shown all the \
same: run `graven verify`), 2 no answer.";

/// The answer in JSON.
#[derive(Serialize)]
struct Answer<'a> {
    index: u64,
    leaf_hash: String,
    /// The leaf hash in `tiles/`, when it is another one: the entry or that hash was changed after it was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_leaf_hash: Option<String>,
    /// The stored line.
    entry: &'a RawValue,
    /// The stored blob, when the line refers to one: the detail, or what the entry was cut by.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<Box<RawValue>>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    let reader = args.target.read()?;
    let record = args.which.find(&reader, &args.target.path)?;
    let sealed = reader.sealed_hashes().contradiction(&record);
    if sealed.is_some() {
        ui.warn(describe::does_not_fit(record.index));
    }
    let exit = if sealed.is_some() { failure::FOUND } else { failure::OK };
    if args.raw {
        print_raw(ui, &record)?;
        return Ok(exit);
    }
    let entry = record.entry()?;
    if ui.json() {
        let line = std::str::from_utf8(&record.line).map_err(|error| unreadable(record.index, &error))?;
        let blob = entry.detail.as_ref().and_then(|detail| detail.blob());
        let blob = blob.map(|blob| reader.blob(&blob)).transpose()?.map(RawValue::from_string).transpose();
        ui.object(&Answer {
            index: record.index,
            leaf_hash: record.leaf_hash().to_string(),
            sealed_leaf_hash: sealed.map(|sealed| sealed.to_string()),
            entry: serde_json::from_str(line).map_err(|error| unreadable(record.index, &error))?,
            blob: blob.map_err(|error| unreadable(record.index, &error))?,
        })?;
    } else {
        describe::at_length(ui, &record, sealed, &reader.restored(&entry)?)?;
    }
    Ok(exit)
}

fn print_raw(ui: Ui, record: &Record) -> Result<(), Failure> {
    ui.page(&ui.stored(&record.line))?;
    // Only on a terminal. A pipe or a file gets the stored bytes and nothing else.
    if io::stdout().is_terminal() {
        ui.line("")?;
    }
    Ok(())
}

fn unreadable(index: u64, error: &dyn std::error::Error) -> Failure {
    Failure::cannot(format_args!("entry {index} cannot be read: {error}")).exit(failure::FOUND)
}
