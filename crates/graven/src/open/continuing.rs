//! The first entry of a trail that continues another one: `trail.continues`, and no other.
//!
//! The creation writes `continues`, the detail of that entry, before `graven.json`. While the file is there, the first
//! entry is still owed: any opening writes it before everything else, also one without the setting. It is removed
//! when the entry is durable. A file beside entries is left from a crash between the two.

use graven_core::entry::{Entry, system_actions};

use crate::engine::system_entries::{SystemLine, system_line};
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::reader::Reader;
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::settings::continued::Continued;

/// Promises the first entry of a trail that is being made. A creation without the setting keeps what an earlier attempt
/// at the same place has promised.
pub(super) fn promise(disk: &dyn Disk, layout: &Layout, settings: &Settings) -> Result<(), Error> {
    let Some(continued) = &settings.continues else { return Ok(()) };
    let path = layout.continues();
    let mut bytes = serde_json::to_vec(continued).expect("texts and numbers can be written");
    bytes.push(b'\n');
    durable::replace(disk, &path, &bytes).map_err(|source| Error::cannot("write", &path, source))
}

/// Refuses a trail whose first entry is another one than the setting says, before anything of it is changed.
pub(super) fn refuse_other(machine: &Machine, layout: &Layout, settings: &Settings) -> Result<(), Error> {
    let Some(wanted) = &settings.continues else { return Ok(()) };
    // A line that is no entry may be what a crash left: the recovery judges it.
    match first_entry(machine, layout) {
        Ok(Some(first)) => check(layout, wanted, &first),
        Ok(None) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Data => Ok(()),
        Err(error) => Err(error),
    }
}

/// The first entry, if it is owed: of a trail that has none yet, and was made, or is opened, to continue another.
pub(super) fn owed(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
    entries: u64,
) -> Result<Option<SystemLine>, Error> {
    let wanted = settings.continues.as_ref();
    if entries > 0 {
        if let Some(wanted) = wanted {
            let first = first_entry(machine, layout)?;
            let missing = || Error::new(ErrorKind::Data, "the first entry of the trail is missing");
            check(layout, wanted, &first.ok_or_else(missing)?)?;
        }
        return Ok(None);
    }
    let promised = promised(&*machine.disk, layout)?;
    if let (Some(promised), Some(wanted)) = (&promised, wanted)
        && promised != wanted
    {
        return Err(other(layout, wanted, &format!("is to continue {:?}", promised.origin)));
    }
    let continued = promised.as_ref().or(wanted);
    Ok(continued.map(|continued| system_line(&*machine.clock, system_actions::CONTINUES, continued)))
}

/// The first entry is durable, so nothing is owed any more.
pub(super) fn settled(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let path = layout.continues();
    let there = durable::exists(disk, &path).map_err(|source| Error::cannot("look at", &path, source))?;
    if !there {
        return Ok(());
    }
    // Not synced: a file that comes back after a crash stands beside entries, and means nothing.
    durable::retried(|| disk.remove_file(&path)).map_err(|source| Error::cannot("remove", &path, source))
}

fn promised(disk: &dyn Disk, layout: &Layout) -> Result<Option<Continued>, Error> {
    let path = layout.continues();
    let bytes = durable::if_there(durable::read_file(disk, &path))
        .map_err(|source| Error::cannot("read", &path, source))?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    parsed.map_err(|source| {
        let message = format!("{} does not say which trail this one continues: restore it", path.display());
        Error::with_source(ErrorKind::Data, message, source)
    })
}

fn first_entry(machine: &Machine, layout: &Layout) -> Result<Option<Entry>, Error> {
    let first = Reader::open_on(machine, layout.clone())?.record(0)?;
    first.map(|first| first.entry()).transpose()
}

fn check(layout: &Layout, wanted: &Continued, first: &Entry) -> Result<(), Error> {
    match Continued::of(first) {
        Some(found) if found == *wanted => Ok(()),
        Some(found) => Err(other(layout, wanted, &format!("continues {:?}", found.origin))),
        None => Err(other(layout, wanted, "has entries, and continues none")),
    }
}

fn other(layout: &Layout, wanted: &Continued, found: &str) -> Error {
    let message = format!(
        "{} cannot become a trail that continues {:?} from entry {} on: it {found}; choose another directory",
        layout.dir().display(),
        wanted.origin,
        wanted.size
    );
    Error::new(ErrorKind::Invalid, message)
}
