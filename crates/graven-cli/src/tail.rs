//! `graven tail`: prints the newest entries, and follows new ones.

use std::thread;
use std::time::Duration;

use graven::ErrorKind;
use graven::reader::{Reader, Record, SealedHashes};

use crate::shared::describe;
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::Target;
use crate::shared::ui::{Ui, shown};

/// How often to look for new entries.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How many bytes are collected before they are written.
const PAGE_BYTES: usize = 64 << 10;

/// The arguments of `graven tail`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Follow new entries, also over rotations, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Show this number of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let reader = args.target.read()?;
    let mut page = Page::new(ui, &reader);
    let next = newest(&reader, args.lines, &mut page)?;
    if args.follow {
        follow(&reader, next, &mut page)?;
    }
    Ok(failure::OK)
}

/// Shows the newest entries.
pub(crate) fn show_newest(ui: Ui, reader: &Reader, count: u64) -> Result<(), Failure> {
    newest(reader, count, &mut Page::new(ui, reader)).map(drop)
}

fn newest(reader: &Reader, count: u64, page: &mut Page) -> Result<u64, Failure> {
    let mut next = reader.len()?.saturating_sub(count);
    for record in reader.entries(next..)? {
        let record = record?;
        next = record.index + 1;
        page.add(&record)?;
    }
    page.write()?;
    Ok(next)
}

fn follow(reader: &Reader, from: u64, page: &mut Page) -> Result<(), Failure> {
    let mut follow = reader.follow(from);
    loop {
        let records = match follow.poll() {
            Ok(records) => records,
            // A recovery has cut off entries that no checkpoint covers. The entries after that follow.
            Err(error) if error.kind() == ErrorKind::Data && follow.next_index() < from.max(1) => {
                page.ui.warn(error.chain());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for record in &records {
            page.add(record)?;
        }
        page.write()?;
        if records.is_empty() {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Lines that are written in one go.
struct Page {
    ui: Ui,
    bytes: Vec<u8>,
    sealed: SealedHashes,
}

impl Page {
    fn new(ui: Ui, reader: &Reader) -> Page {
        Page { ui, bytes: Vec::new(), sealed: reader.sealed_hashes() }
    }

    /// Adds an entry: with `--json` the stored line unchanged, otherwise a line for a person.
    fn add(&mut self, record: &Record) -> Result<(), Failure> {
        if self.sealed.contradiction(record).is_some() {
            self.write()?;
            self.ui.warn(describe::does_not_fit(record.index));
        }
        if self.ui.json() {
            self.bytes.extend_from_slice(&self.ui.stored(&record.line));
        } else {
            self.bytes.extend_from_slice(shown(&describe::one_line(self.ui, record)).as_bytes());
        }
        self.bytes.push(b'\n');
        if self.bytes.len() >= PAGE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let written = self.ui.page(&self.bytes);
        self.bytes.clear();
        written
    }
}
