//! The futures of `record` and `record_batch`: from an entry to its receipt, on any executor.
//!
//! Nothing happens before the first poll. Once an entry is queued it is written whole, even if its future is dropped.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use graven_core::entry::{Blob, Category, Entry, stored_id};
use graven_core::hash::{Hash, leaf_hash};
use serde::{Serialize, Serializer};

use crate::engine::completion::{Completion, Slot};
use crate::engine::flood;
use crate::engine::queue::{Line, Refused};
use crate::engine::system_entries::complete;
use crate::error::{Error, ErrorKind};
use crate::record::event::{self, Event};
use crate::record::handle::Handle;
use crate::record::stored::Stored;
use crate::settings::WhenFull;

/// Identifies an acknowledged entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Its position in the log, from 0.
    pub index: u64,
    /// Its id: the one that the caller set, or the one that was made. One that is too long, of an entry that is
    /// [cut to fit](Entry::cut_to_fit), is as it was cut.
    pub id: String,
    /// The leaf hash of its stored line (RFC 6962 §2.1); base64 when serialised.
    #[serde(serialize_with = "base64")]
    pub leaf_hash: Hash,
}

fn base64<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}

thread_local! {
    /// Where lines are made; the queue copies them out.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends this thread's buffer, empty. It is taken out meanwhile: a waker or a subscriber of `tracing`, which are
/// foreign code, may record an entry in the middle of another, and so may a thread that is ending.
fn with_scratch<T>(make: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = SCRATCH.try_with(RefCell::take).unwrap_or_default();
    buffer.clear();
    let made = make(&mut buffer);
    // A thread that is ending has no place for it any more.
    let _kept = SCRATCH.try_with(|scratch| scratch.replace(buffer));
    made
}

/// An entry on its way: the future of [`Trail::record`](crate::Trail::record).
#[must_use = "nothing is recorded before the future is polled"]
#[derive(Debug)]
pub struct Recording {
    handle: Arc<Handle>,
    /// The entry, until its line is made. Not in the state, which is moved at each poll: an entry is large.
    entry: Option<Entry>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing waits: there is no line yet, or the answer was given.
    Idle,
    /// The line is made, but there was no room yet.
    Waiting { line: Vec<u8>, blob: Option<Blob>, ticket: Ticket },
    Queued {
        completion: Arc<Completion>,
        slot: Option<Slot>,
        /// How many entries of its group are before it.
        offset: u64,
        ticket: Ticket,
    },
}

/// What the receipt and the event need, and until when the caller waits.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: String,
    pub(crate) leaf_hash: Hash,
    category: Category,
    /// Whether redaction changed the detail.
    detail_changed: bool,
    event: Option<Box<Event>>,
    policy: WhenFull,
    until: Duration,
}

/// What became of an entry whose line was made.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) leaf_hash: Hash,
    /// Whether redaction changed the detail.
    pub(crate) detail_changed: bool,
    /// Whether the line has all of it, so that nothing is kept beside the log.
    pub(crate) whole: bool,
    /// A copy of the line, if that is wanted and it has all of the entry.
    pub(crate) line: Option<Box<[u8]>>,
}

impl Recording {
    pub(crate) fn new(handle: Arc<Handle>, entry: Entry) -> Recording {
        Recording { handle, entry: Some(entry), state: State::Idle }
    }

    /// A recording whose entry is still to [begin](Recording::begin).
    pub(crate) fn idle(handle: Arc<Handle>) -> Recording {
        Recording { handle, entry: None, state: State::Idle }
    }

    /// Makes the line of an entry and tries to queue it, as the first poll of a new recording does. The entry stays with
    /// the caller, as it is recorded; with `copy`, so does its line.
    pub(crate) fn begin(
        &mut self,
        entry: &mut Entry,
        copy: bool,
        context: &Context<'_>,
    ) -> Result<Begun, Error> {
        self.look_now_and_then()?;
        with_scratch(|line| {
            let (mut ticket, blob) = make(&self.handle, entry, line)?;
            ticket.until = self.handle.until(ticket.policy);
            let Ticket { leaf_hash, detail_changed, .. } = ticket;
            let whole = blob.is_none();
            let copied = (copy && whole).then(|| Box::from(&line[..]));
            // The entry of a line that was copied is not wanted any more, but for an error.
            if copied.is_none() {
                entry.id = Some(ticket.id.clone());
            }
            self.state = push(&self.handle, line, blob, ticket, context).inspect_err(|error| {
                entry.id = error.entry_id().map(str::to_owned);
            })?;
            Ok(Begun { leaf_hash, detail_changed, whole, line: copied })
        })
    }

    /// The trail that it is recorded in.
    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// The same, at the end.
    pub(crate) fn into_handle(self) -> Arc<Handle> {
        self.handle
    }

    /// The id of the entry, if it is queued and nobody has its answer yet.
    pub(crate) fn queued_id(&self) -> Option<&str> {
        match &self.state {
            State::Queued { ticket, .. } => Some(&ticket.id),
            _ => None,
        }
    }

    /// Queues the entry if it is not queued yet, without waiting, as [`emit`] does. For a caller that will not poll
    /// again.
    pub(crate) fn let_go(&mut self) {
        if let Some(entry) = self.entry.take() {
            emit(&self.handle, entry);
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting { line, blob, ticket } => {
                if !emit_line(&self.handle, &line, blob, &ticket) {
                    self.handle.engine.lost.add(ticket.category.as_str());
                }
            }
            State::Queued { .. } | State::Idle => {}
        }
    }

    /// Refuses a forked child, which not every recording looks for.
    fn look_now_and_then(&self) -> Result<(), Error> {
        if is_due_for_a_look() { self.handle.check_process() } else { Ok(()) }
    }
}

/// Makes the line and tries to queue it.
fn start(handle: &Handle, entry: &mut Entry, context: &Context<'_>) -> Result<State, Error> {
    with_scratch(|line| {
        let (mut ticket, blob) = make(handle, entry, line)?;
        ticket.until = handle.until(ticket.policy);
        push(handle, line, blob, ticket, context)
    })
}

/// Queues a line, or waits for room.
fn push(
    handle: &Handle,
    line: &[u8],
    blob: Option<Blob>,
    ticket: Ticket,
    context: &Context<'_>,
) -> Result<State, Error> {
    let engine = &handle.engine;
    let mut slot = None;
    let mut line = Line { bytes: line, hash: ticket.leaf_hash, blob };
    let pushed = engine.queue.push(&mut line, Some((context.waker(), &mut slot)));
    match pushed {
        Ok(place) => {
            engine.watchdog.watch();
            Ok(State::Queued { completion: place.completion, slot, offset: place.offset, ticket })
        }
        Err(Refused::Ended(error)) => Err(error.for_entry(&ticket.id)),
        Err(Refused::Full) if ticket.policy == WhenFull::Drop => {
            engine.lost.add(ticket.category.as_str());
            let message =
                "no room in the queue: the entry was dropped and counted, as its category's policy says";
            Err(Error::new(ErrorKind::Unavailable, message).for_entry(&ticket.id))
        }
        Err(Refused::Full) => {
            handle.check_for_room(ticket.until).map_err(|error| error.for_entry(&ticket.id))?;
            engine.queue.wait_for_room(context.waker());
            engine.watchdog.watch();
            Ok(State::Waiting { line: line.bytes.to_vec(), blob: line.blob, ticket })
        }
    }
}

impl Future for Recording {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.entry.is_some() {
            self.look_now_and_then()?;
        }
        let Recording { handle, entry, state } = &mut *self;
        let next = match std::mem::replace(state, State::Idle) {
            State::Idle => {
                let started = start(handle, entry.as_mut().expect("not polled after its end"), context);
                *entry = None;
                started
            }
            State::Waiting { line, blob, ticket } => push(handle, &line, blob, ticket, context),
            State::Queued { completion, mut slot, offset, ticket } => {
                match completion.poll(context, &mut slot) {
                    Poll::Ready(Ok(first)) => return Poll::Ready(Ok(ticket.receipt(first + offset))),
                    Poll::Ready(Err(error)) => Err(error.for_entry(&ticket.id)),
                    Poll::Pending => match handle.check_waiting(ticket.until) {
                        Ok(()) => Ok(State::Queued { completion, slot, offset, ticket }),
                        Err(error) => Err(error.for_entry(&ticket.id)),
                    },
                }
            }
        };
        match next {
            Ok(next) => {
                *state = next;
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Ticket {
    /// The ticket of a line that is recorded as it is. No event tells of it: its time is past.
    pub(super) fn of_stored(stored: &Stored) -> Ticket {
        Ticket {
            id: stored.id.clone(),
            leaf_hash: stored.leaf_hash,
            category: stored.category.clone(),
            detail_changed: false,
            event: None,
            policy: WhenFull::Wait(Duration::ZERO),
            until: Duration::ZERO,
        }
    }

    /// The id of the entry, as it is stored.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Emits the event and returns the receipt.
    pub(crate) fn receipt(self, index: u64) -> Receipt {
        if let Some(event) = self.event {
            event.emit(&self.id);
        }
        Receipt { index, id: self.id, leaf_hash: self.leaf_hash }
    }
}

/// Checks and completes an entry and makes its line. The ticket takes the id.
pub(crate) fn make(
    handle: &Handle,
    entry: &mut Entry,
    line: &mut Vec<u8>,
) -> Result<(Ticket, Option<Blob>), Error> {
    let engine = &handle.engine;
    let refusal = |source| engine.redactor.refusal(source);
    entry.check().map_err(refusal)?;
    let detail_changed = engine.redactor.entry(entry);
    complete(entry, &*engine.machine.clock);
    let start = line.len();
    let blob = entry.append_line(engine.settings.blob_bytes_max, line).map_err(refusal)?;
    let policies = &engine.terms.when_full_by_category;
    let policy = *policies.get(&entry.category).unwrap_or(&engine.terms.when_full);
    let id = entry.id.take().expect("completed above");
    let ticket = Ticket {
        leaf_hash: leaf_hash(&line[start..]),
        detail_changed,
        event: Event::of(entry),
        policy,
        until: Duration::ZERO,
        id: match stored_id(&id) {
            Cow::Borrowed(_) => id,
            Cow::Owned(cut) => cut,
        },
        category: entry.category.clone(),
    };
    Ok((ticket, blob))
}

/// The leaf hash that an entry with an id and a time gets in this trail.
pub(crate) fn hash_of(handle: &Handle, mut entry: Entry) -> Result<Hash, Error> {
    with_scratch(|line| make(handle, &mut entry, line)).map(|(ticket, _blob)| ticket.leaf_hash)
}

/// Counts a lost entry whose caller gets no error.
#[cfg(feature = "macros")]
pub(crate) fn lose(handle: &Handle, category: &Category) {
    handle.engine.lost.add(category.as_str());
    handle.engine.announce_losses();
}

/// Whether this entry of this thread looks whether the process was forked: one in sixteen, because that takes a system
/// call. The queue itself looks wherever one more does not count, and so does a caller who goes on waiting.
fn is_due_for_a_look() -> bool {
    thread_local! {
        static EMITTED: Cell<u8> = const { Cell::new(0) };
    }
    let emitted = EMITTED.get();
    EMITTED.set(emitted.wrapping_add(1));
    emitted.is_multiple_of(16)
}

/// Queues an entry without waiting. If there is no room, it is counted as lost.
pub(crate) fn emit(handle: &Handle, mut entry: Entry) {
    let engine = &handle.engine;
    // The counts of repeats have a lock of their own, which a forked child may find held for ever.
    if (engine.flood.is_some() || is_due_for_a_look()) && engine.queue.is_forked() {
        return tracing::error!(error = Error::forked().chain(), "an emitted entry was refused");
    }
    with_scratch(|line| {
        let category = entry.category.clone();
        let may_repeat = engine.flood.is_some() && flood::may_repeat(&entry);
        let pushed = make(handle, &mut entry, line).map(|(ticket, blob)| {
            (may_repeat && engine.counts_repeat(line, blob.as_ref()))
                || emit_line(handle, line, blob, &ticket)
        });
        match pushed {
            Ok(true) => {}
            Ok(false) => engine.lost.add(category.as_str()),
            Err(error) => {
                if event::are_wanted() {
                    tracing::error!(error = error.chain(), "an emitted entry was refused");
                }
                engine.lost.add(category.as_str());
                engine.announce_losses();
            }
        }
    });
}

/// Queues a line that nobody waits for. Returns whether there was room.
fn emit_line(handle: &Handle, line: &[u8], blob: Option<Blob>, ticket: &Ticket) -> bool {
    let mut line = Line { bytes: line, hash: ticket.leaf_hash, blob };
    let taken = handle.engine.queue.push(&mut line, None).is_ok();
    if let (true, Some(event)) = (taken, &ticket.event) {
        event.emit(&ticket.id);
    }
    taken
}
