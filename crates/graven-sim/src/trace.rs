//! The trace of a run: a number that two equal runs share, and the last steps for people to read.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use graven::disk::sim::Op;

/// What has happened so far.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    calls: u64,
    steps: VecDeque<Step>,
    steps_kept: usize,
}

/// One thing that happened.
#[derive(Debug, Clone)]
enum Step {
    /// An action of the driver.
    Did(String),
    /// A call that reached the disk.
    Call {
        process: u32,
        op: Op,
        path: PathBuf,
        offset: u64,
        bytes: u64,
        result: Result<u64, io::ErrorKind>,
        fate: &'static str,
    },
}

impl Trace {
    /// An empty trace that keeps the last `steps_kept` steps.
    pub(crate) fn new(steps_kept: usize) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, calls: 0, steps: VecDeque::new(), steps_kept }
    }

    /// Adds an action of the driver.
    pub(crate) fn did(&mut self, what: String) {
        self.add(what.as_bytes());
        self.keep(Step::Did(what));
    }

    /// Adds a call of the engine. `fate` says what the simulator did to it, and is empty for an ordinary call.
    pub(crate) fn call(
        &mut self,
        process: u32,
        (op, path): (Op, &Path),
        (offset, bytes): (u64, u64),
        result: Result<u64, io::ErrorKind>,
        fate: &'static str,
    ) {
        self.calls += 1;
        self.add(&[op as u8]);
        self.add(&process.to_le_bytes());
        self.add(path.as_os_str().as_encoded_bytes());
        self.add(&offset.to_le_bytes());
        self.add(&bytes.to_le_bytes());
        self.add(&result.unwrap_or_else(|kind| u64::MAX - kind as u64).to_le_bytes());
        self.keep(Step::Call { process, op, path: path.to_owned(), offset, bytes, result, fate });
    }

    /// The number that two equal runs share.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The number of calls.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// The last steps, oldest first.
    pub(crate) fn last_steps(&self) -> Vec<String> {
        self.steps.iter().map(ToString::to_string).collect()
    }

    fn keep(&mut self, step: Step) {
        if self.steps.len() >= self.steps_kept {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    /// FNV-1a, because nobody attacks this hash.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Did(what) => f.write_str(what),
            Step::Call { process, op, path, offset, bytes, result, fate } => {
                write!(f, "    {process}: {op:?} {}", path.display())?;
                if matches!(op, Op::Read | Op::Write | Op::SetBytes) {
                    write!(f, " {bytes} at {offset}")?;
                }
                match result {
                    Ok(0) => {}
                    Ok(bytes) => write!(f, " -> {bytes}")?,
                    Err(kind) => write!(f, " -> {kind:?}")?,
                }
                if fate.is_empty() { Ok(()) } else { write!(f, " [{fate}]") }
            }
        }
    }
}
