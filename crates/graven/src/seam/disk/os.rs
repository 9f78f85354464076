//! The operating system's disk: each operation is the system call of its name. All code that is specific to Unix is
//! here.

#![expect(clippy::disallowed_methods, reason = "this module is the seam")]

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{Access, DirEntry, Disk, File, FileId, Hold, Kind, Lock, Metadata, NotAFile, Open};

/// Only the owner may read and write files: an audit trail names people and what they did.
const FILE_MODE: u32 = 0o600;
/// The same for directories.
const DIR_MODE: u32 = 0o700;
/// The part of a mode that `chmod` sets. The rest says what kind of file it is.
const MODE_BITS: u32 = 0o7777;

/// The operating system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(FILE_MODE);
        match how {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::CreateNew => options.write(true).create_new(true),
            Open::Create => options.write(true).create(true),
        };
        // A link in the place of a file of ours was put there by somebody who wants another file to be written.
        let follow = if how == Open::Read { OFlags::empty() } else { OFlags::NOFOLLOW };
        Ok(Arc::new(OsFile(open_regular(&mut options, follow, path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(DIR_MODE).create(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Only a directory: to open a FIFO in its place would wait for a writer.
        OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path)?.sync_all()
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Some(metadata) = listed_metadata(&entry)? {
                entries.push(DirEntry { name: entry.file_name().to_string_lossy().into_owned(), metadata });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn read_names(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Only what a link leads to is not said by the directory itself.
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_file() => Some(Kind::File),
                Ok(kind) if kind.is_dir() => Some(Kind::Dir),
                Ok(kind) if !kind.is_symlink() => Some(Kind::Other),
                _ => listed_metadata(&entry)?.map(|metadata| metadata.kind),
            };
            names.extend(kind.map(|kind| (entry.file_name().to_string_lossy().into_owned(), kind)));
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }

    #[cfg(target_os = "linux")]
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        linux_metadata(path)
    }

    #[cfg(not(target_os = "linux"))]
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path).map(|metadata| ours(&metadata))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn number(&self) -> u64 {
        0
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        // Opened again for each handle: `flock` belongs to the open file, so two handles exclude each other within one
        // process as well, and closing another handle of the file does not release the lock.
        let mut options = OpenOptions::new();
        let (file, metadata) = open_at_once(options.read(true), OFlags::empty(), path)?;
        if !metadata.is_dir() {
            check_regular(&metadata)?;
        }
        let id = id_of(&metadata);
        Ok(Arc::new(OsLock { file, id, process: std::process::id() }))
    }

    fn user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        // Without waiting: in the place of the file there may be a FIFO by now.
        let only_there = flags(OFlags::NOFOLLOW | OFlags::NONBLOCK);
        let file = OpenOptions::new().read(true).custom_flags(only_there).open(path)?;
        let metadata = file.metadata()?;
        if id_of(&metadata) != id {
            return Err(io::Error::other("the file was replaced by another one"));
        }
        let now = access_of(&metadata);
        let changed = |wanted: u32, now: u32| (wanted != now).then_some(wanted);
        let (owner, group) = (changed(access.owner, now.owner), changed(access.group, now.group));
        if owner.is_some() || group.is_some() {
            fchown(&file, owner, group)?;
        }
        if access.mode != now.mode {
            file.set_permissions(fs::Permissions::from_mode(access.mode))?;
        }
        Ok(())
    }

    fn unique(&self) -> String {
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            // It need not be secret: the file is made only if the name is free.
            random = fastrand::u64(..).to_ne_bytes();
        }
        format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(random))
    }
}

/// Opens a file, if it is a regular one.
fn open_regular(options: &mut OpenOptions, more: OFlags, path: &Path) -> io::Result<fs::File> {
    let (file, metadata) = open_at_once(options, more, path)?;
    check_regular(&metadata)?;
    Ok(file)
}

/// Opens whatever is there, without waiting: a FIFO would wait for a writer. A regular file is read and written as
/// always.
fn open_at_once(
    options: &mut OpenOptions,
    more: OFlags,
    path: &Path,
) -> io::Result<(fs::File, fs::Metadata)> {
    let opened = options.custom_flags(flags(more | OFlags::NONBLOCK | OFlags::NOCTTY)).open(path);
    let file = opened.map_err(|error| what_is_there(path, error))?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// The error for something that could not be opened. Sockets, some devices, and directories that are opened to write
/// cannot be: then what is there says more than the error.
fn what_is_there(path: &Path, error: io::Error) -> io::Error {
    let denied = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::AlreadyExists);
    match fs::metadata(path) {
        Ok(found) if !denied => check_regular(&found).err().unwrap_or(error),
        _ => error,
    }
}

/// Refuses everything but a regular file.
fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => NotAFile::Directory,
        () if kind.is_fifo() => NotAFile::Fifo,
        () if kind.is_socket() => NotAFile::Socket,
        () if kind.is_char_device() => NotAFile::CharacterDevice,
        () if kind.is_block_device() => NotAFile::BlockDevice,
        () => NotAFile::Other,
    };
    Err(found.into())
}

/// Flags of the system, in the type that the standard library takes.
fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// What a listed name refers to; `None` if it was unlinked while the directory was being listed.
fn listed_metadata(entry: &fs::DirEntry) -> io::Result<Option<Metadata>> {
    let itself = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if !itself.is_symlink() {
        return Ok(Some(ours(&itself)));
    }
    // A link that leads nowhere is still a name.
    let dangling = Metadata { kind: Kind::Other, bytes: 0, id: id_of(&itself), access: access_of(&itself) };
    Ok(Some(fs::metadata(entry.path()).map_or(dangling, |m| ours(&m))))
}

/// Asks for no times. A writer looks at its files before each commit, and once the time of a file was asked for, Linux
/// gives it a new one at the next write: that is a change of the inode for each write to `LOCK`.
#[cfg(target_os = "linux")]
fn linux_metadata(path: &Path) -> io::Result<Metadata> {
    use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev, statx};

    let wanted = StatxFlags::TYPE
        | StatxFlags::MODE
        | StatxFlags::UID
        | StatxFlags::GID
        | StatxFlags::INO
        | StatxFlags::SIZE;
    let found = statx(CWD, path, AtFlags::empty(), wanted)?;
    let mode = u32::from(found.stx_mode);
    let kind = match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        _ => Kind::Other,
    };
    Ok(Metadata {
        kind,
        bytes: if kind == Kind::File { found.stx_size } else { 0 },
        id: FileId { device: makedev(found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino },
        access: Access { owner: found.stx_uid, group: found.stx_gid, mode: mode & MODE_BITS },
    })
}

fn ours(metadata: &fs::Metadata) -> Metadata {
    let (id, access) = (id_of(metadata), access_of(metadata));
    if metadata.is_file() {
        Metadata { kind: Kind::File, bytes: metadata.len(), id, access }
    } else if metadata.is_dir() {
        Metadata { kind: Kind::Dir, bytes: 0, id, access }
    } else {
        Metadata { kind: Kind::Other, bytes: 0, id, access }
    }
}

fn access_of(metadata: &fs::Metadata) -> Access {
    Access { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() & MODE_BITS }
}

fn id_of(metadata: &fs::Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

/// How long a handle that waits for a lock with a deadline sleeps before it asks again: at first, and at most.
const PAUSE: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_millis(1);

/// An open file or directory, for `flock`.
#[derive(Debug)]
struct OsLock {
    file: fs::File,
    id: FileId,
    /// The process that opened it. A forked child has a copy of the same open file: if it released the lock, its parent
    /// would lose it.
    process: u32,
}

impl OsLock {
    fn flock(&self, operation: FlockOperation) -> io::Result<()> {
        flock(&self.file, operation).map_err(io::Error::from)
    }
}

impl Lock for OsLock {
    fn id(&self) -> FileId {
        self.id
    }

    fn lock(&self, how: Hold) -> io::Result<()> {
        self.flock(match how {
            Hold::Shared => FlockOperation::LockShared,
            Hold::Exclusive => FlockOperation::LockExclusive,
        })
    }

    fn lock_within(&self, how: Hold, patience: Duration) -> io::Result<bool> {
        // `flock` has no deadline: it is asked again and again.
        let began = Instant::now();
        while !self.try_lock(how)? {
            let waited = began.elapsed();
            if waited >= patience {
                return Ok(false);
            }
            // Short against what it has waited: a lock that is free for a moment must not be missed every time.
            thread::sleep((waited / 16).clamp(PAUSE, PAUSE_MAX));
        }
        Ok(true)
    }

    fn try_lock(&self, how: Hold) -> io::Result<bool> {
        let locked = self.flock(match how {
            Hold::Shared => FlockOperation::NonBlockingLockShared,
            Hold::Exclusive => FlockOperation::NonBlockingLockExclusive,
        });
        match locked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.flock(FlockOperation::Unlock)
    }
}

impl Drop for OsLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is just starting holds a copy of it until it
        // runs its program.
        if std::process::id() == self.process {
            // It is closed in any case.
            let _unlocked = self.unlock();
        }
    }
}

#[derive(Debug)]
struct OsFile(fs::File);

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn id(&self) -> io::Result<FileId> {
        self.0.metadata().map(|metadata| id_of(&metadata))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_it_makes_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("d");
        OsDisk.create_dir(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        for (name, how) in [("new", Open::CreateNew), ("absent", Open::Create)] {
            OsDisk.open(&dir.join(name), how).unwrap();
            assert_eq!(fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_lock_is_free_at_once_though_a_process_that_is_being_started_has_a_copy_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let file = fs::File::open(folder.path()).unwrap();
            let id = id_of(&file.metadata().unwrap());
            OsLock { file, id, process: std::process::id() }
        };
        let holder = open();
        assert!(holder.try_lock(Hold::Exclusive).unwrap());
        let copy = holder.file.try_clone().unwrap();
        assert!(!open().try_lock(Hold::Exclusive).unwrap());
        drop(holder);
        assert!(open().try_lock(Hold::Exclusive).unwrap());
        drop(copy);
    }

    #[test]
    fn a_forked_child_that_drops_its_copy_releases_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let holder = OsDisk.open_lock(folder.path()).unwrap();
        holder.lock(Hold::Exclusive).unwrap();
        let file = fs::File::open(folder.path()).unwrap();
        // As the child sees it: the same open file, made by another process.
        drop(OsLock { file: file.try_clone().unwrap(), id: holder.id(), process: 0 });
        assert!(!OsDisk.open_lock(folder.path()).unwrap().try_lock(Hold::Shared).unwrap());
    }

    #[test]
    fn nothing_is_written_and_no_access_is_changed_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        OsDisk.open(&at("victim"), Open::CreateNew).unwrap().write_at(b"abc", 0).unwrap();
        let victim = OsDisk.metadata(&at("victim")).unwrap();
        std::os::unix::fs::symlink(at("victim"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("absent"), at("dangling")).unwrap();
        for name in ["link", "dangling"] {
            for how in [Open::Write, Open::Create, Open::CreateNew] {
                OsDisk.open(&at(name), how).unwrap_err();
            }
            OsDisk.set_access(&at(name), victim.id, Access { mode: 0o666, ..victim.access }).unwrap_err();
        }
        assert!(OsDisk.open(&at("link"), Open::Read).is_ok());
        assert_eq!(OsDisk.metadata(&at("victim")).unwrap(), victim);
        assert!(!at("absent").exists());
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
        fs::create_dir(at("dir")).unwrap();
        for (name, kind) in
            [("fifo", NotAFile::Fifo), ("socket", NotAFile::Socket), ("dir", NotAFile::Directory)]
        {
            for how in [Open::Read, Open::Write, Open::Create] {
                let error = OsDisk.open(&at(name), how).unwrap_err();
                assert_eq!(NotAFile::of(&error), Some(kind), "{name}, {how:?}: {error}");
            }
            let taken = OsDisk.open(&at(name), Open::CreateNew).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists, "{name}");
            assert_eq!(OsDisk.open_lock(&at(name)).is_ok(), name == "dir", "{name}");
            assert_eq!(OsDisk.sync_dir(&at(name)).is_ok(), name == "dir", "{name}");
        }
        let zero = OsDisk.open(Path::new("/dev/zero"), Open::Read).unwrap_err();
        assert_eq!(NotAFile::of(&zero), Some(NotAFile::CharacterDevice));
        std::os::unix::fs::symlink("/dev/zero", at("link")).unwrap();
        assert!(NotAFile::of(&OsDisk.open(&at("link"), Open::Read).unwrap_err()).is_some());
        assert_eq!(OsDisk.open(&at("absent"), Open::Read).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn links_are_followed_and_a_dangling_one_is_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        OsDisk.open(&at("file"), Open::CreateNew).unwrap().write_at(b"abc", 0).unwrap();
        std::os::unix::fs::symlink(at("file"), at("good")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("bad")).unwrap();
        let listed: Vec<_> = OsDisk.read_dir(folder.path()).unwrap();
        let id = id_of(&fs::metadata(at("file")).unwrap());
        let bad = id_of(&fs::symlink_metadata(at("bad")).unwrap());
        let access_of = |name: &str| access_of(&fs::symlink_metadata(at(name)).unwrap());
        let file = Metadata { kind: Kind::File, bytes: 3, id, access: access_of("file") };
        let expected = [
            ("bad", Metadata { kind: Kind::Other, bytes: 0, id: bad, access: access_of("bad") }),
            ("file", file.clone()),
            ("good", file.clone()),
        ];
        assert_eq!(listed, expected.map(|(name, metadata)| DirEntry { name: name.into(), metadata }));
        let names = [("bad", Kind::Other), ("file", Kind::File), ("good", Kind::File)];
        assert_eq!(OsDisk.read_names(folder.path()).unwrap(), names.map(|(name, kind)| (name.into(), kind)));
        assert_eq!(OsDisk.metadata(&at("good")).unwrap(), file);
        assert_eq!(OsDisk.canonicalize(&at("good")).unwrap(), OsDisk.canonicalize(&at("file")).unwrap());
    }
}
