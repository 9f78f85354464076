//! `graven record` on a server: each entry has an id before it is sent, so that it is recorded once, however often it is
//! sent.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use graven::Entry;
use graven::clock::{OsClock, new_id};
use graven_core::intake::LINE_BYTES_MAX;
use graven_core::lines::{LineChunks, Lines, split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::stdin::{parse, too_long};
use super::{Args, One, PATIENCE, STDIN_ALONE};
use crate::shared::failure::{self, Ending, FOUND, Failure};
use crate::shared::misspelled::Misspelled;
use crate::shared::remote::{JSON, NDJSON, Remote};
use crate::shared::text;
use crate::shared::ui::{Look, Ui};

/// How long a single entry is tried.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(5);

/// How many chunks of lines are read ahead.
const CHUNKS: usize = 4;

/// The answer for an entry that is durable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Received {
    pub(crate) index: u64,
    pub(crate) id: String,
    pub(crate) leaf_hash: String,
    /// It was recorded before, with the same id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) duplicate: bool,
}

/// The answer for one of several entries: a receipt, or a refusal.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Received(Received),
    Refused { error: Value },
}

#[derive(Debug, Deserialize)]
struct Receipts {
    receipts: Vec<Received>,
}

/// The answer to a line that was not recorded, as for a trail in a directory.
#[derive(Serialize)]
struct Refusal<'a> {
    line: u64,
    error: &'a str,
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    if args.stdin {
        if args.one != One::default() {
            return Err(Failure::cannot(STDIN_ALONE));
        }
        return many(ui, remote);
    }
    let entry = args.one.entry()?;
    Misspelled::new(ui).look_at(&entry);
    let received = hand_in(remote, entry, PATIENCE_FOR_ONE)?;
    if ui.json() {
        ui.object(&received)?;
    } else {
        ui.line(format_args!("{} entry {}", ui.paint(Look::Good, "recorded"), received.index))?;
        ui.fact("id", &received.id)?;
        ui.fact("leaf hash", &received.leaf_hash)?;
    }
    Ok(failure::OK)
}

/// Hands one entry in, for at most this long.
pub(crate) fn hand_in(remote: &Remote, entry: Entry, patience: Duration) -> Result<Received, Failure> {
    let body = json(&with_id(entry))?;
    let answer: Receipts = remote.read(&remote.hand_in(JSON, &body, patience)?)?;
    let received = answer.receipts.into_iter().next();
    received.ok_or_else(|| Failure::cannot("the server has answered without a receipt"))
}

/// The entry, with an id.
fn with_id(entry: Entry) -> Entry {
    if entry.id.is_some() { entry } else { entry.id(new_id(&OsClock::new())) }
}

fn json(entry: &Entry) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(entry)
        .map_err(|error| Failure::cannot(format_args!("cannot write the entry as JSON: {error}")))
}

/// Some lines of standard input.
type Chunk = (Vec<u8>, Lines);

/// Records standard input: what has come is sent, and answered, before more is sent.
fn many(ui: Ui, remote: &Remote) -> Ending {
    let chunks = read_ahead()?;
    let misspelled = Misspelled::new(ui);
    let (mut line, mut any_refused) = (0, false);
    for chunk in chunks {
        let (buffer, lines) =
            chunk.map_err(|error| Failure::cannot(format_args!("cannot read standard input: {error}")))?;
        let mut out = Vec::new();
        let parsed: Vec<Result<Entry, String>> = match lines {
            Lines::Piece { last: false } => continue,
            Lines::Piece { last: true } => vec![Err(too_long())],
            Lines::Whole => split(&buffer).map(parse).collect(),
        };
        let mut body = Vec::with_capacity(buffer.len());
        for entry in parsed.iter().flatten() {
            misspelled.look_at(entry);
            body.extend(json(&with_id(entry.clone()))?);
            body.push(b'\n');
        }
        let answers = if body.is_empty() { Vec::new() } else { remote.hand_in(NDJSON, &body, PATIENCE)? };
        let mut answers = split(&answers);
        for entry in &parsed {
            line += 1;
            let refused = match entry {
                Err(why) => Some(why.clone()),
                Ok(_) => match remote.read(answers.next().unwrap_or_default())? {
                    Answer::Received(received) => {
                        append(&mut out, &received)?;
                        None
                    }
                    Answer::Refused { error } => Some(reason(&error)),
                },
            };
            if let Some(error) = refused {
                any_refused = true;
                append(&mut out, &Refusal { line, error: &error })?;
            }
        }
        ui.page(&out)?;
    }
    Ok(if any_refused { FOUND } else { failure::OK })
}

/// Reads standard input on a thread of its own, a little ahead.
fn read_ahead() -> Result<Receiver<io::Result<Chunk>>, Failure> {
    let (sender, chunks) = mpsc::sync_channel(CHUNKS);
    let read = move || {
        let mut input = LineChunks::new(io::stdin().lock(), LINE_BYTES_MAX);
        loop {
            let mut buffer = Vec::new();
            let chunk = input.next(&mut buffer).transpose().map(|lines| lines.map(|lines| (buffer, lines)));
            let is_over = !matches!(chunk, Some(Ok(_)));
            // Nobody reads any more when the command fails.
            if chunk.is_none_or(|chunk| sender.send(chunk).is_err()) || is_over {
                return;
            }
        }
    };
    let spawned = thread::Builder::new().name("input".into()).spawn(read);
    spawned.map_err(|error| Failure::cannot(format_args!("cannot start a thread: {error}")))?;
    Ok(chunks)
}

/// What a refusal says.
fn reason(problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    text("detail").or_else(|| text("title")).unwrap_or_else(|| problem.to_string())
}

fn append(out: &mut Vec<u8>, answer: &impl Serialize) -> Result<(), Failure> {
    let line = text::json(answer)
        .map_err(|error| Failure::cannot(format_args!("cannot write the answer as JSON: {error}")))?;
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
    Ok(())
}
