//! A Unix socket to listen on: as it should be before anybody can connect, and never in the place of a living server's.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use graven::disk::{Disk, Hold, Lock, OsDisk};
use graven::durable;
use rustix::fs::{FileType, lstat};
use rustix::io::Errno;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::settings::SocketSettings;

/// How long to wait for another server that starts or ends in the same folder, and for an answer of one that runs.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the socket in the folder in which it is made.
const NEW: &str = "s";

/// A Unix socket that is listened on.
#[derive(Debug)]
pub(super) struct UnixSocket {
    pub(super) listener: UnixListener,
    /// Where it is, if this server has put it there.
    own: Option<Own>,
}

/// A socket that this server has made.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    /// Its device and its inode: another server may have put its own there.
    file: (u64, u64),
}

/// Listens on this path.
///
/// It is done under a lock of the folder, so that of two servers that find an abandoned socket only one takes its place.
pub(super) async fn listen(path: &Path, settings: &SocketSettings) -> io::Result<UnixSocket> {
    let folder = durable::parent(path);
    let _lock = lock(folder).await?;
    must_be_free(path).await?;
    // Nobody else may look into it, so nobody connects before the permissions are right.
    let making = folder.join(format!(".{}", OsDisk.unique()));
    OsDisk.create_dir(&making)?;
    let new = making.join(NEW);
    let made = make(&new, settings).and_then(|listener| {
        let file = file(&new)?.ok_or(io::ErrorKind::NotFound)?;
        // A socket that a server left behind goes in the same step.
        OsDisk.rename(&new, path)?;
        Ok(UnixSocket { listener, own: Some(Own { path: path.to_owned(), file }) })
    });
    if made.is_err() {
        // What went wrong before counts.
        let _ = OsDisk.remove_file(&new);
    }
    // It is empty, and in nobody's way.
    let _ = std::fs::remove_dir(&making);
    made
}

fn make(new: &Path, settings: &SocketSettings) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(new)?;
    if settings.group.is_some() {
        chown(new, None, settings.group)?;
    }
    std::fs::set_permissions(new, Permissions::from_mode(settings.mode))?;
    Ok(listener)
}

/// Nothing is there, or a socket that nobody listens on.
async fn must_be_free(path: &Path) -> io::Result<()> {
    let found = match lstat(path) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something is there that is no socket"));
    }
    match timeout(PATIENCE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        // Also one that is too busy to answer.
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there")),
    }
}

async fn lock(folder: &Path) -> io::Result<Arc<dyn Lock>> {
    let folder = folder.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let lock = OsDisk.open_lock(&folder)?;
        if lock.lock_within(Hold::Exclusive, PATIENCE)? {
            return Ok(lock);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the lock of its folder"))
    });
    locked.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Which file a path names.
fn file(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match lstat(path) {
        Ok(found) => Ok(Some((found.st_dev, found.st_ino))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl UnixSocket {
    /// A socket that somebody else has made, who also takes it away.
    pub(super) fn of_another(listener: UnixListener) -> UnixSocket {
        UnixSocket { listener, own: None }
    }

    /// Ends listening, and takes the socket away if it is still this one.
    pub(super) async fn end(self) {
        drop(self.listener);
        let Some(own) = self.own else { return };
        let Ok(_lock) = lock(durable::parent(&own.path)).await else { return };
        if file(&own.path).is_ok_and(|found| found == Some(own.file)) {
            // The next server replaces what stays.
            let _ = OsDisk.remove_file(&own.path);
        }
    }
}
