//! Copies a child's output through, untouched, while its size and hash are taken.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use graven::Hash;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How much is copied at a time: what a pipe holds.
const CHUNK_BYTES: usize = 64 << 10;

/// What went through so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    hash: Sha256,
    ended: bool,
    error: Option<String>,
}

/// What went through, as the entry says it.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    bytes: u64,
    sha256: String,
    /// Only when the output was still open when the entry was written.
    #[serde(skip_serializing_if = "is_false")]
    cut_short: bool,
    /// Why the output could not be passed on to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Meter {
    /// Starts to copy on a thread of its own; `done` is called at the end.
    pub(super) fn copy(
        &self,
        from: impl Read + Send + 'static,
        to: impl AsFd,
        done: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        // A descriptor of our own, without the standard library's buffer in between.
        let to: OwnedFd = to.as_fd().try_clone_to_owned()?;
        let meter = self.clone();
        thread::Builder::new().name("copier".into()).spawn(move || {
            let ended = meter.run(from, File::from(to));
            let mut state = meter.state();
            state.ended = true;
            // A reader that went away is told to the child, by SIGPIPE, as if we were not there.
            state.error =
                ended.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe).map(|e| e.to_string());
            drop(state);
            done();
        })?;
        Ok(())
    }

    /// What went through so far.
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

    /// Copies until the end. Returning closes our end of the child's pipe.
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
