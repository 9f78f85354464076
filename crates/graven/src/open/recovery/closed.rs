//! The note that a clean close leaves. By it an opening finds what was added or taken away since.

use std::io;

use graven_core::hash::Hash;
use graven_core::note::Note;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::files::meta::Meta;
use crate::files::notes::closed_text;
use crate::files::tail::{Mode, Tail};
use crate::seam::disk::Disk;

/// The note that a clean close leaves.
pub(super) struct Closed {
    pub(super) size: u64,
    root: Hash,
}

impl Closed {
    pub(super) fn read(disk: &dyn Disk, layout: &Layout, meta: &Meta) -> Result<Option<Closed>, Error> {
        let path = layout.closed();
        let bytes = match durable::read_note(disk, &path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::cannot("read", &path, source)),
        };
        let bad =
            || Error::new(ErrorKind::Data, format!("{} is not a note of this trail's key", path.display()));
        let note = Note::parse(&bytes).map_err(|_| bad())?;
        note.verify(&[&meta.key]).map_err(|_| bad())?;
        let mut lines = note.text.lines().skip(2);
        let size = lines.next().and_then(|size| size.parse().ok()).ok_or_else(bad)?;
        let root = lines.next().and_then(|root| Hash::parse(root).ok()).ok_or_else(bad)?;
        if note.text != closed_text(&meta.origin, size, &root) {
            return Err(bad());
        }
        Ok(Some(Closed { size, root }))
    }

    /// After a clean close the trail holds exactly what the note says.
    pub(super) fn check(
        &self,
        layout: &Layout,
        levels: &Levels,
        tail: &Tail,
        mode: Mode,
    ) -> Result<(), Error> {
        let size = levels.size() + tail.unsealed.len() as u64;
        let nothing_torn = tail.torn_bytes() == 0 || mode == Mode::Repair;
        let checkpoint_is_last = tail.unsealed.is_empty() || mode == Mode::Repair;
        let root = || {
            let mut tree = levels.tree();
            tree.extend(tail.unsealed.iter().copied());
            tree.root()
        };
        if size == self.size && nothing_torn && checkpoint_is_last && root() == self.root {
            return Ok(());
        }
        let (holds, repairable) = if size != self.size {
            (format!("now holds {size}"), size > self.size)
        } else if !nothing_torn {
            (format!("{} bytes follow the last of them", tail.torn_bytes()), true)
        } else if !checkpoint_is_last {
            (format!("its checkpoint covers only {} of them", levels.size()), true)
        } else {
            ("they are not those that were signed then".to_owned(), false)
        };
        let dir = layout.dir().display();
        let then = if repairable { format!(", then perhaps `graven repair {dir}`") } else { String::new() };
        let message = format!(
            "{dir}: the trail was closed with {} entries, and {holds}; look with `graven verify {dir}`{then}",
            self.size
        );
        Err(Error::new(ErrorKind::Data, message))
    }
}
