//! Step 5 of 8: how a live file becomes a closed segment. Next: [`durable`], then
//! [`levels`](crate::files::levels).
//!
//! A segment is closed only under a durable checkpoint, and its end is a multiple of 256, so that a C2SP bundle never
//! spans two files. The process that rotates holds the commit lock and the lock of publishing. The order, with what a crash after each step leaves:
//!
//! | step | a crash after it leaves |
//! |---|---|
//! | the live file is synced and `checkpoint` covers all of it | an ordinary live file |
//! | `checkpoints/<size>` | a boundary without its segment: the live file is that segment, and the next open renames it |
//! | rename to `segments/<first>.jsonl`, both directories synced | no live file, and its first index known from the boundary |
//! | a new empty live file, its directory synced | an ordinary live file, empty |
//!
//! The directories are synced between the rename and the creation, so that no order in which a file system makes
//! the two durable can lose the closed segment.

use std::sync::Arc;

use graven_core::tile::TILE_WIDTH;

use crate::engine::commit::Writer;
use crate::engine::queue::Group;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::live::{Live, close_live, create_live};

impl Writer {
    /// Closes the live file as a segment if it is large or old enough and may end here.
    pub(super) fn rotate_if_due(&mut self) -> Result<(), Error> {
        let boundary = self.size.is_multiple_of(TILE_WIDTH) && self.size > self.live.first;
        if boundary && self.due(self.live.bytes) { self.rotate() } else { Ok(()) }
    }

    /// Where the piece of a group that begins at `done` ends: at the first boundary past which the live file is due.
    pub(super) fn piece_end(&self, group: &Group, done: usize) -> usize {
        let written = if done == 0 { 0 } else { u64::from(group.ends[done - 1]) };
        let first = self.size;
        let to_boundary = (TILE_WIDTH - first % TILE_WIDTH) as usize;
        let boundaries = (done + to_boundary..group.len()).step_by(TILE_WIDTH as usize);
        boundaries
            .into_iter()
            .find(|&end| self.due(self.live.bytes + u64::from(group.ends[end - 1]) - written))
            .unwrap_or(group.len())
    }

    fn due(&self, live_bytes: u64) -> bool {
        let settings = &self.engine.settings;
        // Never later than the signed size: a file that goes on past it shows that a checkpoint is gone.
        let signed = self.engine.meta.segment_bytes;
        let by_size = live_bytes >= settings.segment_bytes.map_or(signed, |bytes| bytes.min(signed));
        let age = self.engine.machine.clock.elapsed().saturating_sub(self.live.since);
        by_size || settings.segment_age.is_some_and(|limit| age >= limit)
    }

    /// Closes the live file as a segment. Called under the commit lock; takes the lock of publishing too.
    pub(super) fn rotate(&mut self) -> Result<(), Error> {
        let engine = Arc::clone(&self.engine);
        let (disk, layout, size) = (&*engine.machine.disk, &engine.layout, self.size);
        let mut publisher = self.publisher();
        let publishing = publisher.lock()?;
        let checkpoint = publisher.publish_durably(&publishing)?.to_owned();
        assert_eq!(engine.seal.sealed(), size, "nothing was synced past the boundary");
        // What has the live file's name becomes the segment: it must be the file that was written.
        self.look_again()?;
        let file = durable::replace(disk, &layout.boundary(size), checkpoint.as_bytes())
            .and_then(|()| close_live(disk, layout, self.live.first))
            .and_then(|()| create_live(disk, layout))
            .and_then(|file| Ok((file.id()?, file)));
        drop(publisher);
        let (id, file) = file.map_err(|source| {
            let message = format!(
                "cannot close the segment that begins at entry {}; the trail must be reopened",
                self.live.first
            );
            Error::with_source(ErrorKind::Unavailable, message, source)
        })?;
        self.live = Live { file, id, first: size, bytes: 0, since: engine.machine.clock.elapsed() };
        // The old line is about a file that is not the live file any more.
        self.say(true)
    }
}
