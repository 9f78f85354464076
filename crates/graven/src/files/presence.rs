//! `LOCK`: which processes have the trail open, and how much of the live file is durable.
//!
//! Every process that has the trail open holds `LOCK` shared. One that gets it exclusively is alone. A program of
//! version 0.1 holds it exclusively for its whole life, and so does
//! [`Settings::exclusive`](crate::Settings::exclusive). Its content is read and written under the commit lock only.

use std::io;
use std::sync::Arc;

use super::durable;
use super::layout::Layout;
use super::lock_line::{LOCK_LINE_BYTES, LockLine};
use crate::seam::disk::{Disk, File, Hold, Lock, Open};

/// That this process has a trail open. Over when it is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    lock: Arc<dyn Lock>,
    file: Arc<dyn File>,
    hold: Hold,
    /// This process, asked once: a forked child never comes here.
    pid: u32,
}

/// What a process knows of the live file, for `LOCK`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Whether a commit begins.
    pub(crate) writing: bool,
    /// The index of its first entry.
    pub(crate) first: u64,
    /// How many of its bytes are durable.
    pub(crate) bytes: u64,
    /// How many entries the trail has up to there.
    pub(crate) size: u64,
}

/// What a process finds that enters a trail.
#[derive(Debug)]
pub(crate) enum Entered {
    /// No other process has the trail open.
    Alone(Presence),
    /// Others have it open.
    Beside(Presence),
    /// Others have it open, and they or this process want to be alone.
    KeptOut,
}

impl Presence {
    /// Enters a trail. Called under the commit lock.
    pub(crate) fn enter(disk: &dyn Disk, layout: &Layout, hold: Hold) -> io::Result<Entered> {
        let presence = Presence::open(disk, layout, hold)?;
        if presence.lock.try_lock(Hold::Exclusive)? {
            // Between two holds a program of version 0.1 may come in.
            let stays = hold == Hold::Exclusive || presence.lock.try_lock(Hold::Shared)?;
            return Ok(if stays { Entered::Alone(presence) } else { Entered::KeptOut });
        }
        let enters = hold == Hold::Shared && presence.lock.try_lock(Hold::Shared)?;
        Ok(if enters { Entered::Beside(presence) } else { Entered::KeptOut })
    }

    fn open(disk: &dyn Disk, layout: &Layout, hold: Hold) -> io::Result<Presence> {
        let path = layout.lock();
        loop {
            let file = durable::retried(|| disk.open(&path, Open::Create))?;
            match disk.open_lock(&path) {
                Ok(lock) if lock.id() == file.id()? => {
                    return Ok(Presence { lock, file, hold, pid: std::process::id() });
                }
                // Somebody has deleted it in between.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }

    /// Makes `LOCK` again if it has lost its name: somebody deleted what looked like a stale lock. `false` if another
    /// process keeps this one out of the new file. Called under the commit lock.
    pub(crate) fn keep_name(&mut self, disk: &dyn Disk, layout: &Layout) -> io::Result<bool> {
        match disk.metadata(&layout.lock()) {
            Ok(metadata) if metadata.id == self.lock.id() => return Ok(true),
            Err(error) if !durable::is_absent(&error) => return Err(error),
            _ => {}
        }
        *self = Presence::open(disk, layout, self.hold)?;
        self.lock.try_lock(self.hold)
    }

    /// What `LOCK` says. `None` when it says nothing that this version understands.
    pub(crate) fn line(&self) -> io::Result<Option<LockLine>> {
        let mut bytes = [0; LOCK_LINE_BYTES + 1];
        // One call: a line is far shorter than a page.
        let read = durable::retried(|| self.file.read_at(&mut bytes, 0))?;
        Ok(LockLine::parse(&bytes[..read]))
    }

    /// Replaces what `LOCK` says. Nothing is synced: a crash may leave an older line, and every older line was true.
    pub(crate) fn say(&self, known: Known) -> io::Result<()> {
        let Known { writing, first, bytes, size } = known;
        let line = LockLine { writing, pid: self.pid, first, bytes, size };
        durable::write_all_at(&*self.file, &line.to_bytes(), 0)
    }

    /// The same for a file that may hold something longer, as another version wrote it.
    pub(crate) fn say_first(&self, known: Known) -> io::Result<()> {
        if self.file.bytes()? != LOCK_LINE_BYTES as u64 {
            durable::retried(|| self.file.set_bytes(0))?;
        }
        self.say(known)
    }

    /// The same, durably: before bytes go of which an older line says that they are durable.
    pub(crate) fn say_durably(&self, known: Known) -> io::Result<()> {
        self.say_first(known)?;
        durable::retried(|| self.file.sync_all())
    }

    /// Whether no other process has the trail open. Afterwards this process is not present any more, unless it is
    /// alone. Called under the commit lock, at the close.
    pub(crate) fn is_last(&self) -> io::Result<bool> {
        self.lock.try_lock(Hold::Exclusive)
    }

    /// Ends the presence.
    pub(crate) fn leave(&self) -> io::Result<()> {
        self.lock.unlock()
    }
}
