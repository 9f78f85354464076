//! A swarm: personas that work on one task side by side, each as itself and on behalf of who asked.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use graven::{Actor, Agent, Category, Entry, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::app::tokens::Role;
use crate::failure::Failure;
use crate::prompts;

/// The most personas that work at once.
const PERSONAS_MAX: usize = 8;

#[derive(Debug, Deserialize)]
struct Task {
    personas: Vec<String>,
    task: String,
}

/// What one persona came to.
#[derive(Debug, Serialize)]
struct Work {
    persona: String,
    tool: String,
    output: Option<String>,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/sessions/{id}/swarm", post(swarm))
}

async fn swarm(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
    Json(Task { personas, task }): Json<Task>,
) -> Result<Json<Vec<Work>>, Failure> {
    let session = app.session(&id, role).await?;
    let is_name = |name: &String| {
        (1..=40).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if personas.is_empty() || personas.len() > PERSONAS_MAX || !personas.iter().all(is_name) {
        return Err(Failure::bad_request("name 1 to 8 personas, in letters, digits and dashes"));
    }
    let tasks: Vec<_> = personas
        .into_iter()
        .map(|persona| {
            let actor = as_persona(&persona, role, &session.id);
            let (app, session, task) = (app.clone(), session.id.clone(), task.clone());
            tokio::spawn(actor.scope(async move { work(&app, &session, persona, &task).await }))
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        let ended = task.await;
        done.push(ended.map_err(|_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "a persona failed"))??);
    }
    Ok(Json(done))
}

/// The persona acts, for the principal who asked, in the same request and trace.
fn as_persona(persona: &str, role: Role, session: &str) -> Actor {
    let agent = Agent { id: Some(persona.to_owned()), ..Agent::default() };
    let asked = Actor::current().unwrap_or_default();
    asked
        .principal(format!("persona:{persona}"))
        .on_behalf_of(role.principal())
        .agent(agent)
        .session_id(session)
}

async fn work(app: &App, session: &str, persona: String, task: &str) -> Result<Work, Failure> {
    let intent = Entry::intent(Category::Swarm, "swarm:work").resource(format!("persona:{persona}"));
    let act = app.begin(intent).await?;
    let decision = prompts::decide(task);
    let ran = app.run_tool(session, &decision.tool, &decision.call).await;
    let outcome = if ran.is_ok() { Outcome::Success } else { Outcome::Failure };
    act.finish(outcome, Some(json!({"tool": decision.tool}))).await?;
    Ok(Work { persona, tool: decision.tool, output: ran.ok().map(|ended| ended.output) })
}
