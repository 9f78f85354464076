//! The handle by which inner code adds to the entry of its request.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven::clock::new_id;
use graven::{Actor, Entry, Error, LastingTrail, Scoped, Trail};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::head::Head;
use crate::text::{NAME_BYTES_MAX, Shortened, bounded};

/// The most entries about the same request.
const ALSO_MAX: usize = 8;

/// The most values in a detail.
const VALUES_MAX: usize = 32;

/// The entry of a request while it is served, in the request's extensions: for middleware and handlers that know more
/// than the layer. Cheap to clone. After the end of the answer, changes have no effect.
///
/// ```
/// use axum::extract::Request;
/// use axum::middleware::Next;
/// use axum::response::{IntoResponse, Response};
/// use graven_tower::RequestAudit;
/// use http::StatusCode;
///
/// # fn user_of(_: &Request) -> Option<String> { None }
/// async fn auth(request: Request, next: Next) -> Response {
///     let audit = RequestAudit::of(request.extensions()).expect("inside the audit layer");
///     let Some(user) = user_of(&request) else {
///         audit.set_reason("no such token");
///         return StatusCode::UNAUTHORIZED.into_response();
///     };
///     audit.identify(user, next.run(request)).await
/// }
/// ```
#[derive(Clone)]
pub struct RequestAudit(Arc<Inner>);

struct Inner {
    head: Head,
    request_id: String,
    said: Mutex<Said>,
}

/// What inner code has said of a request.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) actor: Actor,
    pub(crate) route: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) detail: Map<String, Value>,
    /// How many more values there were for the detail.
    pub(crate) left_out: u64,
    /// What was cut for the actor.
    pub(crate) principal: Option<Shortened>,
    pub(crate) user_agent: Option<Shortened>,
    /// The id of the entry before it, once that may be recorded.
    pub(crate) intent_id: Option<String>,
    /// Entries to emit just before the request's own.
    pub(crate) also: Vec<Entry>,
}

impl Said {
    /// Fills the request's own entry: as the actor fills any entry, but with whole texts.
    pub(crate) fn fill(&self, entry: &mut Entry) {
        self.actor.fill(entry);
        if let Some(principal) = &self.principal {
            principal.restore(&mut entry.principal);
        }
        if let (Some(user_agent), Some(source)) = (&self.user_agent, &mut entry.source) {
            user_agent.restore(&mut source.user_agent);
        }
    }
}

impl fmt::Debug for RequestAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestAudit").field("request_id", &self.0.request_id).finish_non_exhaustive()
    }
}

impl RequestAudit {
    pub(crate) fn new(head: Head, request_id: String, said: Said) -> RequestAudit {
        RequestAudit(Arc::new(Inner { head, request_id, said: Mutex::new(said) }))
    }

    /// The one of a request, if it came through an [`AuditLayer`](crate::AuditLayer).
    pub fn of(extensions: &http::Extensions) -> Option<RequestAudit> {
        extensions.get().cloned()
    }

    /// The id of the request: the caller's, or the one that was made.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The trail that the request is recorded in, for further entries.
    pub fn trail(&self) -> Trail {
        self.lasting().now()
    }

    /// Records the intent of the request now, with who asks as it is known by now. For middleware that authenticates: a
    /// request that it refuses has no intent, which any stranger could make the trail write. The request's own entry is
    /// then the result. Does nothing if there is an intent already, or if a rule skips the request.
    ///
    /// # Errors
    /// As [`LastingTrail::record`]: nothing may be done then.
    pub fn begin(&self) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let audit = self.clone();
        async move {
            if audit.head().is_skipped() || audit.said().intent_id.is_some() {
                return Ok(());
            }
            let recorded = audit.lasting().record(audit.intent()).await;
            recorded.map(drop).inspect_err(|error| audit.intent_refused(error))
        }
    }

    /// Adds an entry about the same request, such as the refusal of a token. It is emitted just before the request's own,
    /// and left out when the layer [only counts](crate::AuditLayer::count_strangers) the request. At most 8 for a request.
    pub fn also(&self, entry: Entry) {
        let mut said = self.said();
        if said.also.len() < ALSO_MAX {
            said.also.push(entry);
        }
    }

    /// Sets who asks, and runs what comes next as this principal: the request's entry, and all entries that the future
    /// records, carry it. For middleware that authenticates.
    pub fn identify<F: Future>(&self, principal: impl AsRef<str>, next: F) -> Scoped<F> {
        self.set_principal(principal);
        self.scope(next)
    }

    /// Sets who asks, in the request's own entry only. To change it for what runs inside, see
    /// [`identify`](RequestAudit::identify): there it has at most 512 bytes.
    pub fn set_principal(&self, principal: impl AsRef<str>) {
        let principal = principal.as_ref().to_owned();
        let (short, shortened) = Shortened::of(principal, NAME_BYTES_MAX, || self.trail().redactor());
        self.said().principal = shortened;
        self.update(|actor| actor.principal(short));
    }

    /// Changes the actor in the request's own entry, such as its session or for whom it acts.
    pub fn update(&self, change: impl FnOnce(Actor) -> Actor) {
        let changed = change(self.actor());
        self.said().actor = changed;
    }

    /// Runs a future as the request's actor as it is now.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        self.actor().scope(future)
    }

    /// Who acts, as far as it is known now.
    pub fn actor(&self) -> Actor {
        self.said().actor.clone()
    }

    /// Adds to the detail of the entry: at most 32 values, the first ones to come. If there are more, `left_out` in the
    /// detail says how many. A value has no limit of its own: a detail that does not fit the line is whole in a blob. One
    /// that cannot be written as JSON is replaced by a text that says so.
    pub fn detail(&self, name: impl Into<String>, value: impl Serialize) {
        let value = serde_json::to_value(value)
            .unwrap_or_else(|error| bounded(format!("left out: {error}"), NAME_BYTES_MAX).into());
        let mut said = self.said();
        if said.detail.len() < VALUES_MAX {
            said.detail.insert(bounded(name.into(), NAME_BYTES_MAX), value);
        } else {
            said.left_out += 1;
        }
    }

    /// Sets why it ended as it did, above all why it was denied.
    pub fn set_reason(&self, reason: impl AsRef<str>) {
        self.said().reason = Some(reason.as_ref().to_owned());
    }

    /// Sets which route it is, for a router that the layer does not know. It is too late for rules and for the intent.
    pub fn set_route(&self, template: impl AsRef<str>) {
        self.said().route = Some(template.as_ref().to_owned());
    }

    /// Sets what was touched. The path itself is then in the detail, as `path`.
    pub fn set_resource(&self, resource: impl AsRef<str>) {
        self.said().resource = Some(resource.as_ref().to_owned());
    }

    /// Adds to the detail without its limits, for the layers themselves.
    pub(crate) fn found(&self, name: &str, value: Value) {
        self.said().detail.insert(name.to_owned(), value);
    }

    /// The id for the intent, and its entry. From here on the entry after it names it.
    fn intent(&self) -> Entry {
        let id = new_id(&*self.head().plan.clock);
        let mut said = self.said();
        said.intent_id = Some(id.clone());
        let mut entry = self.head().intent(id);
        said.fill(&mut entry);
        entry
    }

    /// The entry before was refused; whether it may be recorded all the same.
    fn intent_refused(&self, error: &Error) {
        if !error.may_be_recorded() {
            self.said().intent_id = None;
        }
        self.set_reason(format!("the intent could not be recorded: {}", error.chain()));
    }

    pub(crate) fn head(&self) -> &Head {
        &self.0.head
    }

    pub(crate) fn lasting(&self) -> &LastingTrail {
        &self.head().plan.trail
    }

    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
