//! What is measured: a peer, one slice of its time, and the result.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Anything that went wrong in a peer.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// One way of recording into one log.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Who calls it, and how.
    pub(crate) way: String,
    /// Whether an entry that counts would survive a power cut.
    pub(crate) is_durable: bool,
    /// What the peer does to the disk before an entry counts, from its source.
    pub(crate) durable: &'static str,
    pub(crate) run: Run,
}

/// Records for one slice.
pub(crate) type Run = Box<dyn Fn(&Slice) -> Result<Sample, Failure>>;

/// A turn of one peer: its own empty folder, and how long it may record.
pub(crate) struct Slice {
    pub(crate) dir: PathBuf,
    pub(crate) time: Duration,
}

/// The result of one slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Entries whose durability (or, without sync, writing) was reported to the caller.
    pub(crate) entries: u64,
    pub(crate) seconds: f64,
}

impl Slice {
    /// Calls until the time is over. Each call returns how many entries were acknowledged.
    pub(crate) fn measure<E: Into<Failure>>(
        &self,
        mut call: impl FnMut() -> Result<u64, E>,
    ) -> Result<Sample, Failure> {
        let start = Instant::now();
        let mut entries = 0;
        while start.elapsed() < self.time {
            entries += call().map_err(Into::into)?;
        }
        Ok(Sample { entries, seconds: start.elapsed().as_secs_f64() })
    }
}

impl Sample {
    pub(crate) fn rate(self) -> f64 {
        self.entries as f64 / self.seconds
    }

    /// The sample, if the log holds at least the entries it acknowledged.
    pub(crate) fn if_kept(self, kept: u64) -> Result<Sample, Failure> {
        if kept < self.entries {
            return Err(format!("{} entries acknowledged, {kept} kept", self.entries).into());
        }
        Ok(self)
    }
}
