//! The audit log of GitHub, as it is exported, streamed and answered by the API.

use graven_core::entry::{Agent, Category, Entry, Outcome, Source};

use crate::event::{http_outcome, ip, reason, set_source, time};
use crate::json::{Json, says, text};

/// Groups of actions that are about who may do what.
const AUTH: &[&str] = &[
    "auto_approve_personal_access_token_requests",
    "external_identity",
    "ip_allow_list",
    "ip_allow_list_entry",
    "membership",
    "oauth_access",
    "oauth_application",
    "oauth_authorization",
    "org_credential_authorization",
    "passkey",
    "personal_access_token",
    "public_key",
    "role",
    "team",
    "two_factor_authentication",
    "user_session",
];

/// Whether an object is an event.
pub(crate) fn is_event(event: Json<'_>) -> bool {
    let [action, at, created, id, actor] =
        event.fields(["action", "@timestamp", "created_at", "_document_id", "actor"]);
    let is_action = action.and_then(Json::string).is_some_and(|action| action.contains('.'));
    is_action && (at.is_some() || created.is_some()) && (id.is_some() || actor.is_some())
}

/// The entry of an event, without its detail.
pub(crate) fn entry(event: Json<'_>) -> Option<Entry> {
    let [action, at, created, id, actor, address, program] = event.fields([
        "action",
        "@timestamp",
        "created_at",
        "_document_id",
        "actor",
        "actor_ip",
        "user_agent",
    ]);
    let [repository, team, user, organisation, business] =
        event.fields(["repo", "team", "user", "org", "business"]);
    let [kind, status, why, explanation, request] =
        event.fields(["operation_type", "status_code", "reason", "explanation", "request_id"]);
    let [is_agent, session] = event.fields(["actor_is_agent", "agent_session_id"]);
    let (action, actor) = (text(action)?, text(actor));
    let is_auth =
        says(kind, "authentication") || AUTH.contains(&action.split('.').next().unwrap_or_default());
    let category = if is_auth { Category::Auth } else { Category::Api };
    let mut entry = Entry::new(category, &action, outcome(&action, status.and_then(Json::number)));
    if entry.outcome != Outcome::Success {
        entry.reason = text(why).or_else(|| text(explanation)).and_then(reason);
    }
    entry.id = text(id);
    entry.timestamp = time(at).or_else(|| time(created));
    let user = text(user).filter(|user| Some(user) != actor.as_ref());
    entry.resource = text(repository)
        .or_else(|| text(team))
        .or(user)
        .or_else(|| text(organisation))
        .or_else(|| text(business));
    entry.session_id = text(session);
    entry.request_id = text(request);
    if is_agent.is_some_and(Json::is_true) {
        entry.agent = Some(Box::new(Agent { id: actor.clone(), ..Agent::default() }));
    }
    entry.principal = actor;
    set_source(
        &mut entry,
        Source { ip: ip(address.and_then(Json::string)), user_agent: text(program), ..Source::default() },
    );
    Some(entry)
}

/// GitHub writes no outcome: the name of the action tells it, and the status of a request to the API.
fn outcome(action: &str, status: Option<i64>) -> Outcome {
    let what = action.rsplit('.').next().unwrap_or(action);
    let is = |word: &str| what.split('_').any(|part| part == word);
    if what == "failed_login" || is("rejected") || is("denied") {
        Outcome::Denied
    } else if is("failed") || is("failure") || is("error") {
        Outcome::Failure
    } else {
        status.map_or(Outcome::Success, http_outcome)
    }
}
