//! witness-log: `witness-log-core`, its engine. It keeps a salted hash of each entry, never the entry.

use witness_log_core::identity::IdentityKeypair;
use witness_log_core::journal::JournaledLog;

use crate::entry::ReadyLine;
use crate::peer::{Failure, Peer, Sample, Slice};

pub(super) fn peers() -> Vec<Peer> {
    let peer = |way: &str, durable, run: fn(&Slice) -> Result<Sample, Failure>| Peer {
        name: "witness-log",
        version: "witness-log-core 0.6.1",
        way: way.into(),
        is_durable: true,
        durable,
        run: Box::new(run),
    };
    vec![
        peer("sync every 10,000, one writer", GROUPED, |slice| record(slice, 10_000)),
        peer("sync every 1,000, one writer", GROUPED, |slice| record(slice, 1_000)),
        peer("sync after each, one writer", EACH, |slice| record(slice, 1)),
    ]
}

const GROUPED: &str = "after this number of appends fsync of the journal and of the salt file, and then all of them count; \
                       the directory is not synced; the entry itself is not stored";
const EACH: &str = "after each append fsync of the journal and of the salt file; the directory is not synced; the \
                    entry itself is not stored";

/// The log has one writer (`&mut self`): more threads would only wait for each other.
fn record(slice: &Slice, batch: u64) -> Result<Sample, Failure> {
    std::fs::create_dir(&slice.dir)?;
    let journal = slice.dir.join("journal.jsonl");
    let journal = journal.to_str().ok_or("witness-log wants a path in UTF-8")?;
    let mut log = JournaledLog::create(journal, IdentityKeypair::generate())?;
    let mut line = ReadyLine::new();
    let sample = slice.measure(|| {
        for _ in 0..batch {
            log.append_intent(line.next())?;
        }
        log.sync()?;
        Ok::<u64, std::io::Error>(batch)
    })?;
    sample.if_kept(log.log().tree_size())
}
