//! `graven import`: records the lines of an existing JSON Lines file, and drops nothing.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use graven::{Entry, Trail};
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::lines::LineChunks;
use graven_core::salvage::{Decoded, Encoding, Found, LINE_BYTES_MAX, Reading};
use serde::Serialize;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::files::{self, Besides};
use crate::shared::misspelled::Misspelled;
use crate::shared::progress::{Progress, Unit};
use crate::shared::submit::{self, Submitter};
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How long to wait for a slow disk.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The longest chunk whose entries are recorded together: more than one read, less than a text that is cut.
const TOGETHER_BYTES_MAX: usize = 512 << 10;
/// An entry has at most this many bytes beside its detail.
const LINE_BYTES: usize = 64 << 10;

/// The arguments of `graven import`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file to import; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const AFTER_HELP: &str = "\
Entries keep their ids and times. A time may be RFC 3339, or a number since 1970: of seconds, milliseconds, \
microseconds or nanoseconds, for the years 1973 to 5138. A fraction of a second with more than nine digits is rounded, \
and counted. Several objects on one line become separate entries. Fields that Graven does not know move into `detail`.

Anything else is kept as text, in an entry with the category `imported` and the action `import:text`. A private key over \
several lines is taken out as one secret. UTF-16 is read with and without a byte order mark.";

/// What was found in the file, and what was recorded.
#[derive(Debug, Default, Serialize)]
struct Summary {
    encoding: &'static str,
    #[serde(flatten)]
    found: Found,
    /// Recorded entries, including those that keep a text.
    entries: u64,
    /// The index of the first recorded entry.
    first_index: Option<u64>,
    /// The index of the last recorded entry.
    last_index: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    args.target.must_exist()?;
    let file = files::open(&args.file, Besides::Fifos)?;
    let settings = args.target.settings().queue_bytes(submit::QUEUE_BYTES).blob_bytes_max(BLOB_BYTES_MAX);
    let trail = Trail::open(settings.deadline(PATIENCE))?;
    let summary = import(args, ui, &trail, file);
    let closed = trail.close_blocking();
    let summary = summary?;
    closed?;
    if ui.json() {
        ui.object(&summary)?;
    } else {
        summary.show(ui, args)?;
    }
    Ok(failure::OK)
}

/// The results of the batches so far.
#[derive(Debug, Default)]
struct Done {
    entries: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
    error: Option<graven::Error>,
}

fn import(args: &Args, ui: Ui, trail: &Trail, file: Box<dyn Read + Send>) -> Result<Summary, Failure> {
    let done = Arc::new(Mutex::new(Done::default()));
    let answers = Arc::clone(&done);
    let submitter = Submitter::start(trail, move |(), recorded| {
        let mut done = answers.lock().unwrap_or_else(PoisonError::into_inner);
        match recorded {
            Ok(receipts) => {
                done.entries += receipts.len() as u64;
                done.first_index = done.first_index.or(receipts.first().map(|receipt| receipt.index));
                done.last_index = receipts.last().map(|receipt| receipt.index).or(done.last_index);
            }
            Err(error) => drop(done.error.get_or_insert(error)),
        }
    })?;
    let redactor = trail.redactor();
    let mut reading = Reading::of(args.file.display().to_string(), |text| redactor.text(text));
    let progress = Progress::new(ui, "importing", Unit::Bytes, files::bytes(&args.file));
    let misspelled = Misspelled::new(ui);
    let unreadable = |error| Failure::file("read", &args.file, &error);
    let file = Decoded::new(file).map_err(unreadable)?;
    let encoding = file.encoding();
    let mut chunks = LineChunks::new(file, LINE_BYTES_MAX);
    let mut buffer = Vec::new();
    let (mut read, total) = (0, files::bytes(&args.file));
    let mut unread = None;
    loop {
        let lines = match chunks.next(&mut buffer) {
            Ok(Some(lines)) => lines,
            Ok(None) => break,
            Err(error) => {
                unread = Some(unreadable(error));
                break;
            }
        };
        let entries = reading.chunk(&buffer, lines);
        entries.iter().for_each(|entry| misspelled.look_at(entry));
        submit(&submitter, entries, buffer.len());
        read += buffer.len() as u64;
        progress.set(read, total);
        if done.lock().unwrap_or_else(PoisonError::into_inner).error.is_some() {
            break;
        }
    }
    submit(&submitter, reading.finish(), 0);
    submitter.finish();
    progress.finish();
    let done = std::mem::take(&mut *done.lock().unwrap_or_else(PoisonError::into_inner));
    let so_far = counted(done.entries, "entry is", "entries are");
    if let Some(error) = done.error {
        let failure = Failure::from(error);
        let message = format!("the import stopped after {so_far} recorded: {}", failure.message);
        return Err(Failure { message, ..failure });
    }
    if let Some(failure) = unread {
        return Err(failure.advise(format_args!("{so_far} recorded")));
    }
    let Done { entries, first_index, last_index, .. } = done;
    Ok(Summary { encoding: name(encoding), found: reading.found, entries, first_index, last_index })
}

/// Submits the entries of a chunk: together, unless a long line is among them, which can make more than a queue holds.
fn submit(submitter: &Submitter<()>, entries: Vec<Entry>, bytes: usize) {
    if bytes <= TOGETHER_BYTES_MAX {
        return submitter.submit(entries, bytes, ());
    }
    for entry in entries {
        let bytes = LINE_BYTES + entry.detail.as_ref().map_or(0, |detail| detail.as_str().len());
        submitter.submit(vec![entry], bytes, ());
    }
}

impl Summary {
    fn show(&self, ui: Ui, args: &Args) -> Result<(), Failure> {
        ui.line(format_args!(
            "{} {} from {} of {}",
            ui.paint(Look::Good, "imported"),
            counted(self.entries, "entry", "entries"),
            counted(self.found.lines, "line", "lines"),
            args.file.display(),
        ))?;
        if let (Some(first), Some(last)) = (self.first_index, self.last_index) {
            ui.fact("indexes", format_args!("{} to {}", count(first), count(last)))?;
        }
        if self.encoding != name(Encoding::Utf8) {
            ui.fact("encoding", self.encoding)?;
        }
        let notes = [
            (self.found.empty_lines, "empty lines"),
            (self.found.merged_lines, "lines had several entries, which are now separate"),
            (self.found.with_moved_fields, "entries had unknown fields, which are now in their detail"),
            (self.found.epoch_times, "times were numbers since 1970"),
            (
                self.found.rounded_times,
                "times had more than nine digits of a second's fraction; they are rounded",
            ),
            (self.found.unreadable, "texts are not entries; they are kept as text, category `imported`"),
            (self.found.keys_over_lines, "private keys had several lines; each was taken out as one secret"),
        ];
        for (number, what) in notes.into_iter().filter(|(number, _)| *number > 0) {
            ui.line(format_args!("  {} {what}", ui.paint(Look::Notice, count(number))))?;
        }
        Ok(())
    }
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf16Le => "utf-16le",
        Encoding::Utf16Be => "utf-16be",
        _ => "utf-8",
    }
}
