//! `graven import`: records what a file says, in Graven's own format or in that of another program, and drops nothing.

mod job;
mod marks;
mod recording;
mod source;
mod taking;

use std::path::{Path, PathBuf};
use std::time::Duration;

use graven::Trail;
use graven::disk::{Disk, OsDisk};
use graven_core::intake::BLOB_BYTES_MAX;
use graven_core::salvage::{Encoding, Found};
use graven_formats::{Format, guess};
use serde::Serialize;

use job::{Job, Outcome, Parts};
use source::Source;
use taking::Told;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::files::{self, Besides};
use crate::shared::misspelled::Misspelled;
use crate::shared::progress::{Progress, Unit};
use crate::shared::submit;
use crate::shared::target::Target;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How long to wait for a slow disk.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The arguments of `graven import`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file to import; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read the file as this format: graven, cloudtrail, kubernetes, cloudevents, vault, github, auditd, otlp, claude-code or codex
    /// [default: the one that its first events look like]
    #[arg(long = "as", value_name = "FORMAT", value_parser = read_as)]
    read_as: Option<As>,
}

const AFTER_HELP: &str = "\
Reads files compressed by gzip or zstd, UTF-16 with and without a byte order mark, and JSON on one line or over many.

A file of another program becomes entries with the time, the actor, the action, the resource and the outcome of each \
event, and the whole event in `detail`. docs/FORMATS.md says which field becomes which. What cannot be mapped is kept \
whole, with the action `import:event`, and counted.

In Graven's own format, entries keep their ids and times. A time may be RFC 3339, or a number since 1970: of seconds, \
milliseconds, microseconds or nanoseconds, for the years 1973 to 5138. A fraction of a second with more than nine digits \
is rounded, and counted. Several objects on one line become separate entries. Fields that Graven does not know move into \
`detail`.

Anything else is kept as text, in an entry with the category `imported` and the action `import:text`. A private key over \
several lines is taken out as one secret.

The trail remembers how far a file was imported, in entries `trail.imported`, by the SHA-256 of its text. A second import \
adds only what has been added to the file since, also when the first one was killed. Standard input and FIFOs cannot be \
read twice, so they are not compared.";

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// Graven's own entries.
    Graven,
    /// Events of another program.
    Foreign(Format),
}

fn read_as(name: &str) -> Result<As, String> {
    if name == job::name(None) {
        return Ok(As::Graven);
    }
    name.parse()
        .map(As::Foreign)
        .map_err(|error: graven_formats::UnknownFormat| format!("{error}, nor graven"))
}

/// What was found in the file, and what was recorded.
#[derive(Debug, Serialize)]
struct Summary {
    encoding: &'static str,
    compression: Option<&'static str>,
    format: &'static str,
    /// Whether the format was recognised, and not given.
    recognised: bool,
    #[serde(flatten)]
    found: Found,
    #[serde(flatten)]
    told: Told,
    /// Recorded entries, including those that keep a text.
    entries: u64,
    /// Entries that earlier imports of this file have recorded.
    already: u64,
    /// The index of the first recorded entry.
    first_index: Option<u64>,
    /// The index of the last recorded entry.
    last_index: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    args.target.must_exist()?;
    let source = open(&args.file)?;
    let settings = args.target.settings().queue_bytes(submit::QUEUE_BYTES).blob_bytes_max(BLOB_BYTES_MAX);
    let trail = Trail::open(settings.deadline(PATIENCE))?;
    let summary = import(args, ui, &trail, source);
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

fn open(file: &Path) -> Result<Source, Failure> {
    Source::new(files::open(file, Besides::Fifos)?).map_err(|error| Failure::file("read", file, &error))
}

fn import(args: &Args, ui: Ui, trail: &Trail, mut source: Source) -> Result<Summary, Failure> {
    let total = files::bytes(&args.file);
    // What cannot be read twice has no size.
    let head = job::head(&mut source, total == 0);
    let (encoding, compression) = (name(source.encoding()), source.compression);
    let format = match args.read_as {
        Some(As::Graven) => None,
        Some(As::Foreign(format)) => Some(format),
        None => guess(&head.0),
    };
    let past = match total {
        0 => None,
        _ => marks::find(&args.target.path, job::name(format), &mut open(&args.file)?)?,
    };
    // Ids go on where they ended.
    let run = past.as_ref().map_or_else(new_name, |past| past.mark.import.clone());
    let redactor = trail.redactor();
    let progress = Progress::new(ui, "importing", Unit::Bytes, total);
    let parts = Parts {
        trail,
        file: &args.file,
        source,
        head,
        format,
        run,
        progress,
        misspelled: Misspelled::new(ui),
        total,
    };
    let Outcome { done, found, told, already } = Job::new(parts, |text| redactor.text(text))?.run(past)?;
    Ok(Summary {
        encoding,
        compression,
        format: job::name(format),
        recognised: args.read_as.is_none(),
        found,
        told,
        entries: done.entries,
        already,
        first_index: done.first_index,
        last_index: done.last_index,
    })
}

/// A name for an import that no other has.
fn new_name() -> String {
    let unique = OsDisk.unique();
    unique.rsplit('-').next().unwrap_or(&unique).to_owned()
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
        if self.format != job::name(None) {
            let how = if self.recognised { " (recognised; --as FORMAT chooses another)" } else { "" };
            ui.fact("format", format_args!("{}{how}", self.format))?;
        }
        if let Some(compression) = self.compression {
            ui.fact("compression", compression)?;
        }
        if self.encoding != name(Encoding::Utf8) {
            ui.fact("encoding", self.encoding)?;
        }
        let unmapped = |why: &str| self.told.unmapped.get(why).copied().unwrap_or(0);
        let notes = [
            (self.already, "entries were in the trail already, from an earlier import of this file"),
            (self.told.events - self.told.unmapped.values().sum::<u64>(), "entries were made of events"),
            (self.told.without_time, "of them have no time that can be read; theirs is that of the import"),
            (
                unmapped("other_kind"),
                "objects are of another kind; they are kept whole, action `import:event`",
            ),
            (
                unmapped("not_kept"),
                "events have doubled keys, half a surrogate pair or too many levels; they are kept as text, action \
                 `import:event`",
            ),
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
        let notes: Vec<_> = notes.into_iter().filter(|(number, _)| *number > 0).collect();
        let width = notes.iter().map(|(number, _)| count(*number).len()).max().unwrap_or(0);
        for (number, what) in notes {
            let number = format!("{:>width$}", count(number));
            ui.line(format_args!("  {} {what}", ui.paint(Look::Notice, number)))?;
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
