//! `graven show` on a server: the entry, its leaf hash computed here, and its blob.

use graven::Entry;
use graven::reader::Record;
use graven_core::hash::Hash;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Answer, Args, print_raw, unreadable};
use crate::shared::describe;
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::remote::{JSON, Remote, escaped};
use crate::shared::target::Which;
use crate::shared::ui::Ui;

/// An entry, as a server shows it. The text of `entry` is the stored line.
#[derive(Deserialize)]
struct Shown {
    index: u64,
    leaf_hash: Hash,
    entry: Box<RawValue>,
}

/// The chosen entry, and whether it fits the leaf hash that the server says.
pub(crate) fn find(remote: &Remote, which: &Which) -> Result<(Record, bool), Failure> {
    let path = match (which.index, &which.id) {
        (Some(index), _) => format!("/entries/{index}"),
        (None, Some(id)) => format!("/entries/by-id?id={}", escaped(id)),
        (None, None) => return Err(Failure::cannot("choose an entry with --index N or --id ID")),
    };
    let shown: Shown = remote.json(&path)?;
    let record = Record { index: shown.index, line: shown.entry.get().as_bytes().to_vec() };
    let fits = record.leaf_hash() == shown.leaf_hash;
    Ok((record, fits))
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    let (record, fits) = find(remote, &args.which)?;
    if !fits {
        ui.warn(describe::does_not_fit(record.index));
    }
    let exit = if fits { failure::OK } else { failure::FOUND };
    if args.raw {
        print_raw(ui, &record)?;
        return Ok(exit);
    }
    let entry = record.entry()?;
    let blob = blob(remote, record.index, &entry)?;
    if ui.json() {
        let line = std::str::from_utf8(&record.line).map_err(|error| unreadable(record.index, &error))?;
        ui.object(&Answer {
            index: record.index,
            leaf_hash: record.leaf_hash().to_string(),
            sealed_leaf_hash: None,
            entry: serde_json::from_str(line).map_err(|error| unreadable(record.index, &error))?,
            blob: blob
                .map(RawValue::from_string)
                .transpose()
                .map_err(|error| unreadable(record.index, &error))?,
        })?;
        return Ok(exit);
    }
    let restored = match blob {
        Some(blob) => entry.restored(&blob).map_err(|error| unreadable(record.index, &error))?,
        None => entry,
    };
    describe::at_length(ui, &record, None, &restored)?;
    Ok(exit)
}

/// The stored blob, when the line refers to one. It is compared with its hash in the line.
fn blob(remote: &Remote, index: u64, entry: &Entry) -> Result<Option<String>, Failure> {
    let Some(reference) = entry.detail.as_ref().and_then(|detail| detail.blob()) else { return Ok(None) };
    let bytes = remote.get(&format!("/entries/{index}/blob"), JSON)?;
    if graven_core::hash::sha256(&bytes) != reference.sha256 {
        let message = format!("the blob of entry {index} does not fit its hash in the entry");
        return Err(Failure::cannot(message).exit(failure::FOUND));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| unreadable(index, &error))
}
