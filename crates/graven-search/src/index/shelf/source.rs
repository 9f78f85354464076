//! Where the bytes of a shelf are.

use std::io;
use std::sync::Arc;

use graven::disk::File;
use graven::durable;

/// A shelf's file, or its bytes.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file, of which pieces are read.
    File(Arc<dyn File>),
    /// The bytes in memory.
    Bytes(Arc<[u8]>),
}

impl Source {
    /// How long it is.
    pub(crate) fn len(&self) -> io::Result<u64> {
        match self {
            Source::File(file) => file.bytes(),
            Source::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills a buffer from a place on; an error when there are not as many bytes.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let read = match self {
                Source::File(file) => durable::retried(|| file.read_at(&mut buffer[filled..], at))?,
                Source::Bytes(bytes) => {
                    let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                    let read = rest.len().min(buffer.len() - filled);
                    buffer[filled..filled + read].copy_from_slice(&rest[..read]);
                    read
                }
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
        }
        Ok(())
    }
}
