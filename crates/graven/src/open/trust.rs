//! From whom a key is accepted. Only the user of this process and root may have made it, and nobody else may change it;
//! for root, also the owner of the trail's directory may have made it.
//!
//! What lies in the trail and belongs to us is put right: its permissions are taken from group and others, as they are
//! again and again where a container platform opens a whole volume to a group. What we cannot or must not change is
//! refused if others can write it. A key that others can only read is used, with a warning: a platform that mounts
//! secrets decides how they are read.

use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::seam::disk::{Access, Disk, Kind, Metadata};

/// What group and others may do.
const OF_OTHERS: u32 = 0o077;
/// The part of it that lets them change something.
const WRITES: u32 = 0o022;

/// Accepts the directory `keys/`, if there is one.
pub(super) fn keys_directory(disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
    let path = layout.keys();
    if !there(disk, &path)? {
        return Ok(());
    }
    real_directory(disk, &path)?;
    own(disk, layout, &path, &look(disk, &path)?)
}

/// Refuses what stands in the place of a directory of the trail and is a link, or no directory.
pub(super) fn real_directory(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    if look(disk, path)?.kind != Kind::Dir {
        return Err(refused(path, "is not a directory: remove it, or choose another place for the trail"));
    }
    not_a_link(disk, path)
}

/// Accepts a key in the trail, which must be there.
pub(super) fn key_in_trail(disk: &dyn Disk, layout: &Layout, path: &Path) -> Result<(), Error> {
    not_a_link(disk, path)?;
    own(disk, layout, path, &look_at_key(disk, path)?)
}

/// Accepts a key that is kept elsewhere, which must be there. It may be a link: a platform that mounts secrets makes
/// them so.
pub(super) fn key_elsewhere(disk: &dyn Disk, layout: &Layout, path: &Path) -> Result<(), Error> {
    let access = look_at_key(disk, path)?.access;
    check_owner(disk, layout, path, access)?;
    if access.mode & WRITES != 0 {
        return Err(others_can_write(path, access));
    }
    if access.mode & OF_OTHERS != 0 {
        tracing::warn!(key = %path.display(), mode = format!("{:o}", access.mode), "others than its owner can read this key: they can sign in the trail's name");
    }
    Ok(())
}

/// Accepts what lies in the trail, and takes it from group and others.
fn own(disk: &dyn Disk, layout: &Layout, path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let access = metadata.access;
    check_owner(disk, layout, path, access)?;
    if access.mode & OF_OTHERS == 0 {
        return Ok(());
    }
    if disk.user() == 0 || disk.user() == access.owner {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", access.mode), "others than its owner had access to this: it is taken from them");
        return disk
            .set_access(path, metadata.id, Access { mode: access.mode & !OF_OTHERS, ..access })
            .map_err(|source| Error::cannot("change the permissions of", path, source));
    }
    if access.mode & WRITES != 0 { Err(others_can_write(path, access)) } else { Ok(()) }
}

fn check_owner(disk: &dyn Disk, layout: &Layout, path: &Path, access: Access) -> Result<(), Error> {
    let user = disk.user();
    if access.owner == user || access.owner == 0 {
        return Ok(());
    }
    if user == 0 && look(disk, layout.dir())?.access.owner == access.owner {
        return Ok(());
    }
    let owner = access.owner;
    Err(refused(
        path,
        &format!(
            "belongs to user {owner}, and this process is user {user}: somebody else may know this key, or have put it \
             there; run as user {owner}, or give the file to user {user} if it is yours"
        ),
    ))
}

fn others_can_write(path: &Path, access: Access) -> Error {
    let mode = access.mode;
    refused(path, &format!("can be changed by others than its owner (mode {mode:o}): `chmod go-w` it"))
}

/// The trail's directory is named without links, so a name in it leads to itself, or is a link.
fn not_a_link(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    let real = disk.canonicalize(path).map_err(|source| Error::cannot("look at", path, source))?;
    if real == path { Ok(()) } else { Err(refused(path, "is a link: nothing of a trail may be one")) }
}

/// The error for a key that was in the place of a new trail's key.
pub(super) fn planted(path: &Path) -> Error {
    let message = format!(
        "{} was there before the trail, and graven did not make it: somebody may know this key; remove it, or choose \
         another directory",
        path.display()
    );
    Error::new(ErrorKind::Data, message)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{} {why}", path.display()))
}

fn look(disk: &dyn Disk, path: &Path) -> Result<Metadata, Error> {
    disk.metadata(path).map_err(|source| Error::cannot("look at", path, source))
}

/// Refuses what stands in the place of a key and is no file, before anything of it is changed.
fn look_at_key(disk: &dyn Disk, path: &Path) -> Result<Metadata, Error> {
    let metadata = look(disk, path)?;
    match metadata.kind {
        Kind::File => Ok(metadata),
        _ => Err(refused(path, "is not a regular file: put the key there, or name another place")),
    }
}

fn there(disk: &dyn Disk, path: &Path) -> Result<bool, Error> {
    durable::exists(disk, path).map_err(|source| Error::cannot("look at", path, source))
}
