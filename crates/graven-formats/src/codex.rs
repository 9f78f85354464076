//! Transcripts of Codex (`rollout-….jsonl`): what was asked, what the model said, and each call of a tool with its result.

use std::time::Duration;

use graven_core::entry::{Agent, Approval, Approver, Category, Decision, Detail, Entry, Outcome, Phase};

use crate::event::{reason, time};
use crate::json::{Json, says, text};
use crate::tools::Tools;

/// What the agent calls itself in entries.
const AGENT: &str = "codex";

/// The kinds of lines.
const KINDS: [&str; 5] = ["session_meta", "turn_context", "response_item", "event_msg", "compacted"];

/// How far into a result the words are looked for that say how it ended: behind that a tool may say anything.
const SAID_BYTES: usize = 200;

/// Whether an object is a line of a transcript.
pub(crate) fn is_event(line: Json<'_>) -> bool {
    let [kind, payload] = line.fields(["type", "payload"]);
    payload.is_some_and(Json::is_object) && KINDS.iter().any(|known| says(kind, known))
}

/// The entry of a line, without its detail.
pub(crate) fn entry(line: Json<'_>, tools: &mut Tools) -> Option<Entry> {
    let [kind, payload, at] = line.fields(["type", "payload", "timestamp"]);
    let payload = payload.filter(|payload| payload.is_object())?;
    let kind = text(kind)?;
    let mut entry = match &*kind {
        "session_meta" => session(payload, tools),
        "turn_context" => {
            tools.agent.model = payload.get("model").and_then(Json::text).or(tools.agent.model.take());
            Entry::new(Category::Session, "turn", Outcome::Success)
        }
        "response_item" => item(payload, tools)?,
        "event_msg" => event(payload)?,
        kind => Entry::new(Category::Session, kind, Outcome::Success),
    };
    entry.timestamp = time(at);
    entry.session_id = tools.session.clone();
    let is_said = matches!(entry.category, Category::ToolExecution | Category::Cognition);
    entry.agent = is_said.then(|| Box::new(Agent { id: Some(AGENT.to_owned()), ..tools.agent.clone() }));
    Some(entry)
}

fn session(payload: Json<'_>, tools: &mut Tools) -> Entry {
    let [id, version] = payload.fields(["id", "cli_version"]);
    tools.session = text(id);
    tools.agent.version = text(version);
    let mut entry = Entry::new(Category::Session, "session:start", Outcome::Success);
    entry.resource = payload.get("cwd").and_then(Json::text);
    entry
}

/// Something that went to the model or came from it.
fn item(payload: Json<'_>, tools: &mut Tools) -> Option<Entry> {
    let [kind, role, call] = payload.fields(["type", "role", "call_id"]);
    let (kind, call) = (text(kind)?, text(call));
    if kind.ends_with("_call_output") {
        return Some(result(payload, call, tools));
    }
    if let Some(tool) = kind.strip_suffix("_call") {
        let name = payload.get("name").and_then(Json::text);
        let tool = tool.strip_prefix("local_").unwrap_or(tool);
        let action = format!("tool:{}", name.as_deref().unwrap_or(tool));
        // One without an id has no result either: the line says that it was done.
        let Some(call) = call else {
            return Some(Entry::new(Category::ToolExecution, action, Outcome::Success));
        };
        tools.begin(&call, &action);
        return Some(Entry::intent(Category::ToolExecution, action).id(call));
    }
    Some(match (&*kind, role.and_then(Json::string).as_deref()) {
        ("message", Some("assistant")) => Entry::new(Category::Cognition, "message", Outcome::Success),
        ("message", Some("user")) => Entry::new(Category::Session, "prompt", Outcome::Success),
        ("message", Some(role)) => Entry::new(Category::Session, format!("message:{role}"), Outcome::Success),
        (kind, _) => Entry::new(Category::Cognition, kind, Outcome::Success),
    })
}

fn result(payload: Json<'_>, call: Option<String>, tools: &Tools) -> Entry {
    let action = call.as_deref().and_then(|call| tools.action(call)).unwrap_or("tool:unknown");
    let mut entry = Entry::new(Category::ToolExecution, action, Outcome::Success).phase(Phase::Result);
    let output = payload.get("output");
    // It may be JSON in a string.
    let inner = output.and_then(Json::string).and_then(|text| Detail::parse(&text).ok());
    let output = inner.as_ref().map(Json::of).filter(|inner| inner.is_object()).or(output);
    let [code, took] = output
        .and_then(|output| output.get("metadata"))
        .map_or([None; 2], |m| m.fields(["exit_code", "duration_seconds"]));
    let told = output.map_or([None; 2], |output| output.fields(["output", "content"]));
    let said = told.into_iter().find_map(text).or_else(|| text(output)).unwrap_or_default();
    let start = &said[..said.floor_char_boundary(SAID_BYTES)];
    let failed = code.and_then(Json::number).or_else(|| exit_code(start)).is_some_and(|code| code != 0)
        || output.and_then(|output| output.get("success")).is_some_and(|success| success.raw() == "false");
    if start.contains("rejected by user") {
        entry.outcome = Outcome::Denied;
        entry.approval = Some(Box::new(Approval::new(Decision::Denied).kind(Approver::Human)));
    } else if failed {
        entry.outcome = Outcome::Failure;
    }
    entry.reason = if entry.outcome == Outcome::Success { None } else { reason(&said) };
    let took = took.and_then(|took| Duration::try_from_secs_f64(took.raw().parse().ok()?).ok());
    if let Some(took) = took {
        entry = entry.duration(took);
    }
    entry.id = call.as_ref().map(|call| format!("{call}:result"));
    entry.intent_id = call;
    entry
}

/// The exit code that a result in words begins with.
fn exit_code(said: &str) -> Option<i64> {
    let marks = ["Exit code: ", "Process exited with code "];
    let (_, behind) = marks.iter().find_map(|mark| said.split_once(mark))?;
    let end = behind.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(behind.len());
    behind[..end].parse().ok()
}

/// Something that the program showed or noted.
fn event(payload: Json<'_>) -> Option<Entry> {
    let [kind, code] = payload.fields(["type", "exit_code"]);
    let kind = text(kind)?;
    let failed = kind.contains("error")
        || kind.contains("aborted")
        || code.and_then(Json::number).is_some_and(|code| code != 0);
    let outcome = if failed { Outcome::Failure } else { Outcome::Success };
    let mut entry = Entry::new(Category::Session, format!("event:{kind}"), outcome);
    if failed {
        let [message, why] = payload.fields(["message", "reason"]);
        entry.reason = text(message).or_else(|| text(why)).and_then(reason);
    }
    Some(entry)
}
