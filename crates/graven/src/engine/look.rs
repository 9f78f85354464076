//! The look at the files before a commit: are they as this process left them?
//!
//! The writer does not believe that the files are its own. Under the commit lock it compares the trail's directory, the
//! live file and its length with what it knows, and with what `LOCK` says is durable.

use std::sync::Arc;

use super::commit::Writer;
use crate::error::Error;
use crate::files::durable;
use crate::seam::disk::Metadata;

/// What the writer finds, when the trail is not lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The live file is the one that this process knows. `bytes` of it are durable, and make `size` entries of the trail.
    Durable { bytes: u64, size: u64 },
    /// The same, but there is more: a commit died or failed, so nobody knows whether that is durable.
    Unfinished(u64),
    /// The file that this process knows has become a closed segment.
    Rotated,
}

impl Writer {
    /// Looks at the files. Called under the commit lock. An error means that the trail is lost to this process.
    pub(super) fn look(&mut self) -> Result<Look, Error> {
        let engine = Arc::clone(&self.engine);
        engine.check_dir()?;
        let Some(seen) = self.seen()? else {
            return if self.is_closed_segment()? {
                Ok(Look::Rotated)
            } else {
                Err(engine.lost_live(&self.live, false))
            };
        };
        if seen.id != self.live.id {
            return if self.is_closed_segment()? {
                Ok(Look::Rotated)
            } else {
                Err(engine.lost_live(&self.live, true))
            };
        }
        if seen.bytes < self.live.bytes {
            return Err(engine.lost_end(seen.bytes, self.live.bytes));
        }
        let line =
            self.held.line(&engine.machine, &engine.layout)?.filter(|line| line.first == self.live.first);
        // What this process knows is durable, whatever LOCK says.
        let newer = line.filter(|line| line.bytes > self.live.bytes);
        let (durable, size) = newer.map_or((self.live.bytes, self.size), |line| (line.bytes, line.size));
        if newer.is_some() && size <= self.size {
            let what = format!(
                "`LOCK` says that the first {durable} bytes of its live file make {size} entries, and there are more"
            );
            return Err(engine.contradicted(&what));
        }
        if seen.bytes < durable {
            return Err(self.engine.lost_end(seen.bytes, durable));
        }
        self.remove_closed()?;
        self.died = line.is_none_or(|line| line.writing);
        Ok(if seen.bytes == durable {
            Look::Durable { bytes: durable, size }
        } else {
            Look::Unfinished(durable)
        })
    }

    /// Looks once more, after the sync and before anything is acknowledged: names that were changed meanwhile lead to
    /// other files, which do not hold what was written.
    pub(super) fn look_again(&self) -> Result<(), Error> {
        let layout = &self.engine.layout;
        // The path of a live file in the trail's directory leads through that directory.
        if layout.live_parent() != layout.dir() {
            self.engine.check_dir()?;
        }
        let seen = self.seen()?;
        if seen.as_ref().is_some_and(|seen| seen.id == self.live.id && seen.bytes >= self.live.bytes) {
            return Ok(());
        }
        // Which of the names it was that changed.
        self.engine.check_dir()?;
        Err(match seen {
            Some(seen) if seen.id == self.live.id => self.engine.lost_end(seen.bytes, self.live.bytes),
            seen => self.engine.lost_live(&self.live, seen.is_some()),
        })
    }

    /// What the live file's name leads to.
    fn seen(&self) -> Result<Option<Metadata>, Error> {
        let live = self.engine.layout.live();
        match self.engine.machine.disk.metadata(live) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if durable::is_absent(&error) => Ok(None),
            Err(source) => Err(Error::cannot("look at", live, source)),
        }
    }

    /// Whether the file that this process knows as the live file is a closed segment now.
    fn is_closed_segment(&self) -> Result<bool, Error> {
        let segment = self.engine.layout.segment(self.live.first);
        match self.engine.machine.disk.metadata(&segment) {
            Ok(metadata) => Ok(metadata.id == self.live.id),
            Err(error) if durable::is_absent(&error) => Ok(false),
            Err(source) => Err(Error::cannot("look at", &segment, source)),
        }
    }

    /// Takes back a `closed` that another process wrote because it did not see this one.
    fn remove_closed(&self) -> Result<(), Error> {
        let (disk, layout) = (&*self.engine.machine.disk, &self.engine.layout);
        let path = layout.closed();
        let cannot = |source| Error::cannot("remove", &path, source);
        if durable::exists(disk, &path).map_err(cannot)? {
            durable::retried(|| disk.remove_file(&path)).map_err(cannot)?;
            durable::sync_dir(disk, layout.dir()).map_err(cannot)?;
        }
        Ok(())
    }
}
