//! Copies a child's output unchanged, and measures its size and hash.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use graven::Hash;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How many bytes are copied at a time: the capacity of a pipe.
const CHUNK_BYTES: usize = 64 << 10;

/// What was copied so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    hash: Sha256,
    ended: bool,
    error: Option<String>,
}

/// What was copied, as the entry says it.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    bytes: u64,
    sha256: String,
    /// Whether the output was still open when the entry was written.
    #[serde(skip_serializing_if = "is_false")]
    cut_short: bool,
    /// Why the output could not be copied to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Meter {
    /// Starts a thread that copies, and calls `done` at the end.
    pub(super) fn copy(
        &self,
        from: impl Read + Send + 'static,
        to: impl AsFd,
        done: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        // A duplicate of the descriptor, so that the standard library does not buffer.
        let to: OwnedFd = to.as_fd().try_clone_to_owned()?;
        let meter = self.clone();
        thread::Builder::new().name("copier".into()).spawn(move || {
            let ended = meter.run(from, File::from(to));
            let mut state = meter.state();
            state.ended = true;
            // When the reader has gone, the child gets SIGPIPE, as it would without this process.
            state.error =
                ended.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe).map(|e| e.to_string());
            drop(state);
            done();
        })?;
        Ok(())
    }

    /// What was copied so far.
    pub(super) fn measured(&self) -> Measured {
        let state = self.state();
        let hash: [u8; 32] = state.hash.clone().finalize().into();
        Measured {
            bytes: state.bytes,
            sha256: Hash::from_bytes(hash).to_hex(),
            cut_short: !state.ended,
            error: state.error.clone(),
        }
    }

    /// Copies until the end. Returning closes this end of the child's pipe.
    fn run(&self, mut from: impl Read, mut to: File) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match from.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut state = self.state();
            state.bytes += count as u64;
            state.hash.update(&chunk[..count]);
            drop(state);
            to.write_all(&chunk[..count])?;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
