//! Standard output or standard error in the place of a file: each entry is a line there, and nothing verifies it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;

use serde_json::to_vec;

use super::native::late;
use super::unwritten::Redacted;
use crate::error::{Error, ErrorKind};
use crate::record::blocking::blocking;

/// Where the lines of an audit log go that has no file of its own.
#[derive(Debug)]
pub(super) struct Stream {
    path: PathBuf,
    descriptor: Descriptor,
    /// An event says once that nothing is verified, and once that a line could not be written.
    unverified: Once,
    broken: Once,
}

#[derive(Debug, Clone, Copy)]
enum Descriptor {
    Output,
    Error,
}

impl Stream {
    /// The one that a path names, if it names one.
    pub(super) fn of(path: &Path) -> Option<Stream> {
        let descriptor = match path.to_str()? {
            "-" | "/dev/stdout" => Descriptor::Output,
            "/dev/stderr" => Descriptor::Error,
            _ => return None,
        };
        Some(Stream { path: path.to_owned(), descriptor, unverified: Once::new(), broken: Once::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Why an entry has no receipt.
    pub(super) fn reason(&self) -> String {
        format!(
            "{}: this audit log writes lines to a stream, which nothing can verify: name a file to have receipts",
            self.path.display()
        )
    }

    /// The line of an entry. It has all that a trail's would have, and no limit.
    pub(super) fn line(redacted: &Redacted) -> Vec<u8> {
        let mut line = to_vec(&late(redacted)).expect("an entry is plain data");
        line.push(b'\n');
        line
    }

    /// Writes a line, on a thread that may wait: the reader of a pipe may be slow.
    pub(super) async fn write(&self, line: Vec<u8>) {
        // Not when the log is made: the program may not have a subscriber for events yet.
        self.unverified.call_once(|| {
            tracing::warn!(
                path = %self.path.display(),
                "audit entries are lines of a stream: they are not durable and cannot be verified; name a file for that"
            );
        });
        let descriptor = self.descriptor;
        let cannot =
            |source| Error::with_source(ErrorKind::Unavailable, "cannot write to the stream", source);
        if let Err(error) = blocking(move || descriptor.write(&line).map_err(cannot)).await {
            self.broken.call_once(|| {
                tracing::error!(
                    path = %self.path.display(),
                    error = error.chain(),
                    "an audit entry is in memory only, and so may be later ones"
                );
            });
        }
    }
}

impl Descriptor {
    /// One call for the line and its end, so that nothing comes between.
    fn write(self, line: &[u8]) -> io::Result<()> {
        match self {
            Descriptor::Output => {
                let mut output = io::stdout().lock();
                output.write_all(line)?;
                output.flush()
            }
            Descriptor::Error => io::stderr().lock().write_all(line),
        }
    }
}
