//! The server's settings, which the admin may change while it runs.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use graven::{Category, Entry, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::{Role, admin_only};
use crate::failure::Failure;

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The model that the agents say they are.
    pub(crate) model: String,
    /// After how long a tool is killed: 10 ms to 60 s. Default: 10 s.
    pub(crate) tool_timeout_ms: u64,
    /// How much of a tool's output is kept: at most 1 MiB. Default: 64 KiB.
    pub(crate) output_bytes_max: usize,
    /// Tools that are switched off.
    pub(crate) disabled_tools: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            model: "example-1".to_owned(),
            tool_timeout_ms: 10_000,
            output_bytes_max: 64 << 10,
            disabled_tools: Vec::new(),
        }
    }
}

impl Config {
    /// What is wrong with it, if anything.
    fn problem(&self) -> Option<&'static str> {
        if !(10..=60_000).contains(&self.tool_timeout_ms) {
            return Some("tool_timeout_ms is 10 to 60000");
        }
        if self.output_bytes_max > 1 << 20 {
            return Some("output_bytes_max is at most 1048576");
        }
        if self.model.len() > 100 || self.disabled_tools.len() > 100 {
            return Some("model has at most 100 bytes, and disabled_tools at most 100 names");
        }
        None
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/config", get(read).put(replace))
}

async fn read(State(app): State<App>) -> Json<Config> {
    Json(app.config().clone())
}

async fn replace(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Json(wanted): Json<Config>,
) -> Result<Json<Config>, Failure> {
    admin_only(&app, role, "/v1/config").await?;
    let before = app.config().clone();
    let intent = Entry::intent(Category::Config, "config:replace").resource("config");
    let act = app.begin(intent.detail(json!({"from": before, "to": wanted}))).await?;
    if let Some(problem) = wanted.problem() {
        act.finish_with(Outcome::Failure, |result| result.reason(problem)).await?;
        return Err(Failure::bad_request(problem));
    }
    *app.config() = wanted.clone();
    act.finish(Outcome::Success, None).await?;
    Ok(Json(wanted))
}
