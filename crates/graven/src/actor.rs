//! Who acts, and for whom: set once, then copied into every entry that is recorded within.
//!
//! An [`Actor`] holds for a piece of work: a future ([`Actor::scope`]), or a call on this thread ([`Actor::enter`]).
//! Entries that are recorded meanwhile get the fields of the actor that they do not set themselves. Spawned tasks and
//! threads are other work: [`Actor::carry`] and [`Actor::carry_fn`] pass the actor on to them.

mod scope;

use std::sync::Arc;

use graven_core::entry::{Agent, Entry, Source};

pub use scope::Scoped;

/// Who acts, for whom, and in which session, request and trace. Cheap to clone.
///
/// Every field is optional; `Actor::default()` has none. An entry takes a field from the actor only when it has not set
/// that field itself, at the moment when `record`, `record_batch`, `emit` or `begin` is called.
///
/// ```
/// use graven::{Actor, Category, Entry, Outcome, Settings, Trail};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
/// let alice = Actor::new("alice@example.com").session_id("s-1").request_id("r-7");
/// alice.enter(|| trail.record_blocking(Entry::new(Category::Auth, "login", Outcome::Success)))?;
///
/// let entry = trail.recent(1).remove(0);
/// assert_eq!(entry.principal.as_deref(), Some("alice@example.com"));
/// assert_eq!(entry.request_id.as_deref(), Some("r-7"));
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor(Arc<ActorFields>);

/// The fields of an [`Actor`]: who acted, and what the action belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorFields {
    /// Who acts.
    pub principal: Option<String>,
    /// For whom, innermost first. An entry with more than eight is refused when it is recorded.
    pub on_behalf_of: Vec<String>,
    /// The agent that acts.
    pub agent: Option<Agent>,
    /// Where the request came from.
    pub source: Option<Source>,
    /// The id of the objective that is served.
    pub okr_id: Option<String>,
    /// The id of the run of that objective.
    pub okr_run_id: Option<String>,
    /// The id of the relay that the request came through.
    pub relay_id: Option<String>,
    /// The id of the session.
    pub session_id: Option<String>,
    /// The id of the trace.
    pub trace_id: Option<String>,
    /// The id of the span.
    pub span_id: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl Actor {
    /// An actor with this principal.
    pub fn new(principal: impl Into<String>) -> Actor {
        Actor::default().principal(principal)
    }

    /// The fields.
    pub fn fields(&self) -> &ActorFields {
        &self.0
    }

    /// Adds a principal for whom it acts, after those added before: innermost first. At most eight.
    #[must_use]
    pub fn on_behalf_of(mut self, principal: impl Into<String>) -> Actor {
        self.edit().on_behalf_of.push(principal.into());
        self
    }

    /// Sets the agent that acts.
    #[must_use]
    pub fn agent(mut self, agent: Agent) -> Actor {
        self.edit().agent = Some(agent);
        self
    }

    /// Sets where the request came from.
    #[must_use]
    pub fn source(mut self, source: Source) -> Actor {
        self.edit().source = Some(source);
        self
    }

    /// Sets each field that the entry does not set itself. Recording does this with the current actor.
    pub fn fill(&self, entry: &mut Entry) {
        let ActorFields {
            principal,
            on_behalf_of,
            agent,
            source,
            okr_id,
            okr_run_id,
            relay_id,
            session_id,
            trace_id,
            span_id,
            request_id,
        } = &*self.0;
        // A span means nothing outside its own trace.
        let same_trace = entry.trace_id.is_none() || entry.trace_id == *trace_id;
        let missing = |field: &mut Option<String>, ours: &Option<String>| {
            if field.is_none() {
                field.clone_from(ours);
            }
        };
        missing(&mut entry.principal, principal);
        missing(&mut entry.okr_id, okr_id);
        missing(&mut entry.okr_run_id, okr_run_id);
        missing(&mut entry.relay_id, relay_id);
        missing(&mut entry.session_id, session_id);
        missing(&mut entry.trace_id, trace_id);
        missing(&mut entry.request_id, request_id);
        if same_trace {
            missing(&mut entry.span_id, span_id);
        }
        if entry.on_behalf_of.is_empty() {
            entry.on_behalf_of.clone_from(on_behalf_of);
        }
        if entry.source.is_none() {
            entry.source = source.clone().map(Box::new);
        }
        if entry.agent.is_none() {
            entry.agent = agent.clone().map(Box::new);
        }
    }

    fn edit(&mut self) -> &mut ActorFields {
        Arc::make_mut(&mut self.0)
    }
}

/// The setters that differ only in their name.
macro_rules! text_setters {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        impl Actor {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $field(mut self, $field: impl Into<String>) -> Actor {
                    self.edit().$field = Some($field.into());
                    self
                }
            )*
        }
    };
}

text_setters! {
    /// Sets who acts.
    principal,
    /// Sets the id of the objective that is served.
    okr_id,
    /// Sets the id of the run of that objective.
    okr_run_id,
    /// Sets the id of the relay that the request came through.
    relay_id,
    /// Sets the id of the session.
    session_id,
    /// Sets the id of the trace.
    trace_id,
    /// Sets the id of the span.
    span_id,
    /// Sets the id of the request.
    request_id,
}

/// Fills an entry from the current actor, if there is one.
pub(crate) fn fill(entry: &mut Entry) {
    scope::with_current(|actor| actor.fill(entry));
}
