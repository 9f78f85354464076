//! How a writer enters a trail that other processes write too: it takes the commit lock, and reads what they have
//! recorded since its own last commit.
//!
//! It is read without the lock: what `LOCK` calls durable does not change any more. Under the lock the writer only takes
//! from `LOCK` how much there is, and reads it once the lock is released. It hashes nothing of it: see
//! [`unsealed`](super::unsealed).

use std::path::PathBuf;
use std::sync::Arc;

use graven_core::entry::system_actions;
use graven_core::tile::TILE_WIDTH;

use super::commit::Writer;
use super::leaves::Read;
use super::look::Look;
use super::ready::Mended;
use super::system_entries::system_line;
use super::unsealed::Lines;
use crate::error::Error;
use crate::files::boundaries::boundaries;
use crate::files::bounds::GROUP_BYTES_MAX;
use crate::files::commit_lock::Committing;
use crate::files::durable;
use crate::files::last_lines::last_lines;
use crate::files::live::{Live, create_live};
use crate::files::tail::{Mode, Tail};
use crate::seam::disk::Open;

impl Writer {
    /// Waits until it has the commit lock, which may be held already, knows every entry, and has room for as much more
    /// that is not sealed.
    pub(super) fn enter(
        &mut self,
        mut held: Option<Committing>,
        entries: u64,
        bytes: u64,
    ) -> Result<Committing, Error> {
        loop {
            let committing = match held.take().filter(|_| self.engine.seal.has_room(entries, bytes)) {
                Some(committing) => committing,
                None => {
                    // Without the lock: others go on.
                    self.read_passed()?;
                    self.engine.seal.wait_for_bound(entries, bytes)?;
                    self.lock()?
                }
            };
            let look = self.look()?;
            if look != Look::Rotated && self.died {
                // LOCK does not say how much there must be: then the checkpoint does.
                self.publisher().follow()?;
            }
            match look {
                Look::Durable { bytes, .. } if bytes - self.live.bytes > GROUP_BYTES_MAX as u64 => {
                    drop(committing);
                    self.read_to(bytes)?;
                    continue;
                }
                Look::Durable { bytes, size } => {
                    self.pass_over(bytes, size);
                    self.check_sealed(self.size)?;
                }
                Look::Unfinished(end) => {
                    self.read_to(end)?;
                    self.mend()?;
                }
                Look::Rotated => {
                    self.follow_rotations()?;
                    continue;
                }
            }
            if self.died {
                self.finish_rotation()?;
            }
            if self.engine.seal.has_room(entries, bytes) {
                return Ok(committing);
            }
        }
    }

    /// Waits for the commit lock. Meanwhile callers whose deadline passes are told who holds it.
    pub(super) fn lock(&mut self) -> Result<Committing, Error> {
        let engine = Arc::clone(&self.engine);
        let commit_lock = Arc::clone(&self.commit_lock);
        engine.set_waits_for_lock(true);
        let committing = commit_lock.acquire(&engine.layout, || self.read_ahead());
        engine.set_waits_for_lock(false);
        committing
    }

    /// Reads what others have recorded while another one is in its commit: that need not be done under the lock.
    fn read_ahead(&mut self) -> Result<(), Error> {
        match self.held.last_line(&self.engine.layout)? {
            Some(line) if line.first == self.live.first => self.read_to(line.bytes),
            _ => Ok(()),
        }
    }

    /// Takes the lines of others up to a durable length for known, without reading them.
    fn pass_over(&mut self, bytes: u64, size: u64) {
        if bytes == self.live.bytes {
            return;
        }
        let lines = Lines::all(Arc::clone(&self.live.file), self.live.bytes..bytes, size - self.size);
        self.engine.seal.add_lines(self.size, &lines, bytes - self.live.bytes);
        (self.live.bytes, self.size) = (bytes, size);
        self.passed = Some(lines);
    }

    /// Reads the lines that were passed over.
    pub(super) fn read_passed(&mut self) -> Result<(), Error> {
        if let Some(passed) = self.passed.take() {
            let buffer = std::mem::take(&mut self.spare);
            let Read { lines, ends } = self.engine.read_passed(&passed, buffer)?;
            self.spare = self.engine.ring().push(lines, ends).unwrap_or_default();
        }
        Ok(())
    }

    /// Reads the lines of the live file up to a durable length, and takes them for known.
    fn read_to(&mut self, end: u64) -> Result<(), Error> {
        while self.live.bytes < end {
            let piece = end.min(self.live.bytes + GROUP_BYTES_MAX as u64);
            let read = self.engine.read_lines(&*self.live.file, self.live.bytes..piece, Vec::new())?;
            self.take(read);
        }
        Ok(())
    }

    /// Refuses a live file that ends before what a checkpoint covers. `size` is how many entries there are.
    fn check_sealed(&self, size: u64) -> Result<(), Error> {
        let sealed = self.engine.seal.sealed();
        if sealed <= size {
            return Ok(());
        }
        let what = format!("its live file ends before entry {size}, and {sealed} entries were signed");
        Err(self.engine.contradicted(&what))
    }

    /// Takes durable lines for known, which follow what is known already.
    fn take(&mut self, read: Read) {
        let (bytes, count) = (read.lines.len() as u64, read.ends.len() as u64);
        let place = self.live.bytes..self.live.bytes + bytes;
        let lines = Lines::all(Arc::clone(&self.live.file), place, count);
        self.engine.seal.add_lines(self.size, &lines, bytes);
        self.live.bytes += bytes;
        self.size += count;
        self.engine.ring().push(read.lines, read.ends);
        self.engine.set_durable(self.size);
    }

    /// A commit died or failed: nobody knows whether what is past the known end is on the disk, because after a failed
    /// sync the page cache may hold what the disk does not. Writes it again, cuts what is torn, and records that.
    fn mend(&mut self) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let (disk, layout) = (&*engine.machine.disk, &engine.layout);
        let unreadable = |source| Error::cannot("read", layout.live(), source);
        let tail = Tail::past(&*self.live.file, self.live.bytes, self.size).map_err(unreadable)?;
        tail.check_bounds(layout, Mode::Open)?;
        self.check_sealed(self.size + tail.unsealed.len() as u64)?;
        let torn_earlier = tail.cut_earlier(disk, layout)?;
        let cannot = |source| Error::cannot("put in order", layout.live(), source);
        let torn_file = tail.keep_torn(disk, layout).map_err(cannot)?;
        tail.mend(&*self.live.file).map_err(cannot)?;
        let mended = Mended {
            unsealed_first: self.size,
            unsealed_entries: tail.unsealed.len() as u64,
            torn_bytes: tail.torn_bytes(),
            torn_file,
            torn_earlier,
            put_back: None,
        };
        self.read_to(tail.good_end)?;
        // An entry that follows a boundary begins the next segment.
        self.finish_rotation()?;
        self.record_mended(&mended)
    }

    /// Records what was mended: in this commit, before the group.
    fn record_mended(&mut self, mended: &Mended) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        self.say(true)?;
        self.rotate_if_due()?;
        let mut line =
            system_line(&*engine.machine.clock, system_actions::RECOVERED, &engine.run.says(mended)).bytes;
        line.push(b'\n');
        // What the dead process wrote may have used up the bound.
        if !engine.seal.has_room(1, line.len() as u64) {
            self.publisher().publish()?;
        }
        durable::write_all_at(&*self.live.file, &line, self.live.bytes)
            .and_then(|()| durable::retried(|| self.live.file.sync_data()))
            .map_err(|source| Error::cannot("write to", engine.layout.live(), source))?;
        let ends = vec![u32::try_from(line.len()).expect("a line is at most 64 KiB")];
        self.take(Read { lines: line, ends });
        self.say(false)
    }

    /// Finishes a rotation that died between its boundary checkpoint and the rename.
    fn finish_rotation(&mut self) -> Result<(), Error> {
        let boundary = self.engine.layout.boundary(self.size);
        let may_be = self.size.is_multiple_of(TILE_WIDTH) && self.size > self.live.first;
        let unfinished = may_be
            && durable::exists(&*self.engine.machine.disk, &boundary)
                .map_err(|source| Error::cannot("look for", &boundary, source))?;
        if !unfinished {
            return Ok(());
        }
        self.say(true)?;
        self.rotate()?;
        self.say(false)
    }

    /// The file that this process knows is a closed segment. Goes on with the live file of now, which begins at the
    /// newest boundary. Called under the commit lock, so there is no rotation meanwhile.
    fn follow_rotations(&mut self) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let (disk, layout) = (&*engine.machine.disk, &engine.layout);
        let boundaries = boundaries(disk, layout)?;
        let newest = *boundaries.last().expect("0 is always there");
        let before = boundaries.iter().rev().find(|&&begin| begin < newest).copied().unwrap_or(0);
        // A process that died in a rotation may have left the newest boundary, and a live file that is not yet renamed.
        let renamed = durable::exists(disk, &layout.segment(before))
            .map_err(|source| Error::cannot("look for", &layout.segment(before), source))?;
        let first = if renamed { newest } else { before };
        let exists = durable::exists(disk, layout.live())
            .map_err(|source| Error::cannot("look for", layout.live(), source))?;
        let line = self.held.line(&engine.machine, layout)?.filter(|line| line.first == first);
        if !exists && (engine.seal.sealed() > first || line.is_some_and(|line| line.bytes > 0)) {
            return Err(engine.lost_live(&self.live, false));
        }
        self.publisher().follow()?;
        if first <= self.live.first {
            let what = format!(
                "the segment that begins at entry {} was closed, and no checkpoint says so",
                self.live.first
            );
            return Err(engine.contradicted(&what));
        }
        // The process that rotated may have died before the names were durable: first that of the segment.
        for dir in [&*layout.segments(), layout.live_parent()] {
            durable::sync_dir(disk, dir).map_err(|source| Error::cannot("sync", dir, source))?;
        }
        let file = if exists {
            durable::retried(|| disk.open(layout.live(), Open::Write))
        } else {
            // It died before it made the new one.
            create_live(disk, layout)
        };
        let file = file.map_err(|source| Error::cannot("open", layout.live(), source))?;
        let id = file.id().map_err(|source| Error::cannot("look at", layout.live(), source))?;
        let since = boundaries.iter().filter(|&&begin| begin >= self.live.first && begin < first);
        let closed: Vec<PathBuf> = since.map(|&begin| layout.segment(begin)).collect();
        let newest = last_lines(disk, &closed, engine.settings.ring_entries, engine.settings.ring_bytes)
            .map_err(|source| Error::cannot("read the newest segment of", layout.dir(), source))?;
        engine.ring().restart(newest.bytes, newest.ends, first);
        self.live = Live { file, id, first, bytes: 0, since: engine.machine.clock.elapsed() };
        self.size = first;
        engine.set_durable(first);
        Ok(())
    }
}
