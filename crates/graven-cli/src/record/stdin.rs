//! `graven record --stdin`: reads entries, one JSON object a line, and prints receipts in the order of the input.
//!
//! One thread reads, some parse, one gives the entries their places in the log, one prints the receipts. The buffers
//! come from a pool and return to it when their lines are answered. So memory is limited, even with a slow disk or a
//! slow reader of the receipts.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZero;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use graven::{Entry, Error, ErrorKind, Redactor, Trail};
use graven_core::intake::{self, LINE_BYTES_MAX};
use graven_core::lines::{CHUNK_BYTES, LineChunks, Lines, split};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::shared::failure::{CANNOT, Ending, FOUND, Failure, OK};
use crate::shared::misspelled::Misspelled;
use crate::shared::submit::{Recorded, Submitter};
use crate::shared::text;
use crate::shared::ui::Ui;

/// How many buffers the pool has.
const CHUNKS: usize = 16;

/// More parsers would only wait for the one thread that gives the entries their places.
const PARSERS_MAX: usize = 4;

/// Some lines of standard input.
#[derive(Debug)]
struct Chunk {
    number: u64,
    buffer: Vec<u8>,
    lines: Lines,
}

/// The entries of a chunk.
#[derive(Debug)]
struct Parsed {
    chunk: Chunk,
    /// How many lines there are.
    count: u64,
    entries: Vec<Entry>,
    /// Lines that are not entries: their place in the chunk, from 0, and the reason.
    refused: Vec<(u64, String)>,
}

/// An event for the thread that gives entries their places.
enum Event {
    Parsed(Parsed),
    /// Standard input has ended, after this number of chunks.
    Ended(u64, io::Result<()>),
    /// This signal asked the process to end.
    Asked(i32),
}

/// What the threads share.
struct Shared {
    /// How many chunks were read.
    read: AtomicU64,
    /// Whether to stop reading.
    stop: AtomicBool,
}

/// Records all of standard input.
pub(super) fn run(trail: &Trail, ui: Ui) -> Ending {
    let (events, happened) = mpsc::channel();
    let (pool, empty) = mpsc::sync_channel(CHUNKS);
    for _ in 0..CHUNKS {
        give_back(&pool, Vec::new());
    }
    let shared = Arc::new(Shared { read: AtomicU64::new(0), stop: AtomicBool::new(false) });
    start_threads(&events, empty, &shared, &Arc::new(Misspelled::new(ui)))
        .map_err(|error| Failure::cannot(format_args!("cannot start: {error}")))?;
    drop(events);
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let answers = Answers {
        redactor: trail.redactor(),
        line: 0,
        pool,
        outcome: Arc::clone(&outcome),
        out: Vec::new(),
        reader_gone: false,
    };
    let end = give_places(trail, &happened, &shared, answers)?;
    let outcome = std::mem::take(&mut *outcome.lock().unwrap_or_else(PoisonError::into_inner));
    outcome.ending(end)
}

/// How the input ended.
enum End {
    Whole,
    Unreadable(io::Error),
    Asked(i32),
}

/// Submits the parsed chunks in the order of the input, until its end.
fn give_places(
    trail: &Trail,
    happened: &Receiver<Event>,
    shared: &Shared,
    mut answers: Answers,
) -> Result<End, Failure> {
    let outcome = Arc::clone(&answers.outcome);
    let submitter = Submitter::start(trail, move |parsed, recorded| answers.give(parsed, recorded))?;
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut chunks = u64::MAX;
    let mut end = End::Whole;
    while next < chunks {
        let Ok(event) = happened.recv() else { break };
        match event {
            Event::Parsed(parsed) => drop(early.insert(parsed.chunk.number, parsed)),
            Event::Ended(read, ended) => {
                chunks = chunks.min(read);
                end = ended.map_or_else(End::Unreadable, |()| end);
            }
            Event::Asked(signal) => {
                shared.stop.store(true, Ordering::SeqCst);
                chunks = chunks.min(shared.read.load(Ordering::SeqCst));
                end = End::Asked(signal);
            }
        }
        while let Some(mut parsed) = early.remove(&next) {
            next += 1;
            let entries = std::mem::take(&mut parsed.entries);
            submitter.submit(entries, parsed.chunk.buffer.len(), parsed);
        }
        if outcome.lock().unwrap_or_else(PoisonError::into_inner).failure.is_some() {
            shared.stop.store(true, Ordering::SeqCst);
            break;
        }
    }
    submitter.finish();
    Ok(end)
}

fn start_threads(
    events: &Sender<Event>,
    empty: Receiver<Vec<u8>>,
    shared: &Arc<Shared>,
    misspelled: &Arc<Misspelled>,
) -> io::Result<()> {
    let parsers = thread::available_parallelism().map_or(1, NonZero::get).min(PARSERS_MAX);
    let (to_parse, chunks) = mpsc::sync_channel(CHUNKS);
    let chunks = Arc::new(Mutex::new(chunks));
    for _ in 0..parsers {
        let (chunks, events, misspelled) = (Arc::clone(&chunks), events.clone(), Arc::clone(misspelled));
        thread::Builder::new()
            .name("parser".into())
            .spawn(move || parse_all(&chunks, &events, &misspelled))?;
    }
    let (reading, sender) = (Arc::clone(shared), events.clone());
    thread::Builder::new().name("input".into()).spawn(move || {
        let ended = read_all(&empty, &to_parse, &reading);
        let _ = sender.send(Event::Ended(reading.read.load(Ordering::SeqCst), ended));
    })?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let events = events.clone();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let _ = events.send(Event::Asked(signal));
        }
    })?;
    Ok(())
}

/// Reads standard input until its end, or until `stop` is set.
fn read_all(empty: &Receiver<Vec<u8>>, to_parse: &SyncSender<Chunk>, shared: &Shared) -> io::Result<()> {
    let mut input = LineChunks::new(io::stdin().lock(), LINE_BYTES_MAX);
    while let Ok(mut buffer) = empty.recv() {
        let Some(lines) = input.next(&mut buffer)? else { break };
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let number = shared.read.fetch_add(1, Ordering::SeqCst);
        if to_parse.send(Chunk { number, buffer, lines }).is_err() {
            break;
        }
    }
    Ok(())
}

fn parse_all(chunks: &Mutex<Receiver<Chunk>>, events: &Sender<Event>, misspelled: &Misspelled) {
    loop {
        let chunk = chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(chunk) = chunk else { return };
        // The panic hook has reported the fault. The thread that waits for this chunk must know too.
        let event = panic::catch_unwind(|| Event::Parsed(Parsed::of(chunk, misspelled)))
            .unwrap_or_else(|_| Event::Ended(0, Err(io::Error::other("a fault in Graven"))));
        if events.send(event).is_err() {
            return;
        }
    }
}

impl Parsed {
    fn of(chunk: Chunk, misspelled: &Misspelled) -> Parsed {
        let mut parsed = Parsed { count: 0, entries: Vec::new(), refused: Vec::new(), chunk };
        match parsed.chunk.lines {
            Lines::Piece { last: false } => {}
            Lines::Piece { last: true } => {
                parsed.refused.push((0, too_long()));
                parsed.count = 1;
            }
            Lines::Whole => {
                for line in split(&parsed.chunk.buffer) {
                    match parse(line) {
                        Ok(entry) => {
                            misspelled.look_at(&entry);
                            parsed.entries.push(entry);
                        }
                        Err(error) => parsed.refused.push((parsed.count, error)),
                    }
                    parsed.count += 1;
                }
            }
        }
        parsed
    }
}

pub(super) fn parse(line: &[u8]) -> Result<Entry, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(too_long());
    }
    if line.trim_ascii().is_empty() {
        return Err("an empty line is not an entry".into());
    }
    intake::client_entry(line).map_err(|error| error.to_string())
}

pub(super) fn too_long() -> String {
    format!("too large: a line may be at most {LINE_BYTES_MAX} bytes")
}

fn give_back(pool: &SyncSender<Vec<u8>>, mut buffer: Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(2 * CHUNK_BYTES);
    // This fails when the reading thread has ended, and then no buffer is needed.
    let _ = pool.send(buffer);
}

/// What the answering thread has seen.
#[derive(Debug, Default)]
struct Outcome {
    /// Whether a line was refused.
    refused: bool,
    /// Whether the reader of the receipts has closed its end.
    unread: bool,
    /// Why the trail cannot record any more.
    failure: Option<Error>,
}

impl Outcome {
    fn ending(self, end: End) -> Ending {
        match (self.failure, end) {
            (Some(error), _) => Err(Failure::from(error).exit(CANNOT)),
            (None, End::Unreadable(error)) => {
                Err(Failure::cannot(format_args!("cannot read standard input: {error}")))
            }
            (None, End::Asked(signal)) => Ok((128 + signal) as u8),
            (None, End::Whole) if self.refused || self.unread => Ok(FOUND),
            (None, End::Whole) => Ok(OK),
        }
    }
}

/// Prints the answers.
struct Answers {
    /// For errors, which may repeat parts of a line.
    redactor: Redactor,
    /// How many lines were answered.
    line: u64,
    pool: SyncSender<Vec<u8>>,
    outcome: Arc<Mutex<Outcome>>,
    out: Vec<u8>,
    reader_gone: bool,
}

/// The answer to a line that was not recorded.
#[derive(Serialize)]
struct Refusal<'a> {
    line: u64,
    error: &'a str,
}

impl Answers {
    /// Answers every line of a chunk. When the reader of the answers has gone, recording goes on without answers.
    fn give(&mut self, parsed: Parsed, recorded: Recorded) {
        self.out.clear();
        let Parsed { chunk, count, refused, .. } = parsed;
        let mut refused = refused.into_iter().peekable();
        let mut receipts = Vec::new();
        let mut failed = None;
        match recorded {
            Ok(all) => receipts = all,
            Err(error) => failed = Some(error),
        }
        let mut receipts = receipts.into_iter();
        let mut any_refused = false;
        for place in 0..count {
            self.line += 1;
            if let Some((_, error)) = refused.next_if(|(at, _)| *at == place) {
                any_refused = true;
                append(&mut self.out, &Refusal { line: self.line, error: &self.redactor.text(&error) });
            } else if let Some(receipt) = receipts.next() {
                append(&mut self.out, &receipt);
            } else if let Some(error) = &failed {
                any_refused = true;
                append(&mut self.out, &Refusal { line: self.line, error: &unrecorded(error) });
            }
        }
        self.write();
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.refused |= any_refused;
        outcome.unread |= self.reader_gone;
        if let Some(error) = failed.filter(ends_recording) {
            outcome.failure.get_or_insert(error);
        }
        drop(outcome);
        give_back(&self.pool, chunk.buffer);
    }

    fn write(&mut self) {
        if self.reader_gone {
            return;
        }
        let mut out = io::stdout().lock();
        self.reader_gone = out.write_all(&self.out).and_then(|()| out.flush()).is_err();
    }
}

/// Why an entry has no receipt, and whether it may be in the trail anyway.
fn unrecorded(error: &Error) -> String {
    let certain = if error.may_be_recorded() { "; this line may be recorded anyway" } else { "" };
    format!("{}{certain}", error.chain())
}

/// Whether later entries cannot be recorded either.
fn ends_recording(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TimedOut)
}

fn append(out: &mut Vec<u8>, answer: &impl Serialize) {
    let start = out.len();
    serde_json::to_writer(&mut *out, answer)
        .expect("an answer is text and numbers, and writing to memory does not fail");
    // Nearly every answer is plain, and there are many.
    if !out[start..].iter().all(|byte| (b' '..=b'~').contains(byte)) {
        let line = String::from_utf8(out.split_off(start)).expect("JSON is UTF-8");
        out.extend_from_slice(text::safe_json(&line).as_bytes());
    }
    out.push(b'\n');
}
