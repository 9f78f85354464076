//! One request from its head to the end of its answer, and the entry that says so, whatever ends it.

use std::net::IpAddr;
use std::sync::Arc;

use graven::{ABANDONED, Actor, Entry, HasOutcome, Outcome, Phase, Source};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};

use crate::counting::Failed;
use crate::ending;
use crate::head::Head;
use crate::ids;
use crate::plan::Plan;
use crate::request::{RequestAudit, Said};
use crate::text::{NAME_BYTES_MAX, Shortened, USER_AGENT_BYTES_MAX};
use crate::trace_context;

/// The reason of a request whose handler, or whose answer's body, panicked.
const PANICKED: &str = "panicked";

/// A request that is being served. Dropped before its end it is recorded as abandoned, or as panicked.
pub(crate) struct InFlight {
    pub(crate) audit: RequestAudit,
    /// Whether the service's code runs at this moment. If the request is dropped then, that code has panicked.
    pub(crate) working: bool,
    answer: Option<Answer>,
    ended: bool,
}

/// What is known of the answer.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    /// For gRPC: its status, once that was seen.
    grpc: Option<Option<u32>>,
    /// Whether there will be no body, whatever the service gave.
    bodiless: bool,
    /// How many bytes of the body were passed on, and how many there will be, if that is known.
    sent: u64,
    expected: Option<u64>,
}

/// How a request came to its end.
enum End<'a> {
    /// The answer was passed on whole.
    Whole,
    /// Dropped before its end: the client went away, or the server shut down.
    CutOff,
    Panicked,
    /// The service, or the body of its answer, failed.
    Error(&'a str),
}

impl InFlight {
    /// Takes in the head of a request, and puts the handle into its extensions.
    pub(crate) fn new(plan: &Arc<Plan>, parts: &mut Parts) -> InFlight {
        let started = plan.clock.elapsed();
        let request_id = ids::request_id(&parts.headers, &*plan.clock);
        let client = plan.client_of(parts);
        let said = said(plan, parts, &request_id, client);
        let route = plan.route_of(parts);
        let path = path(parts).to_owned();
        let fits = |route| plan.rules.iter().position(|rule| rule.fits(&parts.method, route));
        let rule = route.as_deref().and_then(fits);
        let (plan, method) = (Arc::clone(plan), parts.method.clone());
        let head = Head { plan, started, method, path, route, rule, client };
        let ended = head.is_skipped();
        let audit = RequestAudit::new(head, request_id, said);
        parts.extensions.insert(audit.clone());
        InFlight { audit, working: false, answer: None, ended }
    }

    /// Whether an entry must be durable before the handler runs.
    pub(crate) fn needs_intent(&self) -> bool {
        self.audit.head().needs_intent()
    }

    /// Takes in the head of the answer; `expected` is the size of its body, if that is known.
    pub(crate) fn answered(&mut self, status: StatusCode, headers: &HeaderMap, expected: Option<u64>) {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let method = &self.audit.head().method;
        let bodiless = method == Method::HEAD
            || (method == Method::CONNECT && status.is_success())
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let grpc = ending::is_grpc(headers).then(|| ending::grpc_code(headers));
        self.answer = Some(Answer { status, grpc, bodiless, sent: 0, expected: length.or(expected) });
    }

    /// Some bytes of the body are passed on.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(answer) = &mut self.answer {
            answer.sent += bytes as u64;
        }
    }

    /// Whether the body has as many bytes as it was to have: a server need not ask for its end.
    pub(crate) fn has_sent_all(&self) -> bool {
        let is_all = |answer: &Answer| answer.grpc.is_none() && answer.expected == Some(answer.sent);
        self.answer.as_ref().is_some_and(is_all)
    }

    /// The trailers are passed on.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(Answer { grpc: Some(code), .. }) = &mut self.answer {
            *code = ending::grpc_code(trailers).or(*code);
        }
    }

    /// The answer was passed on whole.
    pub(crate) fn end(mut self) {
        self.record(&End::Whole);
    }

    /// The service, or the body of its answer, failed.
    pub(crate) fn fail(mut self, error: &dyn std::fmt::Display) {
        let error = error.to_string();
        // What inner code gave as the reason stays.
        let said = self.audit.said().reason.clone();
        self.record(&End::Error(said.as_ref().unwrap_or(&error)));
    }

    fn record(&mut self, end: &End<'_>) {
        if std::mem::replace(&mut self.ended, true) || self.is_only_counted(end) {
            return;
        }
        let (audit, entry) = (&self.audit, self.entry(end));
        let also = std::mem::take(&mut audit.said().also);
        for mut also in also {
            audit.actor().fill(&mut also);
            audit.lasting().emit(also);
        }
        audit.lasting().emit(entry);
    }

    /// Whether it has failed, comes from a stranger, and was added to the count of its client.
    fn is_only_counted(&self, end: &End<'_>) -> bool {
        let (audit, head) = (&self.audit, self.audit.head());
        let Some(counting) = &head.plan.counting else { return false };
        let outcome = self.outcome(end);
        let said = audit.said();
        let is_known = said.actor.fields().principal.is_some() || said.intent_id.is_some();
        if is_known || outcome == Outcome::Success {
            return false;
        }
        let action = head.action(said.route.as_deref().or(head.route.as_deref()));
        drop(said);
        // The count of each client keeps it.
        let (action, _whole) = Shortened::of(action, NAME_BYTES_MAX, || audit.trail().redactor());
        counting.counts(Failed {
            client: head.client,
            category: head.category(),
            action,
            service: head.plan.service.clone(),
            outcome,
            status: self.answer.as_ref().map(|answer| answer.status.as_u16()),
        })
    }

    fn entry(&self, end: &End<'_>) -> Entry {
        let head = self.audit.head();
        let said = &mut *self.audit.said();
        let mut detail = std::mem::take(&mut said.detail);
        if said.left_out > 0 {
            detail.insert("left_out".to_owned(), said.left_out.into());
        }
        let route = said.route.as_deref().or(head.route.as_deref());
        let mut entry = Entry::new(head.category(), head.action(route), self.outcome(end)).cut_to_fit();
        entry.resource = Some(head.resource(said.resource.take(), &mut detail));
        entry.reason = said.reason.take().or_else(|| self.reason(end));
        if let Some(intent_id) = &said.intent_id {
            entry = entry.phase(Phase::Result).intent_id(intent_id);
        }
        said.fill(&mut entry);
        let took = head.plan.clock.elapsed().saturating_sub(head.started);
        with_detail(entry.duration(took), self.answer.as_ref(), end, detail)
    }

    fn outcome(&self, end: &End<'_>) -> Outcome {
        let (Some(answer), End::Whole | End::CutOff) = (&self.answer, end) else {
            return Outcome::Failure;
        };
        match (answer.status.outcome(), answer.grpc) {
            (Outcome::Success, Some(code)) => code.map_or(Outcome::Failure, ending::of_grpc),
            (outcome, _) => outcome,
        }
    }

    fn reason(&self, end: &End<'_>) -> Option<String> {
        match end {
            End::Error(error) => Some((*error).to_owned()),
            End::Panicked => Some(PANICKED.to_owned()),
            End::CutOff if self.answer.is_none() => Some(ABANDONED.to_owned()),
            End::Whole | End::CutOff => None,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let end = match &self.answer {
            _ if self.working => End::Panicked,
            // No body is sent, so it is not polled to its end.
            Some(answer) if answer.bodiless => End::Whole,
            _ => End::CutOff,
        };
        self.record(&end);
    }
}

/// Adds the detail: the status, and how the answer ended if not whole.
fn with_detail(
    entry: Entry,
    answer: Option<&Answer>,
    end: &End<'_>,
    mut detail: Map<String, Value>,
) -> Entry {
    let was_cut = !matches!(end, End::Whole);
    let Some(answer) = answer else {
        detail.insert("aborted".to_owned(), true.into());
        return entry.detail(detail);
    };
    let status = answer.status.as_u16();
    if detail.is_empty() && answer.grpc.is_none() && !was_cut {
        return entry.detail_json(&format!("{{\"status\":{status}}}"));
    }
    detail.insert("status".to_owned(), status.into());
    if let Some(code) = answer.grpc.flatten() {
        detail.insert("grpc_status".to_owned(), code.into());
    }
    if was_cut {
        detail.insert("aborted".to_owned(), true.into());
        detail.insert("bytes_sent".to_owned(), answer.sent.into());
    }
    entry.detail(detail)
}

/// The raw path without its query, or the address that a `CONNECT` asks for, without the password in it.
fn path(parts: &Parts) -> &str {
    #[cfg(feature = "axum")]
    let uri = parts.extensions.get().map_or(&parts.uri, |original: &axum::extract::OriginalUri| &original.0);
    #[cfg(not(feature = "axum"))]
    let uri = &parts.uri;
    match uri.authority() {
        Some(authority) if parts.method == Method::CONNECT && uri.path_and_query().is_none() => {
            authority.as_str().rsplit('@').next().unwrap_or_default()
        }
        _ => uri.path(),
    }
}

/// What the head of a request says of who asks.
fn said(plan: &Plan, parts: &Parts, request_id: &str, client: Option<IpAddr>) -> Said {
    let headers = &parts.headers;
    let redactor = || plan.trail.now().redactor();
    let mut said = Said::default();
    let mut actor = Actor::current().unwrap_or_default().request_id(request_id);
    if let Some(principal) = plan.principal_of(parts) {
        let (short, shortened) = Shortened::of(principal, NAME_BYTES_MAX, redactor);
        actor = actor.principal(short);
        said.principal = shortened;
    }
    if let Some(context) = trace_context::of(headers) {
        actor = actor.trace_id(context.trace_id).span_id(context.span_id);
    }
    let user_agent = headers.get(header::USER_AGENT).map(|agent| {
        // What is no UTF-8 becomes `�`.
        let agent = String::from_utf8_lossy(agent.as_bytes()).into_owned();
        let (short, shortened) = Shortened::of(agent, USER_AGENT_BYTES_MAX, redactor);
        said.user_agent = shortened;
        short
    });
    if client.is_some() || user_agent.is_some() || plan.service.is_some() {
        let ip = client.map(|client| client.to_string());
        actor = actor.source(Source { ip, user_agent, service: plan.service.clone(), host: None });
    }
    said.actor = actor;
    said
}
