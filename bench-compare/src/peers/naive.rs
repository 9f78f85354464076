//! What programs do today: append a line of JSON to a file. It proves nothing, but is quickly written.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::entry::{self, ReadyLine};
use crate::peer::{Failure, Peer, Sample, Slice};

pub(super) fn peers() -> Vec<Peer> {
    let peer = |way: &str, durable, run: fn(&Slice) -> Result<Sample, Failure>| Peer {
        name: "a file",
        version: "serde_json",
        way: way.into(),
        is_durable: true,
        durable,
        run: Box::new(run),
    };
    vec![
        Peer {
            is_durable: false,
            ..peer(
                "a line, write_all, no sync, one thread",
                "nothing: the line is in the page cache, and lost in a power cut",
                |slice| lines(slice, false),
            )
        },
        peer(
            "a line, write_all, fdatasync, one thread",
            "fdatasync of the file after each line; the directory is not synced",
            |slice| lines(slice, true),
        ),
        Peer {
            version: "the disk's limit",
            ..peer(
                "1,000 ready lines, write_all, fdatasync, one thread",
                "fdatasync of the file after 1,000 lines that were made before: what the disk itself can take",
                blocks,
            )
        },
    ]
}

/// How many lines a block holds.
const BATCH: u64 = 1_000;

/// An entry of a program without an audit library.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    timestamp: DateTime<Utc>,
    category: &'a str,
    action: &'a str,
    principal: &'a str,
    outcome: &'a str,
    detail: &'a serde_json::Value,
    duration_ms: u64,
    session_id: &'a str,
}

fn lines(slice: &Slice, sync: bool) -> Result<Sample, Failure> {
    let mut file = create(slice)?;
    let detail: serde_json::Value = serde_json::from_str(entry::DETAIL)?;
    let (mut line, mut n) = (Vec::new(), 0);
    let sample = slice.measure(|| {
        n += 1;
        let entry = Line {
            id: uuid::Uuid::now_v7().to_string(),
            timestamp: Utc::now(),
            category: "tool_execution",
            action: entry::ACTION,
            principal: entry::PRINCIPAL,
            outcome: "success",
            detail: &detail,
            duration_ms: n % entry::DURATIONS,
            session_id: entry::SESSION,
        };
        line.clear();
        serde_json::to_writer(&mut line, &entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        if sync {
            file.sync_data()?;
        }
        Ok::<u64, Failure>(1)
    })?;
    sample.if_kept(lines_in(slice)?)
}

fn blocks(slice: &Slice) -> Result<Sample, Failure> {
    let mut file = create(slice)?;
    let (mut line, mut block) = (ReadyLine::new(), Vec::new());
    for _ in 0..BATCH {
        block.extend_from_slice(line.next());
        block.push(b'\n');
    }
    let sample = slice.measure(|| {
        file.write_all(&block)?;
        file.sync_data()?;
        Ok::<u64, std::io::Error>(BATCH)
    })?;
    sample.if_kept(lines_in(slice)?)
}

fn create(slice: &Slice) -> Result<File, Failure> {
    std::fs::create_dir(&slice.dir)?;
    Ok(OpenOptions::new().append(true).create_new(true).open(path(slice))?)
}

/// How many lines the file holds.
fn lines_in(slice: &Slice) -> Result<u64, Failure> {
    let mut lines = 0;
    for line in BufReader::new(File::open(path(slice))?).split(b'\n') {
        line?;
        lines += 1;
    }
    Ok(lines)
}

fn path(slice: &Slice) -> PathBuf {
    slice.dir.join("audit.jsonl")
}
