//! The audit device of Vault and OpenBao: one object before an operation, and one behind it.

use graven_core::entry::{Approval, Approver, Category, Decision, Entry, Outcome, Phase, Source};

use crate::event::{ip, reason, set_source, time};
use crate::json::{Json, says, text};

/// What an error contains that says: not allowed. Compared in lower case.
const DENIED: &[&str] = &[
    "permission denied",
    "unauthorized",
    "invalid token",
    "bad token",
    "missing client token",
    "invalid username",
];

/// Whether an object is a line of an audit device.
pub(crate) fn is_event(event: Json<'_>) -> bool {
    let [kind, request, time] = event.fields(["type", "request", "time"]);
    let is_kind = says(kind, "request") || says(kind, "response");
    is_kind && time.is_some() && request.is_some_and(|request| request.get("operation").is_some())
}

/// The entry of an object, without its detail.
pub(crate) fn entry(event: Json<'_>) -> Option<Entry> {
    let [kind, at, auth, request, response, error] =
        event.fields(["type", "time", "auth", "request", "response", "error"]);
    let (kind, request, error) = (text(kind)?, request?, text(error));
    let [id, operation, path, address, headers] =
        request.fields(["id", "operation", "path", "remote_address", "headers"]);
    let (id, operation, path) = (text(id), text(operation)?, text(path).unwrap_or_default());
    // A login answers with the identity that it gives.
    let auth = auth.or_else(|| response.and_then(|response| response.get("auth")));
    let [name, entity, accessor, results] = auth
        .map_or([None; 4], |auth| auth.fields(["display_name", "entity_id", "accessor", "policy_results"]));
    let is_allowed = results.and_then(|results| results.get("allowed")).map(Json::is_true);
    let mut entry = Entry::new(category(&path), format!("vault:{operation}"), Outcome::Success);
    entry.outcome = outcome(error.as_deref(), is_allowed);
    match (&*kind, entry.outcome) {
        ("request", Outcome::Success) => {
            (entry.outcome, entry.phase) = (Outcome::Pending, Some(Phase::Intent));
        }
        ("response", _) => {
            entry.phase = Some(Phase::Result);
            entry.intent_id = id.as_ref().map(|id| format!("{id}:request"));
        }
        // Refused before it began; the response says so once more.
        _ => {}
    }
    entry.reason = error.and_then(reason);
    entry.approval = is_allowed.map(|is_allowed| Box::new(approval(is_allowed, results)));
    entry.id = id.as_ref().map(|id| format!("{id}:{kind}"));
    entry.timestamp = time(at);
    entry.principal = text(name).or_else(|| text(entity));
    entry.session_id = text(accessor);
    entry.request_id = id;
    let space = request.at(&["namespace", "path"]).and_then(Json::text).unwrap_or_default();
    entry.resource = Some(format!("{space}{path}")).filter(|resource| !resource.is_empty());
    let program = headers.and_then(|headers| headers.get("user-agent")?.elements().next());
    set_source(
        &mut entry,
        Source { ip: ip(address.and_then(Json::string)), user_agent: text(program), ..Source::default() },
    );
    Some(entry)
}

fn category(path: &str) -> Category {
    match path.split('/').next() {
        Some("auth" | "identity") => Category::Auth,
        Some("sys") => Category::Config,
        _ => Category::Api,
    }
}

fn outcome(error: Option<&str>, is_allowed: Option<bool>) -> Outcome {
    let error = error.map(str::to_ascii_lowercase);
    match error {
        Some(error) if DENIED.iter().any(|part| error.contains(part)) => Outcome::Denied,
        _ if is_allowed == Some(false) => Outcome::Denied,
        Some(_) => Outcome::Failure,
        None => Outcome::Success,
    }
}

/// What the policies have decided.
fn approval(is_allowed: bool, results: Option<Json<'_>>) -> Approval {
    let policies = results.and_then(|results| results.get("granting_policies"));
    let first =
        policies.and_then(|policies| policies.elements().find_map(|policy| policy.get("name")?.text()));
    let decision = if is_allowed { Decision::Allowed } else { Decision::Denied };
    Approval { by: None, kind: Some(Approver::Rule), rule: first, decision }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_or_a_policy_alone_is_enough_to_be_denied() {
        for error in [
            "1 error occurred:\n\t* permission denied",
            "2 errors occurred:\n\t* Permission denied\n\t* invalid token",
            "bad token",
            "missing client token",
            "invalid username or password",
            "Unauthorized",
        ] {
            assert_eq!(outcome(Some(error), None), Outcome::Denied, "{error}");
        }
        assert_eq!(outcome(None, Some(false)), Outcome::Denied);
        assert_eq!(outcome(Some("no handler for route"), None), Outcome::Failure);
        assert_eq!(outcome(None, Some(true)), Outcome::Success);
        assert_eq!(outcome(Some("* permission denied"), Some(true)), Outcome::Denied);
    }
}
