//! Who holds the lock of a file.

use std::io;
use std::path::Path;
use std::sync::Arc;

use graven::disk::{Disk, Hold, Lock, Open};

/// Takes a lock exclusively, as a program of version 0.1 does; `None` when another handle holds it. Makes the file.
pub(crate) fn hold(disk: &dyn Disk, path: &Path) -> io::Result<Option<Arc<dyn Lock>>> {
    disk.open(path, Open::Create)?;
    let lock = disk.open_lock(path)?;
    Ok(lock.try_lock(Hold::Exclusive)?.then_some(lock))
}
