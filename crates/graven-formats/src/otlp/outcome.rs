//! How what a record tells has ended: done, failed, or not allowed.

use graven_core::entry::{Approval, Approver, Category, Decision, Entry, Outcome};

use super::record::{Attributes, Record};
use crate::event::{http_outcome, reason};
use crate::json::{Json, says, text};

const HTTP_STATUS: &[&str] = &["http.response.status_code", "http.status_code", "status_code"];
const RPC_STATUS: &[&str] =
    &["rpc.response.status_code", "rpc.grpc.status_code", "rpc.connect_rpc.error_code"];
const ERROR: &[&str] = &["error.type", "error_type", "exception.type"];
const MESSAGES: &[&str] = &["error.message", "exception.message", "error", "error_message"];

/// Attributes with which programs say themselves how it ended.
const SAID: &[&str] = &["outcome", "event.outcome"];

/// What the type of an error contains that says: not allowed. Compared in lower case, without `_`, `-`, `.` and blanks.
const DENIED: &[&str] = &["accessdenied", "forbidden", "permissiondenied", "unauthenticated", "unauthorized"];

/// Codes of gRPC: by name, and by number.
const RPC_DENIED: &[&str] =
    &["PERMISSION_DENIED", "7", "UNAUTHENTICATED", "16", "permission_denied", "unauthenticated"];
const RPC_OK: &[&str] = &["OK", "0", "ok"];

/// Decisions against a call of a tool, and for it.
const REFUSALS: &[&str] = &["reject", "rejected", "deny", "denied", "abort", "cancel"];

/// From this number on a log record tells of an error.
const SEVERITY_ERROR: i64 = 17;

/// Sets the outcome, and what there is to say of it.
pub(super) fn set(entry: &mut Entry, record: &Record<'_>) {
    entry.outcome = outcome(record);
    // Elsewhere a decision can be anything, such as that of a bank.
    let is_tools = entry.category == Category::ToolExecution;
    if let Some(approval) = approval(&record.attributes).filter(|_| is_tools) {
        if approval.decision == Decision::Denied {
            entry.outcome = Outcome::Denied;
        }
        entry.approval = Some(Box::new(approval));
    }
    if entry.outcome != Outcome::Success {
        entry.reason = why(record);
    }
}

fn outcome(record: &Record<'_>) -> Outcome {
    let (attributes, severity) = (&record.attributes, record.severity);
    let code = record.status.and_then(|status| status.get("code"));
    let error = attributes.text(ERROR);
    let http = attributes.get(HTTP_STATUS).and_then(Json::number).map_or(Outcome::Success, http_outcome);
    let rpc = attributes.text(RPC_STATUS);
    let said = attributes.get(SAID);
    let is_denied = http == Outcome::Denied
        || says(said, Outcome::Denied.as_str())
        || rpc.as_deref().is_some_and(|code| RPC_DENIED.contains(&code))
        || error.as_deref().is_some_and(is_denial);
    if is_denied {
        return Outcome::Denied;
    }
    let success =
        attributes.get(&["success"]).map(|success| success.raw() == "false" || says(Some(success), "false"));
    let has_failed = http == Outcome::Failure
        || says(said, Outcome::Failure.as_str())
        || rpc.as_deref().is_some_and(|code| !RPC_OK.contains(&code))
        || error.is_some()
        || success == Some(true)
        || attributes.get(&["error"]).is_some_and(Json::is_true)
        || code.and_then(Json::number) == Some(2)
        || says(code, "STATUS_CODE_ERROR")
        || severity.and_then(Json::number).is_some_and(|number| number >= SEVERITY_ERROR)
        || severity.and_then(Json::string).is_some_and(|name| is_error_name(&name));
    if has_failed { Outcome::Failure } else { Outcome::Success }
}

/// Whether the type of an error says that something was not allowed.
fn is_denial(error: &str) -> bool {
    let plain: String =
        error.to_ascii_lowercase().chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).collect();
    matches!(&*plain, "401" | "403") || DENIED.iter().any(|part| plain.contains(part))
}

/// The names of severities in JSON that are errors, as in `SEVERITY_NUMBER_ERROR2`.
fn is_error_name(name: &str) -> bool {
    ["SEVERITY_NUMBER_ERROR", "SEVERITY_NUMBER_FATAL"].iter().any(|start| name.starts_with(start))
}

/// Whether a call of a tool was allowed, and by whom.
fn approval(attributes: &Attributes<'_>) -> Option<Approval> {
    let decision = attributes.text(&["decision", "decision_type"])?;
    let source = attributes.text(&["source", "decision_source"]);
    let is_refused = REFUSALS.contains(&&*decision.to_ascii_lowercase());
    let by_person = source.as_ref().is_some_and(|source| source.to_ascii_lowercase().starts_with("user"));
    let kind = source.is_some().then_some(if by_person { Approver::Human } else { Approver::Rule });
    let decision = if is_refused { Decision::Denied } else { Decision::Allowed };
    Some(Approval { by: None, kind, rule: source, decision })
}

/// Why it did not succeed.
fn why(record: &Record<'_>) -> Option<String> {
    let attributes = &record.attributes;
    let message = record.status.and_then(|status| status.get("message")?.text());
    let said = message.or_else(|| attributes.text(MESSAGES)).or_else(|| attributes.text(ERROR));
    // A coding agent writes the name of the event there.
    let name = attributes.text(&["event.name"]);
    let is_said = |body: &String| name.as_ref().is_none_or(|name| !body.ends_with(name));
    said.or_else(|| text(record.body).filter(is_said)).and_then(reason)
}
