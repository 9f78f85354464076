//! From what clients send to entries of a trail: reads them, adds what the server says, records them, and answers each.

mod answers;
mod archived;
mod events;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use graven::{Category, Entry};
use graven_core::input::InputError;
use graven_core::intake::{IntakeError, LINE_BYTES_MAX, client_entry};

use crate::archive::Ack;
use crate::auth::Caller;
use crate::counters::Waiting;
use crate::problem::{Kind, Problem};
use crate::state::Shared;
use crate::trails::Served;

pub(crate) use answers::{Answer, Answers};

/// How many entries, and how many bytes of them, are recorded together. More would keep a thread of the runtime for too
/// long.
const PIECE_ENTRIES: usize = 1_024;
const PIECE_BYTES: usize = 512 << 10;

/// Texts of at most this length together are read at once. Reading more is work for another thread.
const READ_AT_ONCE_BYTES: usize = 64 << 10;

/// Takes entries from one client into one trail.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) state: Shared,
    pub(crate) trail: Arc<Served>,
    pub(crate) caller: Arc<Caller>,
    /// What its answers wait for.
    pub(crate) ack: Ack,
}

/// What some texts say.
#[derive(Debug)]
struct Read {
    entries: Vec<Entry>,
    /// The texts that are no entries, with their places among all.
    refused: Vec<(usize, Problem)>,
}

impl Intake {
    /// Records entries in their order, and answers each. `first` is the place of the first one in what the client sent.
    pub(crate) async fn take(&self, texts: &[Bytes], first: u64) -> Answers {
        let mut answers = Answers::new(first);
        let mut rest = texts;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(piece_len(rest));
            self.take_piece(piece, &mut answers).await;
            rest = behind;
        }
        self.wait_for_archive(answers.kept_mut()).await;
        answers
    }

    async fn take_piece(&self, texts: &[Bytes], answers: &mut Answers) {
        let _waiting = self.waiting(texts.len());
        let now = self.state.now();
        let Read { entries, refused } = self.read(texts, now).await;
        self.record(entries, refused, texts.iter().map(Bytes::len), answers).await;
    }

    /// Counts entries that wait for their answer.
    fn waiting(&self, entries: usize) -> Waiting {
        self.trail.counters(|name| self.state.metrics.of(name)).waiting(entries)
    }

    /// Records entries, counts, and adds the answers to them and to those that were refused before. The lengths are those of
    /// all.
    async fn record(
        &self,
        entries: Vec<Entry>,
        refused: Vec<(usize, Problem)>,
        lengths: impl Iterator<Item = usize>,
        answers: &mut Answers,
    ) {
        self.trail.count_refused(refused.len() as u64);
        let recorded = self.recorded(entries).await;
        let answered = answers.add(recorded, refused);
        let counters = self.trail.counters(|name| self.state.metrics.of(name));
        self.state.metrics.answered(&self.trail.name().trail, counters, answered.iter().zip(lengths));
    }

    /// Reads texts: on this thread if they are short.
    async fn read(&self, texts: &[Bytes], now: DateTime<Utc>) -> Read {
        if texts.iter().map(Bytes::len).sum::<usize>() <= READ_AT_ONCE_BYTES {
            return self.read_now(texts, now);
        }
        let (intake, owned) = (self.clone(), texts.to_vec());
        let read = tokio::task::spawn_blocking(move || intake.read_now(&owned, now)).await;
        read.unwrap_or_else(|panic| {
            tracing::error!(error = panic.to_string(), "reading entries panicked");
            let refused = (0..texts.len()).map(|place| (place, Problem::fault()));
            Read { entries: Vec::new(), refused: refused.collect() }
        })
    }

    fn read_now(&self, texts: &[Bytes], now: DateTime<Utc>) -> Read {
        let mut read = Read { entries: Vec::with_capacity(texts.len()), refused: Vec::new() };
        for (place, text) in texts.iter().enumerate() {
            match self.entry(text, now) {
                Ok(entry) => read.entries.push(entry),
                Err(problem) => read.refused.push((place, problem)),
            }
        }
        read
    }

    /// The entry that a text says, with what the server says of it.
    fn entry(&self, text: &[u8], now: DateTime<Utc>) -> Result<Entry, Problem> {
        if text.len() > LINE_BYTES_MAX {
            let message = format!("an entry may have at most {LINE_BYTES_MAX} bytes");
            return Err(Problem::new(Kind::TooLarge, message));
        }
        self.complete(client_entry(text).map_err(|error| self.refusal(&error))?, now)
    }

    /// Why a text is no entry.
    pub(crate) fn refusal(&self, error: &IntakeError) -> Problem {
        let kind = match error {
            IntakeError::Input(InputError::Json(_) | InputError::Utf8 { .. }) => Kind::NotJson,
            _ => Kind::NotAnEntry,
        };
        // It may repeat parts of the text.
        Problem::new(kind, self.trail.without_secrets(&error.to_string()))
    }

    /// Adds what the server says: when it came, from whom, and who acts if that is not the client's to say.
    ///
    /// # Errors
    /// `OutOfScope` when the token is not for the entry's category.
    pub(crate) fn complete(&self, mut entry: Entry, now: DateTime<Utc>) -> Result<Entry, Problem> {
        self.may_hand_in(&entry.category)?;
        let caller = &self.caller;
        if !caller.assert_principal {
            entry.principal = Some(caller.name.clone());
        }
        Ok(entry.received_at(now).recorded_by(caller.name.clone()))
    }

    fn may_hand_in(&self, category: &Category) -> Result<(), Problem> {
        self.caller.may_category(category).map_err(Problem::from)
    }
}

/// How many of the texts are recorded together.
fn piece_len(texts: &[Bytes]) -> usize {
    let mut bytes = 0;
    let fits = texts.iter().take(PIECE_ENTRIES).take_while(|text| {
        bytes += text.len();
        bytes <= PIECE_BYTES
    });
    fits.count().max(1)
}
