//! Who owns the files of a trail, and who may read them.
//!
//! Two things make the files that a process makes in a trail other than its own private ones. Root gives them to the
//! owner of the trail's directory: otherwise one `sudo graven record` would lock the service out of its own trail. And a
//! program that ships logs may read them, if [`Settings::file_mode`](crate::Settings::file_mode) says so; the other
//! processes of the trail then make their files as readable as `graven.json` is. The keys, `settings.json` and `LOCK`
//! are never readable by others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Access, DirEntry, Disk, File, FileId, Kind, Lock, Metadata, Open};
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// What group and others may be given of a file: to read it.
const READS: u32 = 0o044;
/// What they then need of a directory besides: to go through it.
const PER_DIRECTORY: u32 = 2;

/// The access to what is made in a trail, as far as it differs from a process's own private files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    /// The user and the group to whom root gives everything.
    owner: Option<(u32, u32)>,
    /// The group of what others may read.
    group: Option<u32>,
    /// Whether the caller asked for that group. If it is only taken over, a process that may not give files to it keeps
    /// its own private.
    group_is_asked_for: bool,
    /// Which of [`READS`] others get.
    reads: u32,
}

/// The machine on which a trail is opened: what is made in the trail on its disk gets the right owner and mode. The
/// trail's directory must be there.
pub(crate) fn machine_of(machine: Machine, layout: &Layout, settings: &Settings) -> Result<Machine, Error> {
    if let Some(mode) = settings.file_mode.filter(|mode| mode & !READS != 0o600) {
        let message = format!(
            "the file mode {mode:o} is not possible: the owner reads and writes, others may only read (600, 640, 604 or \
             644)"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let disk = &machine.disk;
    let policy = Policy::of(&**disk, layout, settings)
        .map_err(|source| Error::cannot("look at the owner of", layout.dir(), source))?;
    if policy.is_default() && settings.file_mode.is_none() {
        return Ok(machine);
    }
    let trail = TrailDisk { disk: Arc::clone(disk), layout: layout.clone(), policy };
    if settings.file_mode.is_some() || settings.group.is_some() {
        trail.spread().map_err(|source| Error::cannot("make readable the files in", layout.dir(), source))?;
    }
    Ok(Machine { disk: Arc::new(trail), clock: machine.clock })
}

impl Policy {
    fn of(disk: &dyn Disk, layout: &Layout, settings: &Settings) -> io::Result<Policy> {
        let dir = disk.metadata(layout.dir())?.access;
        let meta = match disk.metadata(&layout.meta()) {
            Err(error) if durable::is_absent(&error) => None,
            other => Some(other?.access),
        };
        let taken_over = meta.map_or(0, |meta| meta.mode & READS);
        let reads = settings.file_mode.map_or(taken_over, |mode| mode & READS);
        let group_before = meta.filter(|_| reads & 0o040 != 0).map(|meta| meta.group);
        Ok(Policy {
            owner: (disk.user() == 0 && dir.owner != 0).then_some((dir.owner, dir.group)),
            group: settings.group.or(group_before),
            group_is_asked_for: settings.group.is_some(),
            reads,
        })
    }

    fn is_default(&self) -> bool {
        self.owner.is_none() && self.reads == 0 && !self.group_is_asked_for
    }

    /// The access to what has just been made with the given one.
    fn access(&self, made: Access, kind: Kind, private: bool) -> Access {
        let (owner, own_group) = self.owner.unwrap_or((made.owner, made.group));
        if private {
            return Access { owner, group: own_group, ..made };
        }
        let passes = if kind == Kind::Dir { self.reads >> PER_DIRECTORY } else { 0 };
        Access { owner, group: self.group.unwrap_or(own_group), mode: made.mode | self.reads | passes }
    }
}

/// The disk of one open trail: the machine's, except for owner and mode of what is made in the trail.
#[derive(Debug)]
struct TrailDisk {
    disk: Arc<dyn Disk>,
    layout: Layout,
    policy: Policy,
}

impl TrailDisk {
    fn is_of_the_trail(&self, path: &Path) -> bool {
        path.starts_with(self.layout.dir()) || path == self.layout.live()
    }

    /// Whether nobody but the owner may read it.
    fn is_private(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = durable::temporary_of(name).unwrap_or(name);
        let here = path.with_file_name(name);
        path.starts_with(self.layout.keys()) || here == self.layout.settings() || here == self.layout.lock()
    }

    /// Gives what was just made its owner and its mode.
    fn hand_over(&self, path: &Path, id: FileId) -> io::Result<()> {
        let made = self.disk.metadata(path)?;
        let private = self.is_private(path);
        let wanted = self.policy.access(made.access, made.kind, private);
        if wanted == made.access {
            return Ok(());
        }
        match self.disk.set_access(path, id, wanted) {
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && self.policy.owner.is_none()
                    && !self.policy.group_is_asked_for =>
            {
                // Without the group, its members read nothing: it would be the members of another group.
                tracing::debug!(%error, path = %path.display(), "the file stays private: it cannot be given to the group");
                Ok(())
            }
            other => other,
        }
    }

    fn hand_over_or_remove(&self, path: &Path, file: &dyn File) -> io::Result<()> {
        let handed_over = file.id().and_then(|id| self.hand_over(path, id));
        if handed_over.is_err() {
            // The failure counts.
            let _left_over = self.disk.remove_file(path);
        }
        handed_over
    }

    /// Gives the files that are there the mode and the group of the settings, `graven.json` last: the other processes
    /// go by it, and so does this one when a crash comes between.
    fn spread(&self) -> io::Result<()> {
        let (meta, layout) = (self.layout.meta(), &self.layout);
        let wanted = |found: Access| {
            let group = self.policy.group.unwrap_or(found.group);
            found.mode & READS == self.policy.reads && found.group == group
        };
        if durable::exists(&*self.disk, &meta)? && wanted(self.disk.metadata(&meta)?.access) {
            return Ok(());
        }
        let mut paths =
            vec![layout.dir().to_owned(), layout.live().to_owned(), layout.checkpoint(), layout.closed()];
        for dir in [layout.segments(), layout.tiles(), layout.boundaries(), layout.blobs(), layout.torn()] {
            let names = match self.disk.read_dir(&dir) {
                Err(error) if durable::is_absent(&error) => continue,
                other => other?,
            };
            paths.extend(names.iter().map(|entry| dir.join(&entry.name)));
            paths.push(dir);
        }
        paths.push(meta);
        paths.iter().try_for_each(|path| self.regive(path))
    }

    fn regive(&self, path: &Path) -> io::Result<()> {
        let found = match self.disk.metadata(path) {
            Err(error) if durable::is_absent(&error) => return Ok(()),
            other => other?,
        };
        let owner = self.policy.owner.map_or_else(|| self.disk.user(), |(owner, _)| owner);
        // Only what belongs to the trail's user: a name in its directory may lead to somebody else's file.
        if found.access.owner != owner || found.kind == Kind::Other {
            return Ok(());
        }
        // The trail's own directory may be more open than its files, and stays so.
        let kept = if path == self.layout.dir() { !0 } else { !0o077 };
        let before = Access { mode: found.access.mode & kept, ..found.access };
        self.disk.set_access(path, found.id, self.policy.access(before, found.kind, false))
    }
}

impl Disk for TrailDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let makes = match how {
            Open::Read | Open::Write => false,
            Open::CreateNew => true,
            Open::Create => !durable::exists(&*self.disk, path)?,
        };
        let file = self.disk.open(path, how)?;
        if makes && self.is_of_the_trail(path) {
            self.hand_over_or_remove(path, &*file)?;
        }
        Ok(file)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)?;
        if self.is_of_the_trail(path) {
            self.hand_over(path, self.disk.metadata(path)?.id)?;
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.disk.read_dir(path)
    }

    fn read_names(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        self.disk.read_names(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.disk.metadata(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.canonicalize(path)
    }

    fn number(&self) -> u64 {
        self.disk.number()
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        self.disk.open_lock(path)
    }

    fn user(&self) -> u32 {
        self.disk.user()
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        self.disk.set_access(path, id, access)
    }

    fn unique(&self) -> String {
        self.disk.unique()
    }
}
