//! A chain of trails: one that goes on where another one ended, which may itself have gone on where a third one ended.
//!
//! The first entry of a newer trail, `trail.continues`, names the origin, size, root and key of the older one, which lies
//! in `before/<origin>/` of the newest. So the chain is found from its newest trail, and every older trail is signed for by
//! the one after it. A trail without `before/` is a chain of one.

mod end;
mod keys;
mod verify;

use std::path::{Path, PathBuf};

use graven_core::verdict::{Finding, Verdict};

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::origin_name;
use crate::reader::Reader;
use crate::seam::disk::{Disk, Kind};
use crate::seam::machine::Machine;
use crate::settings::continued::Continued;

pub use end::leads_to;
pub use keys::judged_by;
pub use verify::{ChainOptions, ChainReport, ContinuedBy, continuing, verify};

/// The most trails of a chain. Each one is a machine that was lost: a longer chain was made to keep readers busy.
pub const TRAILS_MAX: usize = 1_000;

/// A chain of trails, found from the newest one.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Oldest first; never empty.
    links: Vec<Link>,
    findings: Vec<Finding>,
    /// The trail that the oldest one continues, if it is not there.
    absent: Option<Continued>,
}

/// One trail of a chain.
#[derive(Debug, Clone)]
pub struct Link {
    reader: Reader,
    /// The path by which its chain is known leads to it by this name.
    name: PathBuf,
    end: Option<Continued>,
}

impl Chain {
    /// Opens the chain whose newest trail is at a path: the trail's directory, or its live file.
    ///
    /// What contradicts the chain is a [finding](Chain::findings), and the trails that can be read are there all the same.
    ///
    /// # Errors
    /// As [`Reader::open`]; `Data` when the chain leads back to itself, or has more than [`TRAILS_MAX`] trails.
    pub fn open(path: impl AsRef<Path>) -> Result<Chain, Error> {
        let machine = Machine::os();
        let layout = Layout::find_one(&*machine.disk, path.as_ref())?;
        Chain::open_on(&machine, layout, path.as_ref())
    }

    /// Opens a chain on a given machine. `name` is the path by which the caller knows its newest trail.
    ///
    /// # Errors
    /// As [`open`](Chain::open).
    pub fn open_on(machine: &Machine, layout: Layout, name: &Path) -> Result<Chain, Error> {
        let newest = Reader::open_on(machine, layout.clone())?;
        let has_before = durable::exists(&*machine.disk, &layout.before())
            .map_err(|source| Error::cannot("look at", &layout.before(), source))?;
        let mut chain = Chain { links: Vec::new(), findings: Vec::new(), absent: None };
        let mut next = Some(Link { reader: newest, name: name.to_owned(), end: None });
        while let Some(link) = next.take() {
            let before = match link.continued() {
                Ok(before) => before,
                // Without older trails, nothing depends on the first entry: one that cannot be read hides nothing here.
                Err(_) if !has_before => None,
                Err(error) => return Err(error),
            };
            chain.links.push(link);
            let Some(continued) = before else { break };
            chain.refuse_endless(&layout, &continued)?;
            next = chain.older(machine, (&layout, name), has_before, continued)?;
        }
        chain.links.reverse();
        // Behind a gap nobody knows what belongs there.
        if chain.absent.is_none() {
            chain.find_strangers(&*machine.disk, &layout)?;
        }
        Ok(chain)
    }

    /// The trails, oldest first.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The newest trail.
    pub fn newest(&self) -> &Link {
        self.links.last().expect("a chain has a trail")
    }

    /// The trails before the newest one, oldest first.
    pub fn before(&self) -> &[Link] {
        &self.links[..self.links.len() - 1]
    }

    /// What contradicts the chain: an older trail that is missing, that is another one, or that does not lead to where the
    /// next one goes on. What is wrong within a trail is not looked for here.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The trail that the oldest one says it continues, if it is not there.
    pub fn absent(&self) -> Option<&Continued> {
        self.absent.as_ref()
    }

    /// Where an older trail lies, and the path by which a verifier knows it.
    fn place_of(&self, origin: &str) -> (Layout, PathBuf) {
        let (newest, layout) = (self.newest(), self.newest().layout().before_of(origin));
        let name = name_before(newest.name(), newest.layout(), &layout);
        (layout, name)
    }

    fn refuse_endless(&self, layout: &Layout, continued: &Continued) -> Result<(), Error> {
        let refused = |what: &str| {
            let message = format!("the chain of trails in {} {what}", layout.dir().display());
            Err(Error::new(ErrorKind::Data, message))
        };
        if self.links.iter().any(|link| link.origin() == continued.origin) {
            return refused(&format!("leads back to the trail {:?}", continued.origin));
        }
        if self.links.len() >= TRAILS_MAX {
            return refused(&format!("has more than {TRAILS_MAX} trails"));
        }
        Ok(())
    }

    /// The trail that the last link continues; `None` when it is not there, or is another one.
    fn older(
        &mut self,
        machine: &Machine,
        (newest, name): (&Layout, &Path),
        has_before: bool,
        continued: Continued,
    ) -> Result<Option<Link>, Error> {
        let layout = newest.before_of(&continued.origin);
        let file = file_of(&continued.origin);
        let reader = match Reader::open_on(machine, layout.clone()) {
            Ok(reader) => reader,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if has_before {
                    let message = format!(
                        "the trail {:?} is missing, which {:?} continues from entry {} on",
                        continued.origin,
                        self.links.last().map_or("", Link::origin),
                        continued.size
                    );
                    self.findings.push(Finding::new(Verdict::Missing, message).file(file));
                }
                self.absent = Some(continued);
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::Data => {
                self.findings.push(Finding::new(Verdict::Altered, error.chain()).file(file));
                self.absent = Some(continued);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let name = name_before(name, newest, &layout);
        if reader.meta().key != continued.key {
            self.findings.push(end::another(&continued, reader.meta()).file(file));
            self.absent = Some(continued);
            return Ok(None);
        }
        self.findings.extend(end::check(&reader, &continued)?.map(|finding| finding.file(file)));
        Ok(Some(Link { reader, name, end: Some(continued) }))
    }

    /// Finds trails in `before/` that no trail of the chain continues.
    fn find_strangers(&mut self, disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
        let before = layout.before();
        let entries = durable::if_there(disk.read_dir(&before))
            .map_err(|source| Error::cannot("list", &before, source))?;
        for entry in entries.unwrap_or_default() {
            let Some(origin) = origin_name::decode(&entry.name).filter(|_| entry.metadata.kind == Kind::Dir)
            else {
                continue;
            };
            if !self.before().iter().any(|link| link.origin() == origin) {
                let message = format!("no trail of the chain continues the trail {origin:?}");
                self.findings.push(Finding::new(Verdict::Inserted, message).file(file_of(&origin)));
            }
        }
        Ok(())
    }
}

impl Link {
    /// Reads the trail.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The paths of the trail's files.
    pub fn layout(&self) -> &Layout {
        self.reader.layout()
    }

    /// The origin of the trail.
    pub fn origin(&self) -> &str {
        &self.reader.meta().origin
    }

    /// The path by which a verifier knows the trail.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Where the trail ended, as the one that continues it says; `None` for the newest one.
    pub fn end(&self) -> Option<&Continued> {
        self.end.as_ref()
    }

    /// What the trail says that it continues.
    ///
    /// # Errors
    /// As [`Reader::record`].
    pub fn continued(&self) -> Result<Option<Continued>, Error> {
        let first = self.reader.record(0)?;
        // A line that is no entry says nothing here: a verification names it.
        Ok(first.and_then(|first| first.entry().ok()).as_ref().and_then(Continued::of))
    }
}

/// The place of an older trail, relative to the newest one's directory.
fn file_of(origin: &str) -> String {
    format!("before/{}", origin_name::encode(origin))
}

/// The path by which an older trail is known: below the one by which the newest is.
fn name_before(name: &Path, newest: &Layout, older: &Layout) -> PathBuf {
    let below = older.dir().strip_prefix(newest.dir()).unwrap_or(older.dir());
    // A live file is not above anything: all the rest is in the directory beside it, or around it.
    let dir = if name == newest.live() { newest.dir() } else { name };
    dir.join(below)
}
