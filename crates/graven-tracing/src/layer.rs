//! The layer: what it does when an event is said, and when a span opens, learns something and closes.

use std::sync::Arc;

use graven::clock::{Clock, OsClock, new_id};
use graven::{Actor, Category, Entry, Outcome, Phase, Redactor, Trail, on_a_trails_thread};
use tracing::field::Visit;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::counters::Counters;
use crate::entry::{Maker, Unsaid};
use crate::fields::Fields;
use crate::filter::{MARKER, is_marked};
use crate::known::actor_of;
use crate::nesting::Nested;
use crate::span::Open;

/// A layer for `tracing-subscriber` that records what is marked for the audit. The [crate] says what becomes of which
/// field.
///
/// It never makes the traced thread wait, unless it is [`blocking`](TrailLayer::blocking): entries are
/// [emitted](Trail::emit), so what there is no room for is dropped, counted, and said in an entry `trail.gap`. Trails
/// with [flood control](graven::Settings::flood_control) count repeats of an entry that comes from here, too.
///
/// An entry that is recorded here has no `tracing` event of its own: it comes from one.
///
/// ```
/// # use graven::{Settings, Trail};
/// # use graven_tracing::{TrailLayer, AuditOnly};
/// # use tracing_subscriber::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
/// # let subscriber = tracing_subscriber::registry().with(TrailLayer::new(trail.clone()).with_filter(AuditOnly));
/// # let _guard = tracing::subscriber::set_default(subscriber);
/// #[tracing::instrument(target = "audit::config", err, skip(value), fields(resource = key))]
/// fn set(key: &str, value: &str) -> Result<(), std::num::ParseIntError> {
///     value.parse::<u16>().map(drop)
/// }
///
/// set("port", "eighty").unwrap_err();
/// trail.flush_blocking()?;
/// let entry = trail.recent(1).remove(0);
/// assert_eq!((entry.action.as_str(), entry.outcome), ("set", graven::Outcome::Failure));
/// assert_eq!(entry.resource.as_deref(), Some("port"));
/// assert_eq!(entry.detail.unwrap().as_str(), r#"{"key":"port","error":"invalid digit found in string"}"#);
/// # Ok::<(), graven::Error>(())
/// ```
///
/// What `err` and `ret` of `#[instrument]` say is an event with the one field `error` or `return`, of the target and
/// module of the span that it is in. Such an event is no entry by itself: its field is kept with the span's entry.
#[derive(Debug)]
pub struct TrailLayer {
    trail: Trail,
    maker: Maker,
    clock: Arc<dyn Clock>,
    blocking: bool,
}

impl TrailLayer {
    /// A layer that emits to a trail.
    ///
    /// It keeps the trail open, and a subscriber that is set for good is never dropped: call
    /// [`Trail::close`] at the end of the program, or what was emitted last may be missing.
    pub fn new(trail: Trail) -> TrailLayer {
        let category = Category::custom("tracing").expect("a name in snake_case");
        let redactor = trail.redactor();
        TrailLayer {
            trail,
            maker: Maker { category, places: false, redactor, counters: Counters::default() },
            clock: Arc::new(OsClock::new()),
            blocking: false,
        }
    }

    /// Sets the category of events and spans that name none, or no valid one. Default: `tracing`.
    #[must_use]
    pub fn category(mut self, category: Category) -> TrailLayer {
        self.maker.category = category;
        self
    }

    /// Sets whether the detail also has `level`, `target`, `file` and `line`. Default: false.
    #[must_use]
    pub fn places(mut self, wanted: bool) -> TrailLayer {
        self.maker.places = wanted;
        self
    }

    /// Makes the traced thread wait until its entry is durable, for as long as the trail's policy says. Default: it does
    /// not wait.
    ///
    /// On a thread of an executor every task of that thread waits too, so this is for programs without an executor, or
    /// with few audit events. Nothing can be refused here: what is not recorded in time is counted
    /// ([`Counters::unacknowledged`]), and the program goes on.
    ///
    /// A trail's own threads never wait. A waker that runs there can say events.
    #[must_use]
    pub fn blocking(mut self) -> TrailLayer {
        self.blocking = true;
        self
    }

    /// Sets the clock that measures spans. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> TrailLayer {
        self.clock = clock;
        self
    }

    /// Counts what was not kept as it was said. The handle works after the layer went into its subscriber.
    pub fn counters(&self) -> Counters {
        self.maker.counters.clone()
    }

    /// Looks at an event or span that is marked, unless too many are being looked at on this thread already.
    fn look<T>(&self, metadata: &Metadata<'_>, look: impl FnOnce(&Nested) -> T) -> Option<T> {
        if !is_marked(metadata) {
            return None;
        }
        let Some(nested) = Nested::enter() else {
            self.maker.counters.skip();
            return None;
        };
        Some(look(&nested))
    }

    /// Has the trail take an entry.
    fn write(&self, nested: &Nested, entry: Entry) {
        nested.write();
        graven::without_events(|| {
            // A trail's own thread cannot wait for itself.
            if !self.blocking || on_a_trails_thread() {
                return self.trail.emit(entry);
            }
            if let Err(error) = self.trail.record_blocking(entry.clone()) {
                self.maker.counters.miss();
                if !error.may_be_recorded() {
                    // No caller can be told, so the trail has to count the loss.
                    self.trail.emit(entry);
                }
            }
        });
    }

    /// Opens a span: what it says, and its intent if it asks for one.
    fn open<'a, S: LookupSpan<'a>>(&self, nested: &Nested, span: &SpanRef<'a, S>, fields: Fields) {
        let mut open = Open {
            actor: actor_of(&fields, &self.maker.redactor),
            opener: Actor::current(),
            opened: self.clock.elapsed(),
            intent: None,
            fields,
        };
        if open.fields.get("intent").is_some_and(|intent| intent.is("true")) {
            let id = new_id(&*self.clock);
            let unsaid = Unsaid { outcome: Outcome::Pending, reason: None };
            let mut intent = self.maker.entry(span.metadata(), &open.fields, unsaid).id(&*id);
            intent.phase = Some(Phase::Intent);
            intent.outcome = Outcome::Pending;
            intent.duration_ms = None;
            inherit(&mut intent, span.parent(), None);
            open.intent = Some(id);
            self.write(nested, intent);
        }
        span.extensions_mut().insert(open);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TrailLayer {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.look(event.metadata(), |nested| {
            let fields = Fields::of(|visitor| event.record(visitor));
            if !is_wanted(&fields) {
                return;
            }
            let around = context.event_span(event);
            let Some(fields) = tell_span(around.as_ref(), event.metadata(), fields, &self.maker.redactor)
            else {
                return;
            };
            let unsaid = Unsaid::of_event(event.metadata());
            let mut entry = self.maker.entry(event.metadata(), &fields, unsaid);
            inherit(&mut entry, around, None);
            self.write(nested, entry);
        });
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.look(attributes.metadata(), |nested| {
            let fields = Fields::of(|visitor: &mut dyn Visit| attributes.record(visitor));
            if let Some(span) = context.span(id).filter(|_| is_wanted(&fields)) {
                self.open(nested, &span, fields);
            }
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        self.look(span.metadata(), |_| {
            let fields = Fields::of(|visitor: &mut dyn Visit| values.record(visitor));
            if let Some(open) = span.extensions_mut().get_mut::<Open>() {
                open.learn(fields, &self.maker.redactor);
            }
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        self.look(span.metadata(), |nested| {
            let took = self.clock.elapsed().saturating_sub(open.opened);
            let mut entry = self.maker.entry(span.metadata(), &open.fields, Unsaid::of_span(span.metadata()));
            if entry.duration_ms.is_none() {
                entry = entry.duration(took);
            }
            if let Some(intent) = open.intent {
                entry = entry.phase(Phase::Result).intent_id(intent);
            }
            inherit(&mut entry, span.parent(), open.opener.as_ref());
            self.write(nested, entry);
        });
    }
}

/// Gives an entry what it does not say itself: from the spans around it, the innermost first; then from the actor.
fn inherit<'a, S: LookupSpan<'a>>(entry: &mut Entry, around: Option<SpanRef<'a, S>>, actor: Option<&Actor>) {
    for span in around.iter().flat_map(SpanRef::scope) {
        if let Some(open) = span.extensions().get::<Open>() {
            open.actor.fill(entry);
        }
    }
    if let Some(actor) = actor {
        actor.fill(entry);
    }
}

/// Whether the marker, if there is one, does not say otherwise.
fn is_wanted(fields: &Fields) -> bool {
    !fields.get(MARKER).is_some_and(|marker| marker.is("false"))
}

/// Gives a span what `#[instrument]` says of its function's result; the fields of any other event come back.
fn tell_span<'a, S: LookupSpan<'a>>(
    around: Option<&SpanRef<'a, S>>,
    event: &Metadata<'_>,
    fields: Fields,
    redactor: &Redactor,
) -> Option<Fields> {
    let mut names = event.fields().iter();
    let only = names.next().filter(|_| names.next().is_none());
    let of_a_result = only.is_some_and(|field| matches!(field.name(), "error" | "return"));
    let Some(span) = around.filter(|span| {
        let span = span.metadata();
        of_a_result && event.target() == span.target() && event.module_path() == span.module_path()
    }) else {
        return Some(fields);
    };
    let mut extensions = span.extensions_mut();
    let Some(open) = extensions.get_mut::<Open>() else {
        return Some(fields);
    };
    open.learn(fields, redactor);
    None
}
