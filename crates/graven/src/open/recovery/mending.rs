//! Puts in order what a crash left, once everything was read and judged.

use std::io;

use crate::engine::held::Held;
use crate::engine::ready::Mended;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::live::Live;
use crate::files::lock_line::LockLine;
use crate::files::presence::Known;
use crate::files::segments::Segments;
use crate::files::tail::Tail;
use crate::seam::machine::Machine;

/// A trail that was judged, and whose locks are held.
pub(super) struct Mending<'a> {
    pub(super) machine: &'a Machine,
    pub(super) layout: &'a Layout,
    pub(super) held: &'a Held,
    pub(super) segments: &'a Segments,
    /// What `LOCK` says of this live file.
    pub(super) line: Option<LockLine>,
}

impl Mending<'_> {
    /// Makes durable what may only be seen, cuts what is torn, writes complete lines again unless they are `in_order`,
    /// and opens the live file. Notes in `mended` where the torn bytes are.
    pub(super) fn mend(&self, tail: &Tail, in_order: bool, mended: &mut Mended) -> io::Result<Live> {
        let (disk, layout) = (&*self.machine.disk, self.layout);
        // Makes durable a checkpoint whose rename an earlier process saw but could not sync.
        durable::sync_dir(disk, layout.dir())?;
        // Makes a boundary durable as well, before a segment is closed under it.
        durable::sync_dir(disk, &layout.boundaries())?;
        // And for hashes that an earlier process rebuilt. The directory may have been deleted, too.
        durable::create_dir(disk, &layout.tiles())?;
        durable::sync_dir(disk, &layout.tiles())?;
        mended.torn_file = tail.keep_torn(disk, layout)?;
        if self.line.is_some_and(|line| line.bytes > tail.good_end) {
            // Before the bytes go of which it says that they are durable.
            self.held.say_durably(self.known(tail, true))?;
        }
        // The copy is durable: now the bytes may go.
        let file = self.segments.finish_rotation(disk, layout, tail.segment_end)?;
        if !in_order {
            tail.mend(&*file)?;
        }
        self.held.say_first(self.known(tail, false))?;
        let id = file.id()?;
        let since = self.machine.clock.elapsed();
        Ok(Live { file, id, first: self.segments.live_first_after, bytes: tail.good_end, since })
    }

    fn known(&self, tail: &Tail, writing: bool) -> Known {
        Known { writing, first: self.segments.live_first_after, bytes: tail.good_end, size: tail.next }
    }
}
