//! What the semantic conventions of OpenTelemetry say of a record: generative AI and MCP from 1.37 to 0.1.0 of their own
//! repository, HTTP, RPC and databases in their old and their stable names, and the events of coding agents.
//!
//! Names of attributes stand in lists, of which the first that a record has counts: newer before older.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use graven_core::entry::{Agent, Category, Entry, Outcome, Source};

use super::record::{Attributes, Record};
use super::{Signal, outcome};
use crate::event::{category, ip, milliseconds, set_source};
use crate::json::{Json, text};

const SERVICE: &[&str] = &["service.name"];
const HOST: &[&str] = &["host.name"];
const PRINCIPAL: &[&str] = &[
    "enduser.id",
    "user.email",
    "user.name",
    "user.id",
    "user.account_uuid",
    "user.account_id",
    "enduser.pseudo.id",
];
const SESSION: &[&str] = &["session.id", "gen_ai.conversation.id", "conversation.id", "mcp.session.id"];
const REQUEST: &[&str] = &[
    "gen_ai.tool.call.id",
    "tool_use_id",
    "call_id",
    "jsonrpc.request.id",
    "rpc.jsonrpc.request_id",
    "gen_ai.response.id",
    "request_id",
    "aws.request_id",
];
const RESOURCE: &[&str] = &[
    "mcp.resource.uri",
    "gen_ai.data_source.id",
    "file.path",
    "url.full",
    "http.url",
    "url.path",
    "http.target",
    "db.collection.name",
    "db.sql.table",
    "db.namespace",
    "db.name",
    "messaging.destination.name",
    "server.address",
];
const ADDRESS: &[&str] =
    &["client.address", "http.client_ip", "network.peer.address", "net.sock.peer.addr", "net.peer.ip"];
const PROGRAM: &[&str] = &["user_agent.original", "http.user_agent"];
const AGENT: &[&str] = &["gen_ai.agent.name", "gen_ai.agent.id"];
const MODEL: &[&str] = &["gen_ai.request.model", "gen_ai.response.model", "model"];
const TOOL: &[&str] = &["gen_ai.tool.name", "tool_name", "function_name", "mcp.tool.name"];
const OPERATION: &[&str] = &["gen_ai.operation.name"];
const MCP: &[&str] = &["mcp.method.name"];
const HTTP: &[&str] = &["http.request.method", "http.method"];
const PATH: &[&str] = &["http.route", "url.path", "http.target"];
const RPC: &[&str] = &["rpc.method"];
const RPC_SERVICE: &[&str] = &["rpc.service"];
const VERSION: &[&str] = &["gen_ai.agent.version", "app.version", "service.version"];
const DURATION: &[&str] = &["duration_ms"];

/// How the events of coding agents begin, and what these are called in entries.
const CODING_AGENTS: [(&str, &str); 3] =
    [("claude_code.", "claude-code"), ("codex.", "codex"), ("gemini_cli.", "gemini-cli")];

/// The attributes of a resource that its records may lack.
const OF_RESOURCE: [&[&str]; 4] = [SERVICE, HOST, PRINCIPAL, VERSION];

/// What a resource says of its records.
#[derive(Debug, Default)]
pub(super) struct Origin {
    known: Vec<(String, String)>,
}

impl Origin {
    /// Takes an attribute of the resource. The first with a name counts.
    pub(super) fn learn(&mut self, key: &str, text: &str) {
        let is_new = self.known.iter().all(|(known, _)| known != key);
        if is_new && !text.is_empty() && OF_RESOURCE.iter().any(|names| names.contains(&key)) {
            self.known.push((key.to_owned(), text.to_owned()));
        }
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        let find = |name: &&str| self.known.iter().find(|(known, _)| known == name);
        names.iter().find_map(find).map(|(_, text)| text.clone())
    }
}

/// The entry of a record, without its id and detail.
pub(super) fn entry(signal: Signal, record: Json<'_>, origin: &Origin) -> Entry {
    let record = Record::of(record);
    let attributes = &record.attributes;
    let name = name(signal, &record);
    let agent = CODING_AGENTS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, agent)| *agent);
    let name = agent.and_then(|_| name.split_once('.')).map_or(&*name, |(_, name)| name);
    let act = Act::of(name, agent.is_some(), attributes);
    let mut entry = Entry::new(act.category, act.action, Outcome::Success);
    match signal {
        Signal::Logs => {
            entry.timestamp = time(record.time).or_else(|| time(record.observed));
            entry.duration_ms = attributes.text(DURATION).and_then(|took| whole_milliseconds(&took));
        }
        Signal::Traces => {
            let (start, end) = (time(record.start), time(record.end));
            entry.timestamp = start.or(end);
            entry.duration_ms = milliseconds(start, end);
        }
    }
    outcome::set(&mut entry, &record);
    let of = |names| attributes.text(names).or_else(|| origin.text(names));
    entry.principal = of(PRINCIPAL);
    entry.session_id = attributes.text(SESSION);
    entry.request_id = attributes.text(REQUEST);
    entry.resource = attributes.text(RESOURCE);
    entry.trace_id = hex_id(record.trace, 32);
    entry.span_id = hex_id(record.span, 16);
    let source = Source {
        ip: ip(attributes.text(ADDRESS).map(Cow::Owned)),
        user_agent: attributes.text(PROGRAM),
        service: of(SERVICE),
        host: of(HOST),
    };
    set_source(&mut entry, source);
    entry.agent = agent_of(agent, attributes, origin).map(Box::new);
    entry
}

/// The name of a span or of an event. The body of a log record is one only when an agent writes it there.
fn name(signal: Signal, record: &Record<'_>) -> String {
    if signal == Signal::Traces {
        return text(record.name).unwrap_or_else(|| "span".to_owned());
    }
    let body =
        text(record.body).filter(|body| CODING_AGENTS.iter().any(|(start, _)| body.starts_with(start)));
    let named = text(record.event).or(body).or_else(|| record.attributes.text(&["event.name"]));
    named.unwrap_or_else(|| match text(record.severity_text) {
        Some(severity) => format!("log:{}", severity.to_lowercase()),
        None => "log".to_owned(),
    })
}

/// What was done.
struct Act {
    category: Category,
    action: String,
}

impl Act {
    fn new(category: Category, action: impl Into<String>) -> Act {
        Act { category, action: action.into() }
    }

    fn of(name: &str, is_agents: bool, attributes: &Attributes<'_>) -> Act {
        let operation = attributes.text(OPERATION);
        let method = attributes.text(MCP);
        let tool = || attributes.text(TOOL).unwrap_or_else(|| "unknown".to_owned());
        if is_agents && matches!(name, "tool_decision" | "tool.blocked_on_user") {
            return Act::new(Category::ToolExecution, format!("tool_decision:{}", tool()));
        }
        let is_tool = operation.as_deref() == Some("execute_tool")
            || method.as_deref() == Some("tools/call")
            || is_agents && matches!(name, "tool_result" | "tool_call" | "tool");
        if is_tool {
            return Act::new(Category::ToolExecution, format!("tool:{}", tool()));
        }
        if let Some(method) = method {
            return Act::new(Category::Api, format!("mcp:{method}"));
        }
        match operation.as_deref() {
            Some(operation @ ("create_agent" | "invoke_agent" | "invoke_workflow" | "plan")) => {
                let agent = attributes.text(AGENT).map(|agent| format!(" {agent}"));
                return Act::new(Category::Swarm, format!("{operation}{}", agent.unwrap_or_default()));
            }
            Some(operation) => return Act::new(Category::Cognition, operation),
            None if is_agents => return Act::of_agent(name),
            None => {}
        }
        if let Some(method) = attributes.text(HTTP) {
            let path = attributes.text(PATH).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            return Act::new(Category::Api, format!("{method} {path}").trim_end());
        }
        if let Some(method) = attributes.text(RPC) {
            let service = attributes.text(RPC_SERVICE).map(|service| format!("{service}/"));
            return Act::new(Category::Api, format!("{}{method}", service.unwrap_or_default()));
        }
        Act::new(category("otlp"), name)
    }

    /// An event of a coding agent that is not about tools, called as in its transcripts where these have it.
    fn of_agent(name: &str) -> Act {
        match name {
            "user_prompt" => Act::new(Category::Session, "prompt"),
            name if name.starts_with("api_") || name == "llm_request" => Act::new(Category::Cognition, name),
            name => Act::new(Category::Session, format!("event:{name}")),
        }
    }
}

/// The agent that acted: one of its own name, or a coding agent.
fn agent_of(coding: Option<&str>, attributes: &Attributes<'_>, origin: &Origin) -> Option<Agent> {
    let (named, model) = (attributes.text(AGENT), attributes.text(MODEL));
    if named.is_none() && model.is_none() && coding.is_none() {
        return None;
    }
    let instance = attributes.text(&["gen_ai.agent.id"]).filter(|id| named.as_ref() != Some(id));
    let own = attributes.text(&VERSION[..2]);
    let version =
        own.or_else(|| coding.and_then(|_| attributes.text(VERSION).or_else(|| origin.text(VERSION))));
    Some(Agent { id: named.or_else(|| coding.map(str::to_owned)), instance, model, version })
}

/// Nanoseconds since 1970; zero says that it is not known.
fn time(field: Option<Json<'_>>) -> Option<DateTime<Utc>> {
    let field = field?;
    let number: u64 = match field.string() {
        Some(text) => text.parse().ok()?,
        None => field.raw().parse().ok()?,
    };
    let (seconds, rest) = (number / 1_000_000_000, number % 1_000_000_000);
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, u32::try_from(rest).ok()?).filter(|_| number > 0)
}

fn whole_milliseconds(took: &str) -> Option<u64> {
    let whole = took.split('.').next().unwrap_or(took);
    whole.parse().ok()
}

/// An id of this many hex digits that is not all zeros.
fn hex_id(field: Option<Json<'_>>, digits: usize) -> Option<String> {
    let id = text(field)?;
    let is_id = id.len() == digits && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_id && id.bytes().any(|digit| digit != b'0')).then(|| id.to_ascii_lowercase())
}
