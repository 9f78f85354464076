//! `graven import`: takes over an existing JSON Lines file. Nothing of it is dropped.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use graven::{Category, Detail, Entry, Outcome, Trail, WhenFull};
use serde::Serialize;

use crate::accept::BLOB_BYTES_MAX;
use crate::failure::{self, Ending, Failure};
use crate::files;
use crate::lines::{LineChunks, Lines, split};
use crate::progress::{Progress, Unit};
use crate::salvage::{Piece, pieces};
use crate::submit::{self, Submitter};
use crate::target::Target;
use crate::text::{count, counted};
use crate::ui::{Look, Ui};

/// A line that is longer is kept as text, in pieces of about this size: each fits into one detail even in base64.
const LINE_BYTES_MAX: usize = 8 << 20;

/// How long to wait for a slow disk.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The arguments of `graven import`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file to take over; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const AFTER_HELP: &str = "\
Entries keep their ids and times. Objects that were merged into one line are separated; fields that Graven does not \
know move into `detail`; what cannot be read as an entry is kept as text in an entry of the category `imported`.";

/// What was found in the file, and what became of it.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Lines of the file.
    lines: u64,
    /// Lines with nothing in them.
    empty_lines: u64,
    /// Entries recorded, texts included.
    entries: u64,
    /// Lines that held more than one entry.
    merged_lines: u64,
    /// Entries of which some field moved into the detail.
    with_moved_fields: u64,
    /// Texts that are no entry, each kept in one.
    unreadable: u64,
    /// The index of the first entry recorded.
    first_index: Option<u64>,
    /// The index of the last entry recorded.
    last_index: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    args.target.must_exist()?;
    let file = files::open(&args.file)?;
    let settings = args.target.settings().queue_bytes(submit::QUEUE_BYTES).blob_bytes_max(BLOB_BYTES_MAX);
    let trail = Trail::open(settings.when_full(WhenFull::Wait(PATIENCE)))?;
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

/// What became of the batches so far.
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
    let mut import = Import { summary: Summary::default(), file: args.file.display().to_string(), part: 0 };
    let progress = Progress::new(ui, "importing", Unit::Bytes, files::bytes(&args.file));
    let mut chunks = LineChunks::new(file, LINE_BYTES_MAX);
    let mut buffer = Vec::new();
    let (mut read, total) = (0, files::bytes(&args.file));
    let mut unread = None;
    loop {
        let lines = match chunks.next(&mut buffer) {
            Ok(Some(lines)) => lines,
            Ok(None) => break,
            Err(error) => {
                unread = Some(Failure::file("read", &args.file, &error));
                break;
            }
        };
        let entries = import.chunk(&buffer, lines);
        submitter.submit(entries, buffer.len(), ());
        read += buffer.len() as u64;
        progress.set(read, total);
        if done.lock().unwrap_or_else(PoisonError::into_inner).error.is_some() {
            break;
        }
    }
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
    Ok(Summary { entries, first_index, last_index, ..import.summary })
}

/// The reading of one file.
struct Import {
    summary: Summary,
    file: String,
    /// How many pieces of a line that is too long have been seen.
    part: u64,
}

impl Import {
    /// Every entry that a chunk holds.
    fn chunk(&mut self, chunk: &[u8], lines: Lines) -> Vec<Entry> {
        let mut entries = Vec::new();
        match lines {
            Lines::Whole => split(chunk).for_each(|line| self.line(line, &mut entries)),
            Lines::Piece { last } => {
                self.part += 1;
                self.summary.lines += u64::from(self.part == 1);
                entries.extend(chunk.chunks(LINE_BYTES_MAX).map(|text| self.text(text)));
                if last {
                    self.part = 0;
                }
            }
        }
        entries
    }

    fn line(&mut self, line: &[u8], entries: &mut Vec<Entry>) {
        self.summary.lines += 1;
        self.summary.empty_lines += u64::from(line.trim_ascii().is_empty());
        let mut whole = 0;
        for piece in pieces(line) {
            match piece {
                Piece::Entry(entry, moved) => {
                    whole += 1;
                    self.summary.with_moved_fields += u64::from(moved);
                    entries.push(*entry);
                }
                Piece::Text(text) => entries.push(self.text(text)),
            }
        }
        self.summary.merged_lines += u64::from(whole > 1);
    }

    /// An entry that keeps a text of the line that is being read.
    fn text(&mut self, text: &[u8]) -> Entry {
        self.summary.unreadable += 1;
        let mut kept =
            Kept { file: &self.file, line: self.summary.lines, part: self.part, text: None, base64: None };
        kept.text = std::str::from_utf8(text).ok();
        let plain = Detail::from_serialize(&kept).ok();
        // A text full of control characters grows sixfold as JSON; in base64 it fits for certain.
        let detail = match plain
            .filter(|detail| kept.text.is_some() && detail.as_str().len() as u64 <= BLOB_BYTES_MAX)
        {
            Some(detail) => Some(detail),
            None => {
                (kept.text, kept.base64) = (None, Some(graven_core::base64::encode(text)));
                Detail::from_serialize(&kept).ok()
            }
        };
        let category = Category::custom("imported").expect("a snake_case name that is nobody else's");
        let mut entry = Entry::new(category, "import:unreadable", Outcome::Failure);
        entry.detail = detail;
        entry
    }
}

/// The detail of an entry that keeps a text.
#[derive(Serialize)]
struct Kept<'a> {
    file: &'a str,
    line: u64,
    /// Which part of a line that is longer than an entry can be, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    part: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// The bytes of a text that is not UTF-8, or would not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Summary {
    fn show(&self, ui: Ui, args: &Args) -> Result<(), Failure> {
        ui.line(format_args!(
            "{} {} from {} of {}",
            ui.paint(Look::Good, "imported"),
            counted(self.entries, "entry", "entries"),
            counted(self.lines, "line", "lines"),
            args.file.display(),
        ))?;
        if let (Some(first), Some(last)) = (self.first_index, self.last_index) {
            ui.fact("indexes", format_args!("{} to {}", count(first), count(last)))?;
        }
        let notes = [
            (self.empty_lines, "empty lines"),
            (self.merged_lines, "lines held several entries, now separate"),
            (self.with_moved_fields, "entries had unknown fields, now in their detail"),
            (
                self.unreadable,
                "texts could not be read as entries; they are kept as text, category `imported`",
            ),
        ];
        for (number, what) in notes.into_iter().filter(|(number, _)| *number > 0) {
            ui.line(format_args!("  {} {what}", ui.paint(Look::Notice, count(number))))?;
        }
        Ok(())
    }
}
