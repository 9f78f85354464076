//! The paths of a trail that is being opened, so that every name of a trail leads to one trail.

use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::remains;
use crate::open::create;
use crate::seam::disk::{Disk, Kind};
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// The layout with links resolved, so that every name of a trail is one trail. Creates the directory if the settings
/// allow it.
pub(super) fn canonical_layout(settings: &Settings, machine: &Machine) -> Result<Layout, Error> {
    let disk = &*machine.disk;
    let found = if settings.live_file {
        Layout::of_live(disk, &settings.path)
    } else {
        Layout::find(disk, &settings.path)
    };
    found.refuse_two(disk)?;
    let there = || durable::exists(disk, &found.meta()).map_err(|source| unusable(found.dir(), source));
    if !settings.create && !there()? {
        return Err(remains::absent(disk, &found, ErrorKind::Data));
    }
    if !settings.live_file && !there()? && is_foreign(disk, &found, &settings.path) {
        return Err(create::not_a_trails(&settings.path));
    }
    if found == Layout::in_dir(found.dir()) {
        durable::create_dir_all(disk, found.dir()).map_err(|source| unusable(found.dir(), source))?;
        let dir = disk.canonicalize(found.dir()).map_err(|source| unusable(found.dir(), source))?;
        return Ok(Layout::in_dir(dir));
    }
    create::refuse_special(disk, &found)?;
    let parent = found.live_parent();
    durable::create_dir_all(disk, parent).map_err(|source| unusable(parent, source))?;
    let live = match disk.canonicalize(found.live()) {
        Ok(live) => live,
        Err(_absent) => {
            let parent = disk.canonicalize(parent).map_err(|source| unusable(parent, source))?;
            let name = found.live().file_name().ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("{} does not name a file", settings.path.display()))
            })?;
            parent.join(name)
        }
    };
    // A link may have led to the live file of a directory's trail.
    let layout = Layout::of_live(disk, &live);
    durable::create_dir(disk, layout.dir()).map_err(|source| unusable(layout.dir(), source))?;
    Ok(layout)
}

/// Whether the path is that of a file, and not of an empty live file that an attempt to make a trail left behind.
fn is_foreign(disk: &dyn Disk, found: &Layout, path: &Path) -> bool {
    let begun = disk.metadata(&found.checkpoint()).is_ok();
    disk.metadata(path).is_ok_and(|found| found.kind == Kind::File && (found.bytes > 0 || !begun))
}

pub(super) fn unusable(path: &Path, source: io::Error) -> Error {
    let message = format!("cannot use {} for a trail", path.display());
    Error::with_source(ErrorKind::Unavailable, message, source)
}
