//! One stream of events: first what is in the files already, then what comes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use graven_search::Query;
use tokio::time::{Instant, timeout_at};

use crate::limits::Entered;
use crate::problem::{Kind, Problem};
use crate::state::{Shared, State};
use crate::tail::{Got, News, Said, Subscription, look};
use crate::trails::Served;

use super::pass::Pass;

/// How long nothing is sent at most. A proxy must not take the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// When a client that was cut off may come again.
const RETRY: Duration = Duration::from_secs(2);

/// How many entries, and about how many bytes of hits, are read from the files at a time.
const PIECE_ENTRIES: u64 = 4_096;
const PIECE_BYTES: usize = 64 << 10;

/// One stream.
pub(super) struct Following {
    state: Shared,
    pass: Pass,
    walk: Walk,
}

/// What a stream reads, and how far it is.
pub(super) struct Walk {
    trail: Arc<Served>,
    /// Its place among all streams.
    _place: Entered,
    query: Query,
    /// The next entry to look at in the files, or to take from the tail.
    next: u64,
    /// What was read from the files and is not sent.
    ready: VecDeque<Arc<News>>,
    stage: Stage,
    /// When something must be sent.
    due: Instant,
}

/// How far a stream is.
enum Stage {
    /// Nothing was sent.
    New,
    /// It reads the files until it has come to the end.
    Files,
    /// It reads what was recorded before the tail hands anything to it.
    Joining(Subscription),
    /// It takes what the tail hands to it.
    Tail(Subscription),
    /// The last event was sent.
    Over,
}

/// What is next.
enum Next {
    Event(Event),
    /// This is the last one.
    Last(Event),
    End,
}

impl Following {
    pub(super) fn new(state: Shared, pass: Pass, walk: Walk) -> Following {
        Following { state, pass, walk }
    }

    /// The next event; `None` at the end.
    pub(super) async fn next(mut self) -> Option<(Result<Event, Infallible>, Following)> {
        let Following { state, pass, walk } = &mut self;
        if matches!(walk.stage, Stage::Over) {
            return None;
        }
        let next = tokio::select! {
            biased;
            // The client comes again elsewhere, or later.
            () = state.ends() => Next::End,
            why = pass.ended(state) => Next::Last(error(&why)),
            next = walk.step(state) => next,
        };
        walk.due = Instant::now() + ALIVE;
        let event = match next {
            Next::Event(event) => event,
            Next::Last(event) => {
                walk.stage = Stage::Over;
                event
            }
            Next::End => return None,
        };
        Some((Ok(event), self))
    }
}

impl Walk {
    pub(super) fn new(trail: Arc<Served>, place: Entered, query: Query, first: u64) -> Walk {
        let (ready, due) = (VecDeque::new(), Instant::now() + ALIVE);
        Walk { trail, _place: place, query, next: first, ready, stage: Stage::New, due }
    }

    async fn step(&mut self, state: &State) -> Next {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Next::Event(event(&news));
            }
            if Instant::now() >= self.due {
                return Next::Event(self.alive());
            }
            let result = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::New => {
                    self.stage = Stage::Files;
                    let hello = format!("{} from entry {}", self.trail.name(), self.next);
                    return Next::Event(Event::default().retry(RETRY).comment(hello));
                }
                Stage::Files => self.read_files(state).await,
                Stage::Joining(subscription) => self.join(state, subscription).await,
                Stage::Tail(subscription) => match timeout_at(self.due, subscription.next()).await {
                    Ok(Got::News(news)) => {
                        self.stage = Stage::Tail(subscription);
                        // What it has read from the files already.
                        if news.index >= self.next {
                            return Next::Event(event(&news));
                        }
                        Ok(())
                    }
                    Ok(Got::Lagged) => return Next::Last(lagged()),
                    Ok(Got::Failed(problem)) => Err(problem),
                    Err(_) => {
                        if let Some(behind) = subscription.behind() {
                            self.next = self.next.max(behind);
                        }
                        self.stage = Stage::Tail(subscription);
                        Ok(())
                    }
                },
                Stage::Over => return Next::End,
            };
            if let Err(problem) = result {
                return Next::Last(error(&problem));
            }
        }
    }

    /// Reads a piece of the files. At their end, asks for what comes.
    async fn read_files(&mut self, state: &State) -> Result<(), Problem> {
        let trail = Arc::clone(&self.trail);
        let entries = state.blocking.look(move || Ok(trail.entries()?)).await?;
        if self.next < entries {
            self.stage = Stage::Files;
            return self.read_until(state, entries).await;
        }
        let subscription = self.trail.tail().follow(self.query.clone()).await?;
        self.stage = Stage::Joining(subscription);
        Ok(())
    }

    async fn join(&mut self, state: &State, subscription: Subscription) -> Result<(), Problem> {
        let start = subscription.start();
        if self.next < start {
            self.stage = Stage::Joining(subscription);
            return self.read_until(state, start).await;
        }
        self.stage = Stage::Tail(subscription);
        Ok(())
    }

    /// Reads a piece of the files, up to an entry that is not read.
    async fn read_until(&mut self, state: &State, end: u64) -> Result<(), Problem> {
        let (trail, query, first) = (Arc::clone(&self.trail), self.query.clone(), self.next);
        let read = move || piece(&trail, &query, first, end.min(first + PIECE_ENTRIES));
        let (ready, next) = state.blocking.look(read).await?;
        (self.ready, self.next) = (ready, next);
        Ok(())
    }

    /// Shows that the connection is good, and how far the client has come, so that it need not begin further back.
    fn alive(&self) -> Event {
        let event = Event::default().comment("alive");
        match self.next.checked_sub(1) {
            Some(last) => event.id(last.to_string()),
            None => event,
        }
    }
}

/// What is new in a piece of the files, and the entry behind it.
fn piece(trail: &Served, query: &Query, first: u64, end: u64) -> Result<(VecDeque<Arc<News>>, u64), Problem> {
    let reader = trail.search().reader();
    let (mut ready, mut bytes, mut next) = (VecDeque::new(), 0, first);
    for record in reader.entries(first..end)? {
        let record = record?;
        let (finding, _, entry) = look(reader, &record, std::iter::once(query));
        for news in [finding, entry].into_iter().flatten() {
            bytes += news.bytes();
            ready.push_back(Arc::new(news));
        }
        next = record.index + 1;
        if bytes >= PIECE_BYTES {
            break;
        }
    }
    if next == first {
        // Files that are being moved about: what was there is not there now.
        return Err(Problem::new(Kind::Unavailable, "the trail cannot be read now: try again"));
    }
    Ok((ready, next))
}

fn event(news: &News) -> Event {
    let name = match news.said {
        Said::Entry => "entry",
        Said::Finding => "finding",
    };
    Event::default().event(name).id(news.index.to_string()).data(&news.json)
}

/// The client took too little at a time. It can go on behind the last event that it has.
fn lagged() -> Event {
    Event::default().event("lagged").data("{}")
}

fn error(problem: &Problem) -> Event {
    let json = serde_json::to_string(problem).expect("a problem is texts and numbers");
    Event::default().event("error").data(json)
}
