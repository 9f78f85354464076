//! `graven tail`: prints the newest entries, or the newest hits of a query, and follows new ones.

#[cfg(feature = "remote")]
mod remote;

use std::thread;
use std::time::Duration;

use graven::ErrorKind;
use graven::chain::Chain;
use graven::reader::{Follow, Reader, Record, SealedHashes};
use graven_search::{Ask, ChainSearch, Following, Query, SearchError, SearchOptions, Zone};

#[cfg(feature = "archive")]
use crate::shared::archive;
use crate::shared::asking;
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
    /// Show only the hits of this query, such as 'outcome:denied "rm -rf"'; write -- before one that begins with -
    #[arg(value_name = "QUERY")]
    query: Option<String>,
    /// Follow new entries, also over rotations, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Show this number of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    if args.follow
        && let Some(url) = args.target.archive()
    {
        return Err(does_not_follow(url));
    }
    let reader = args.target.read()?;
    let mut page = Page::new(ui, &reader);
    let Some(text) = &args.query else {
        let next = newest_of_chain(args, ui, &reader, &mut page)?;
        if args.follow {
            follow(Source::All(reader.follow(next)), next, &mut page)?;
        }
        return Ok(failure::OK);
    };
    let moment = asking::moment(Zone::default());
    let query = asking::query(ui, text, &moment)?;
    // Each entry is shown as it is stored: what it is judged by is asked for by `search`.
    let search = asking::search(&args.target, &[], SearchOptions::default())?;
    let (next, exit) = newest_hits(&search, &query, Ask::new(moment), args.lines, &mut page)?;
    if args.follow {
        follow(Source::Hits(Box::new(search.newest().follow(query, next))), next, &mut page)?;
    }
    Ok(exit)
}

/// An archive is read as it was at one moment.
fn does_not_follow(url: &str) -> Failure {
    Failure::cannot(format_args!("{url}: --follow works on the files of a trail or on a server, and not on an archive"))
        .advise("follow the trail where it is recorded; without --follow, the newest entries of the archive are shown")
}

/// Shows the newest entries.
pub(crate) fn show_newest(ui: Ui, reader: &Reader, count: u64) -> Result<(), Failure> {
    newest(reader, count, &mut Page::new(ui, reader)).map(drop)
}

/// The newest entries, also of the trails that this one continues, if it has too few; the index after the newest one.
fn newest_of_chain(args: &Args, ui: Ui, reader: &Reader, page: &mut Page) -> Result<u64, Failure> {
    let own = reader.len()?;
    if own >= args.lines {
        return newest(reader, args.lines, page);
    }
    let mut wanted = args.lines - own;
    let mut parts = Vec::new();
    for trail in before(&args.target, ui)?.into_iter().rev() {
        let count = trail.len()?.min(wanted);
        wanted -= count;
        if count > 0 {
            parts.push((trail, count));
        }
    }
    for (trail, count) in parts.iter().rev() {
        page.begin(Some(&trail.meta().origin), trail)?;
        newest(trail, *count, page)?;
    }
    if !parts.is_empty() {
        page.begin(None, reader)?;
    }
    newest(reader, args.lines, page)
}

/// The trails before the newest one of a chain, oldest first.
fn before(target: &Target, ui: Ui) -> Result<Vec<Reader>, Failure> {
    #[cfg(feature = "archive")]
    if let Some(url) = target.archive() {
        return archive::before(url);
    }
    let chain = Chain::open(&target.path)?;
    chain.findings().iter().for_each(|finding| ui.warn(finding));
    Ok(chain.before().iter().map(|link| link.reader().clone()).collect())
}

/// The trail of a hit.
fn reader_of(search: &ChainSearch, origin: Option<&str>) -> Reader {
    let trails = search.trails();
    let found = origin.and_then(|origin| trails.iter().find(|trail| trail.reader().meta().origin == origin));
    found.unwrap_or(search.newest()).reader().clone()
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

/// Shows the newest hits; the index after the entries that were looked at, and the exit code.
fn newest_hits(
    search: &ChainSearch,
    query: &Query,
    ask: Ask,
    count: u64,
    page: &mut Page,
) -> Result<(u64, u8), Failure> {
    if count == 0 {
        return Ok((search.reader().len()?, failure::OK));
    }
    let mut hits = Vec::new();
    let answer = search.each::<SearchError>(query, &ask, &mut |hit| {
        hits.push((hit.origin, Record { index: hit.index, line: hit.line.into_bytes() }));
        Ok((hits.len() as u64) < count)
    })?;
    let in_chain = hits.iter().any(|(origin, _)| origin.is_some());
    let mut trail = None;
    for (origin, record) in hits.iter().rev() {
        if in_chain && trail != Some(origin) {
            page.begin(origin.as_deref(), &reader_of(search, origin.as_deref()))?;
        }
        trail = Some(origin);
        page.add(record)?;
    }
    page.write()?;
    let exit = asking::findings(page.ui, &answer.findings, answer.findings_left_out);
    Ok((answer.coverage.entries, exit))
}

/// Where new entries come from.
enum Source {
    All(Follow),
    Hits(Box<Following>),
}

impl Source {
    /// New entries, and whether there was anything new to look at.
    fn poll(&mut self, ui: Ui) -> Result<(Vec<Record>, bool), graven::Error> {
        match self {
            Source::All(follow) => {
                let records = follow.poll()?;
                let is_new = !records.is_empty();
                Ok((records, is_new))
            }
            Source::Hits(following) => {
                let batch = following.poll()?;
                batch.findings.iter().for_each(|finding| ui.warn(finding));
                Ok((batch.hits, batch.looked_at > 0))
            }
        }
    }

    fn next_index(&self) -> u64 {
        match self {
            Source::All(follow) => follow.next_index(),
            Source::Hits(following) => following.next_index(),
        }
    }
}

fn follow(mut source: Source, from: u64, page: &mut Page) -> Result<(), Failure> {
    loop {
        let (records, is_new) = match source.poll(page.ui) {
            Ok(new) => new,
            // A recovery has cut off entries that no checkpoint covers. The entries after that follow.
            Err(error) if error.kind() == ErrorKind::Data && source.next_index() < from.max(1) => {
                page.ui.warn(error.chain());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for record in &records {
            page.add(record)?;
        }
        page.write()?;
        if !is_new {
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

    /// Goes on with another trail of a chain. A stored line does not say of which trail it is; a person is told.
    fn begin(&mut self, origin: Option<&str>, reader: &Reader) -> Result<(), Failure> {
        self.write()?;
        self.sealed = reader.sealed_hashes();
        if self.ui.json() { Ok(()) } else { self.ui.line(describe::of_trail(self.ui, origin)) }
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
