//! Kubernetes audit events, `audit.k8s.io`.

use graven_core::entry::{Approval, Approver, Category, Decision, Entry, Outcome, Phase, Source};

use crate::event::{http_outcome, ip, milliseconds, reason, set_source, time};
use crate::json::{Json, says, text};

/// The stage at which a request was read and not yet done.
const RECEIVED: &str = "RequestReceived";

/// The annotations of the authoriser.
const DECISION: &str = "authorization.k8s.io/decision";
const DECISION_REASON: &str = "authorization.k8s.io/reason";

/// Whether an object is an audit event.
pub(crate) fn is_event(event: Json<'_>) -> bool {
    let [kind, version, id] = event.fields(["kind", "apiVersion", "auditID"]);
    let is_audit =
        || version.and_then(Json::string).is_some_and(|version| version.starts_with("audit.k8s.io/"));
    says(kind, "Event") && id.is_some() && is_audit()
}

/// The entry of an event, without its detail. In an `EventList` the events lack kind and version.
pub(crate) fn entry(event: Json<'_>) -> Option<Entry> {
    let [id, stage, verb, uri, object] =
        event.fields(["auditID", "stage", "verb", "requestURI", "objectRef"]);
    let [user, other, addresses, program] =
        event.fields(["user", "impersonatedUser", "sourceIPs", "userAgent"]);
    let [status, received, reached, annotations] =
        event.fields(["responseStatus", "requestReceivedTimestamp", "stageTimestamp", "annotations"]);
    let (id, stage, verb) = (text(id)?, text(stage)?, text(verb)?);
    let uri = text(uri);
    let path = uri.as_deref().map(|uri| uri.split('?').next().unwrap_or(uri));
    let [decision, why] = annotations.map_or([None; 2], |all| all.fields([DECISION, DECISION_REASON]));
    let (decision, why) = (decision_of(decision), text(why));
    let mut entry = Entry::new(Category::K8s, action(&verb, object, path), Outcome::Success);
    entry.outcome = outcome(&stage, status, decision);
    match &*stage {
        RECEIVED => entry.phase = Some(Phase::Intent),
        "ResponseComplete" | "Panic" => {
            entry.phase = Some(Phase::Result);
            entry.intent_id = Some(format!("{id}:{RECEIVED}"));
            entry.duration_ms = milliseconds(time(received), time(reached));
        }
        _ => {}
    }
    if !matches!(entry.outcome, Outcome::Success | Outcome::Pending) {
        let [message, short] = status.map_or([None; 2], |status| status.fields(["message", "reason"]));
        let said = text(message).or_else(|| text(short)).or_else(|| why.clone());
        entry.reason = said.and_then(reason);
    }
    entry.approval = decision.map(|decision| {
        Box::new(Approval { by: None, kind: Some(Approver::Rule), rule: why.and_then(reason), decision })
    });
    entry.id = Some(format!("{id}:{stage}"));
    entry.timestamp = time(reached).or_else(|| time(received));
    entry.principal = user.and_then(|user| user.get("username")?.text());
    entry.on_behalf_of.extend(other.and_then(|user| user.get("username")?.text()));
    entry.resource = object.and_then(resource).or_else(|| path.map(str::to_owned));
    entry.request_id = Some(id);
    let first = addresses.and_then(|addresses| addresses.elements().next());
    set_source(
        &mut entry,
        Source { ip: ip(first.and_then(Json::string)), user_agent: text(program), ..Source::default() },
    );
    Some(entry)
}

/// `create deployments.apps/scale`, or `get /healthz` for what is no resource.
fn action(verb: &str, object: Option<Json<'_>>, path: Option<&str>) -> String {
    let [resource, group, part] =
        object.map_or([None; 3], |o| o.fields(["resource", "apiGroup", "subresource"]));
    let Some(mut name) = text(resource) else {
        return format!("{verb} {}", path.unwrap_or_default()).trim_end().to_owned();
    };
    for (mark, more) in [('.', text(group)), ('/', text(part))] {
        name.extend(more.map(|more| format!("{mark}{more}")));
    }
    format!("{verb} {name}")
}

/// `default/pods/web-0`, or `nodes/n1`.
fn resource(object: Json<'_>) -> Option<String> {
    let [space, resource, name] = object.fields(["namespace", "resource", "name"]);
    let parts: Vec<String> = [space, resource, name].into_iter().filter_map(text).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn decision_of(decision: Option<Json<'_>>) -> Option<Decision> {
    if says(decision, "allow") {
        return Some(Decision::Allowed);
    }
    says(decision, "forbid").then_some(Decision::Denied)
}

fn outcome(stage: &str, status: Option<Json<'_>>, decision: Option<Decision>) -> Outcome {
    let code = status.and_then(|status| status.get("code")?.number());
    match (stage, code) {
        (RECEIVED, _) => Outcome::Pending,
        (_, Some(code)) if http_outcome(code) != Outcome::Success => http_outcome(code),
        _ if decision == Some(Decision::Denied) => Outcome::Denied,
        ("Panic", _) => Outcome::Failure,
        _ if says(status.and_then(|status| status.get("status")), "Failure") => Outcome::Failure,
        _ => Outcome::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_authoriser_forbids_is_denied_without_a_status() {
        for (stage, decision, expected) in [
            ("ResponseComplete", Some(Decision::Denied), Outcome::Denied),
            ("ResponseComplete", Some(Decision::Allowed), Outcome::Success),
            ("Panic", Some(Decision::Denied), Outcome::Denied),
            ("Panic", None, Outcome::Failure),
            (RECEIVED, Some(Decision::Denied), Outcome::Pending),
        ] {
            assert_eq!(outcome(stage, None, decision), expected, "{stage} {decision:?}");
        }
    }
}
