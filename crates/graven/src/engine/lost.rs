//! What ends a process's part in a trail: the names of the files no longer lead to the files that it knows.
//!
//! Then nothing more is written, acknowledged or signed. The error says what happened, as far as the files tell, and
//! what to do.

use std::io;

use super::shared::Engine;
use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::live::Live;

impl Engine {
    /// Checks that the trail's path still leads to the directory that was opened.
    pub(super) fn check_dir(&self) -> Result<(), Error> {
        let dir = self.layout.dir();
        match self.machine.disk.metadata(dir) {
            Ok(metadata) if metadata.id == self.dir => Ok(()),
            Ok(_) => Err(self.lost(ErrorKind::Data, "another directory has taken its place", "")),
            Err(error) if durable::is_absent(&error) => {
                Err(self.lost(ErrorKind::Unavailable, "its directory is gone from its path", ""))
            }
            Err(source) => Err(Error::cannot("look at", dir, source)),
        }
    }

    /// The error when the live file's name leads nowhere (`taken` is false) or to another file.
    pub(super) fn lost_live(&self, live: &Live, taken: bool) -> Error {
        let path = self.layout.live();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let dir = self.layout.dir().display();
        let (kind, now) = if taken {
            (ErrorKind::Data, "another file has its name")
        } else {
            (ErrorKind::Unavailable, "nothing has its name")
        };
        match self.other_name(live) {
            Ok(Some(other)) => self.lost(
                kind,
                &format!("its live file {name} was renamed to {other}, as logrotate does, and {now}"),
                &format!("; `graven repair {dir}` puts it back, and keep logrotate away from it"),
            ),
            _ => self.lost(
                kind,
                &format!("its live file {name} was deleted or moved away, and {now}"),
                &format!("; put it back, then `graven repair {dir}`"),
            ),
        }
    }

    /// The error when the live file is shorter than it was.
    pub(super) fn lost_end(&self, bytes: u64, durable: u64) -> Error {
        let path = self.layout.live();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let what = format!("its live file {name} was cut to {bytes} bytes, and {durable} were durable");
        self.lost(
            ErrorKind::Data,
            &what,
            &format!("; look with `graven verify {}`", self.layout.dir().display()),
        )
    }

    /// The error when others have recorded what cannot follow what this process knows.
    pub(super) fn contradicted(&self, what: &str) -> Error {
        self.lost(
            ErrorKind::Data,
            what,
            &format!("; look with `graven verify {}`", self.layout.dir().display()),
        )
    }

    fn lost(&self, kind: ErrorKind, what: &str, then: &str) -> Error {
        let dir = self.layout.dir().display();
        Error::new(kind, format!("the trail {dir} was changed under this process: {what}{then}"))
    }

    /// The name that the live file has now, beside its own.
    fn other_name(&self, live: &Live) -> io::Result<Option<String>> {
        let names = self.machine.disk.read_dir(self.layout.live_parent())?;
        Ok(names.into_iter().find(|entry| entry.metadata.id == live.id).map(|entry| entry.name))
    }
}
