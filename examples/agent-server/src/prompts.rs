//! Prompts: a step of thought chooses a tool, the tool runs, and its output is the answer.

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Extension, Json, Router};
use graven::{Actor, Agent, Category, Entry, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::tokens::Role;
use crate::app::{App, Inner};
use crate::failure::Failure;
use crate::tools::{Call, Ended};

/// The most bytes of a prompt.
const PROMPT_BYTES_MAX: usize = 16 << 10;

#[derive(Debug, Deserialize)]
struct Prompt {
    text: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    tool: String,
    #[serde(flatten)]
    ended: Ended,
}

/// What was decided to do about a prompt, and by which rule.
pub(crate) struct Decision {
    pub(crate) tool: String,
    pub(crate) call: Call,
    rule: &'static str,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/sessions/{id}/prompts", post(prompt))
}

async fn prompt(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
    Json(prompt): Json<Prompt>,
) -> Result<Json<Answer>, Failure> {
    let session = app.session(&id, role).await?;
    if prompt.text.len() > PROMPT_BYTES_MAX {
        return Err(Failure::bad_request("a prompt has at most 16384 bytes"));
    }
    let model = app.config().model.clone();
    let agent = Agent { id: Some("assistant".to_owned()), model: Some(model), ..Agent::default() };
    // What follows is done by the assistant, and every entry of it says so.
    let assistant = Actor::current().unwrap_or_default().agent(agent).session_id(&session.id);
    let work = async {
        let intent = Entry::intent(Category::Session, "session:prompt");
        // How long it is, not what it says: a prompt is its author's.
        let act = app.begin(intent.detail(json!({"bytes": prompt.text.len()}))).await?;
        app.prompted(&session.id);
        let answered = app.think_and_act(&session.id, &prompt.text).await;
        let (outcome, detail) = match &answered {
            Ok(answer) => (Outcome::Success, json!({"tool": answer.tool})),
            Err(_) => (Outcome::Failure, json!({"answered": false})),
        };
        act.finish(outcome, Some(detail)).await?;
        answered
    };
    assistant.scope(work).await.map(Json)
}

impl Inner {
    async fn think_and_act(&self, session: &str, text: &str) -> Result<Answer, Failure> {
        let Decision { tool, call, rule } = decide(text);
        let thought = Entry::new(Category::Cognition, "cognition:decide", Outcome::Success);
        self.record(thought.detail(json!({"rule": rule, "tool": tool, "arguments": call.arguments.len()})))
            .await?;
        let ended = self.run_tool(session, &tool, &call).await?;
        Ok(Answer { tool, ended })
    }
}

/// Chooses a tool by the prompt's first word. A real agent asks a model here; what is recorded stays the same.
pub(crate) fn decide(text: &str) -> Decision {
    let text = text.trim();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let words = || rest.split_whitespace().map(str::to_owned).collect();
    let (rule, tool, call) = match first.to_ascii_lowercase().as_str() {
        "run" => {
            let (tool, rest) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            let arguments = rest.split_whitespace().map(str::to_owned).collect();
            ("named", tool, Call { arguments, ..Call::default() })
        }
        "list" => ("list", "ls", Call { arguments: words(), ..Call::default() }),
        "read" => ("read", "cat", Call { arguments: words(), ..Call::default() }),
        "count" => ("count", "wc", Call { arguments: vec!["-w".to_owned()], input: rest.to_owned() }),
        "write" => {
            let (file, input) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            ("write", "tee", Call { arguments: vec![file.to_owned()], input: input.to_owned() })
        }
        _ => (
            "say",
            "echo",
            Call { arguments: vec![text.trim_start_matches('-').to_owned()], ..Call::default() },
        ),
    };
    Decision { tool: tool.to_owned(), call, rule }
}
