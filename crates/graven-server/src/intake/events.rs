//! Events of other programs: recorded one by one, or all of them before anything is acknowledged.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use graven::Entry;
use graven_formats::Event;
use serde::Serialize;

use super::{Answers, Intake, PIECE_BYTES, PIECE_ENTRIES};
use crate::problem::{Kind, Problem};
use crate::trails::Kept;

/// What became of events that are all durable.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    /// How many there were.
    pub(crate) events: usize,
    /// Those that were there before: the same client has sent them already.
    pub(crate) duplicates: usize,
    /// Those that were kept whole and not mapped, by the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) unmapped: BTreeMap<&'static str, u64>,
    /// The places of those whose id belongs to an entry that says something else. They are not recorded.
    #[serde(skip)]
    pub(crate) conflicts: Vec<usize>,
}

impl Intake {
    /// Records events in their order, and answers each.
    pub(crate) async fn take_events(&self, events: Vec<Event>) -> Answers {
        let mut answers = Answers::new(0);
        let mut unmapped = BTreeMap::new();
        for piece in pieces(events) {
            let now = self.state.now();
            let lengths: Vec<usize> = piece.iter().map(length).collect();
            let (mut entries, mut refused) = (Vec::with_capacity(piece.len()), Vec::new());
            for (place, event) in piece.into_iter().enumerate() {
                count(&event, &mut unmapped);
                match self.completed(event.entry, now) {
                    Ok(entry) => entries.push(entry),
                    Err(problem) => refused.push((place, problem)),
                }
            }
            let _waiting = self.waiting(lengths.len());
            self.record(entries, refused, lengths.into_iter(), &mut answers).await;
        }
        self.wait_for_archive(answers.kept_mut()).await;
        answers.about(unmapped)
    }

    /// Records events in their order: all of them are durable when this succeeds, but for those in conflict.
    ///
    /// # Errors
    /// `OutOfScope` before anything is recorded. What passes when something could not be recorded, or is not in the archive in
    /// time: some of them may be durable then, and are not recorded again when they come again.
    pub(crate) async fn take_all(&self, events: Vec<Event>) -> Result<Told, Problem> {
        for event in &events {
            self.may_hand_in(&event.entry.category)?;
        }
        let mut told = Told { events: events.len(), ..Told::default() };
        let (mut first, mut last_kept) = (0, None);
        for piece in pieces(events) {
            let now = self.state.now();
            let lengths: Vec<usize> = piece.iter().map(length).collect();
            let mut entries = Vec::with_capacity(piece.len());
            for event in piece {
                count(&event, &mut told.unmapped);
                entries.push(self.completed(event.entry, now)?);
            }
            let mut answers = Answers::new(0);
            let (count, _waiting) = (lengths.len(), self.waiting(lengths.len()));
            self.record(entries, Vec::new(), lengths.into_iter(), &mut answers).await;
            for (place, answer) in (first..).zip(answers.into_each()) {
                match answer {
                    Ok(kept) => {
                        told.duplicates += usize::from(kept.duplicate);
                        let is_last = |last: &Kept| last.receipt.index < kept.receipt.index;
                        if kept.archived.is_some() && last_kept.as_ref().is_none_or(is_last) {
                            last_kept = Some(kept);
                        }
                    }
                    Err(problem) if problem.is(Kind::IdConflict) => told.conflicts.push(place),
                    // What is not for the client to mend is to be sent again.
                    Err(problem) if problem.status().is_server_error() => {
                        return Err(problem.made_temporary());
                    }
                    Err(problem) => return Err(problem),
                }
            }
            first += count;
        }
        let mut waiting = last_kept;
        self.wait_for_archive(waiting.iter_mut()).await;
        if waiting.is_some_and(|kept| kept.archived == Some(false)) {
            let message = "the entries are durable here, and not in the archive yet: send them again, and they are recorded once";
            return Err(Problem::new(Kind::NotArchived, message));
        }
        Ok(told)
    }

    /// Adds what the server says. Who acts in an event is not who hands it in: a client that may not name others as the
    /// principal acts on behalf of that one.
    fn completed(&self, mut entry: Entry, now: DateTime<Utc>) -> Result<Entry, Problem> {
        let caller = &self.caller;
        if !caller.assert_principal
            && let Some(actor) = entry.principal.take().filter(|actor| *actor != caller.name)
        {
            entry.on_behalf_of.insert(0, actor);
        }
        self.complete(entry, now)
    }
}

/// Events that are recorded together: as many as texts are.
fn pieces(events: Vec<Event>) -> impl Iterator<Item = Vec<Event>> {
    let mut rest = events.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut piece = vec![rest.next()?];
        let mut bytes = length(&piece[0]);
        while piece.len() < PIECE_ENTRIES
            && let Some(next) = rest.next_if(|next| bytes + length(next) <= PIECE_BYTES)
        {
            bytes += length(&next);
            piece.push(next);
        }
        Some(piece)
    })
}

/// About how long an event is: its detail is the whole of it.
fn length(event: &Event) -> usize {
    event.entry.detail.as_ref().map_or(0, |detail| detail.as_str().len())
}

fn count(event: &Event, unmapped: &mut BTreeMap<&'static str, u64>) {
    if let Some(why) = event.unmapped {
        *unmapped.entry(why.as_str()).or_default() += 1;
    }
}
