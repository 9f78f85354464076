//! Transcripts of Claude Code: what was asked, what the model said, and each call of a tool with its result.
//!
//! Nobody has published the format. What is read here is the same in versions 1 and 2.

use std::borrow::Cow;

use graven_core::entry::{Agent, Approval, Approver, Category, Decision, Entry, Outcome, Phase};

use crate::event::{reason, time};
use crate::json::{Json, says, text};
use crate::tools::Tools;

/// What the agent calls itself in entries.
const AGENT: &str = "claude-code";

/// How far into a result the words are looked for that say why it was refused: behind that a tool may say anything.
const SAID_BYTES: usize = 200;

/// Words with which a person refused a call, and with which a rule did. Compared in lower case.
const REFUSED_BY_PERSON: &[&str] = &["user doesn't want to", "user rejected"];
const REFUSED_BY_RULE: &[&str] =
    &["has been denied", "hook returned blocking error", "requested permissions", "blocked by hook"];

/// Whether an object is a line of a transcript for certain: other programs write `type` and `sessionId` as well.
pub(crate) fn is_event(line: Json<'_>) -> bool {
    let [kind, message] = line.fields(["type", "messageId"]);
    let is_snapshot = says(kind, "file-history-snapshot") && message.is_some();
    // The first line has no parent: it is `null`.
    let has = |name: &str| line.members().any(|(key, _)| key == name);
    kind.is_some() && (is_snapshot || has("leafUuid") || has("parentUuid") && has("sessionId"))
}

/// Whether it can be one.
fn is_line(line: Json<'_>) -> bool {
    let [session, id] = line.fields(["sessionId", "uuid"]);
    is_event(line) || session.is_some() || id.is_some()
}

/// The entries of a line, without the detail of the first.
pub(crate) fn entries(line: Json<'_>, tools: &mut Tools, entries: &mut Vec<Entry>) {
    let [kind, message] = line.fields(["type", "message"]);
    let Some(kind) = text(kind).filter(|_| is_line(line)) else { return };
    let content = message.and_then(|message| message.get("content"));
    for block in content.into_iter().flat_map(Json::elements) {
        let entry = match block.get("type").and_then(Json::string).as_deref() {
            Some("tool_use") => call(line, block, tools),
            Some("tool_result") => result(line, block, tools),
            _ => continue,
        };
        // The detail of the first is the whole line.
        entries.push(if entries.is_empty() { entry } else { entry.detail_json(block.raw()) });
    }
    if entries.is_empty() {
        entries.push(other(line, &kind));
    }
}

/// An entry with what every line says.
fn begin(line: Json<'_>, category: Category, action: &str, outcome: Outcome) -> Entry {
    let [at, session, request] = line.fields(["timestamp", "sessionId", "requestId"]);
    let mut entry = Entry::new(category, action, outcome);
    entry.timestamp = time(at);
    entry.session_id = text(session);
    entry.request_id = text(request);
    entry
}

fn agent(line: Json<'_>) -> Agent {
    let [version, instance] = line.fields(["version", "agentId"]);
    let model = line.at(&["message", "model"]).and_then(Json::text);
    Agent { id: Some(AGENT.to_owned()), instance: text(instance), model, version: text(version) }
}

fn call(line: Json<'_>, block: Json<'_>, tools: &mut Tools) -> Entry {
    let [id, name, input] = block.fields(["id", "name", "input"]);
    let action = format!("tool:{}", text(name).unwrap_or_else(|| "unknown".to_owned()));
    let mut entry = begin(line, Category::ToolExecution, &action, Outcome::Pending).phase(Phase::Intent);
    let touched =
        input.map_or([None; 4], |input| input.fields(["file_path", "notebook_path", "path", "url"]));
    entry.resource = touched.into_iter().find_map(text);
    entry.agent = Some(Box::new(agent(line)));
    entry.id = text(id);
    if let Some(id) = &entry.id {
        tools.begin(id, &action);
    }
    entry
}

fn result(line: Json<'_>, block: Json<'_>, tools: &Tools) -> Entry {
    let [id, is_error, content] = block.fields(["tool_use_id", "is_error", "content"]);
    let id = text(id);
    let action = id.as_deref().and_then(|id| tools.action(id)).unwrap_or("tool:unknown");
    let said = said(content);
    let mut entry = begin(line, Category::ToolExecution, action, Outcome::Success).phase(Phase::Result);
    if is_error.is_some_and(Json::is_true) {
        let refused = refused(&said);
        entry.outcome = if refused.is_some() { Outcome::Denied } else { Outcome::Failure };
        entry.approval = refused.map(|kind| Box::new(Approval::new(Decision::Denied).kind(kind)));
        entry.reason = reason(&said);
    }
    let more = line.get("toolUseResult");
    let took = more.map_or([None; 2], |more| more.fields(["durationMs", "totalDurationMs"]));
    entry.duration_ms =
        took.into_iter().flatten().find_map(Json::number).and_then(|took| took.try_into().ok());
    entry.agent = Some(Box::new(agent(line)));
    entry.id = id.as_ref().map(|id| format!("{id}:result"));
    entry.intent_id = id;
    entry
}

/// The text of a result: it is a string, or stands in blocks.
fn said(content: Option<Json<'_>>) -> String {
    let Some(content) = content else { return String::new() };
    let block = |block: Json<'_>| block.get("text").and_then(Json::text);
    content.text().or_else(|| content.elements().find_map(block)).unwrap_or_default()
}

/// Who has refused a call, if that is why it failed.
fn refused(said: &str) -> Option<Approver> {
    let start = said[..said.floor_char_boundary(SAID_BYTES)].to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| start.contains(words));
    if says(REFUSED_BY_PERSON) {
        return Some(Approver::Human);
    }
    says(REFUSED_BY_RULE).then_some(Approver::Rule)
}

/// A line without tools.
fn other(line: Json<'_>, kind: &str) -> Entry {
    let [id, subtype, level, took, is_meta] =
        line.fields(["uuid", "subtype", "level", "durationMs", "isMeta"]);
    let part = subtype.or_else(|| line.at(&["attachment", "type"])).and_then(Json::string);
    let action: Cow<'_, str> = match (kind, part) {
        ("user", _) if !is_meta.is_some_and(Json::is_true) => "prompt".into(),
        ("assistant", _) => "message".into(),
        (kind, Some(part)) => format!("{kind}:{part}").into(),
        (kind, None) => kind.into(),
    };
    let is_said = kind == "assistant";
    let failed = says(level, "error")
        || action.contains("error")
        || line.get("isApiErrorMessage").is_some_and(Json::is_true);
    let category = if is_said { Category::Cognition } else { Category::Session };
    let mut entry = begin(line, category, &action, if failed { Outcome::Failure } else { Outcome::Success });
    entry.id = text(id);
    entry.duration_ms = took.and_then(Json::number).and_then(|took| took.try_into().ok());
    entry.agent = is_said.then(|| Box::new(agent(line)));
    entry
}
