//! Tools: real subprocesses, each with an intent before it and a result after it.

use std::process::Stdio;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use graven::{Category, Entry, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::app::tokens::Role;
use crate::app::{App, Inner};
use crate::failure::Failure;
use crate::sandbox::{self, Allowed};

/// A call of a tool.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// What it reads from standard input.
    #[serde(default)]
    pub(crate) input: String,
}

/// How a tool ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ended {
    pub(crate) exit_code: Option<i32>,
    pub(crate) output: String,
    /// Whether there was more output than is kept.
    pub(crate) cut: bool,
    /// Whether it was killed for taking too long.
    pub(crate) timed_out: bool,
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/sessions/{id}/tools/{tool}", post(call))
}

async fn call(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Path((id, tool)): Path<(String, String)>,
    Json(call): Json<Call>,
) -> Result<Json<Ended>, Failure> {
    let session = app.session(&id, role).await?;
    app.run_tool(&session.id, &tool, &call).await.map(Json)
}

impl Inner {
    /// Asks the sandbox, and runs the tool if it may.
    pub(crate) async fn run_tool(&self, session: &str, tool: &str, call: &Call) -> Result<Ended, Failure> {
        let config = self.config().clone();
        let folder = self.scratch.join(session);
        let told = sandbox::told(tool, &call.arguments);
        let decision = |outcome| {
            let entry = Entry::new(Category::Sandbox, "sandbox:decide", outcome);
            entry.resource(format!("tool:{}", told.tool)).session_id(session).detail(&told)
        };
        let allowed = match sandbox::decide(&folder, tool, &call.arguments, &config.disabled_tools).await {
            Ok(allowed) => allowed,
            Err(why) => {
                self.record(decision(Outcome::Denied).reason(&why)).await?;
                return Err(Failure::forbidden(why));
            }
        };
        self.record(decision(Outcome::Success)).await?;

        let intent = Entry::intent(Category::ToolExecution, format!("tool:{tool}"));
        let act = self.begin(intent.session_id(session).detail(&told)).await?;
        let timeout = Duration::from_millis(config.tool_timeout_ms);
        match run(&folder, &allowed, &call.input, timeout, config.output_bytes_max).await {
            Ok(ended) => {
                let outcome = if ended.exit_code == Some(0) { Outcome::Success } else { Outcome::Failure };
                let detail = json!({
                    "exit_code": ended.exit_code, "output_bytes": ended.output.len(), "timed_out": ended.timed_out,
                });
                act.finish(outcome, Some(detail)).await?;
                Ok(ended)
            }
            Err(error) => {
                act.finish_with(Outcome::Failure, |result| result.reason(error.to_string())).await?;
                Err(Failure::new(StatusCode::BAD_GATEWAY, "the tool could not be run"))
            }
        }
    }
}

/// Runs a program in a folder, with nothing of the server's environment.
async fn run(
    folder: &std::path::Path,
    allowed: &Allowed,
    input: &str,
    timeout: Duration,
    output_bytes_max: usize,
) -> std::io::Result<Ended> {
    let mut child = Command::new(&allowed.program)
        .args(&allowed.arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Also when the client goes away, and this future with it.
        .kill_on_drop(true)
        .spawn()?;
    match tokio::time::timeout(timeout, talk(&mut child, input, output_bytes_max)).await {
        Ok(ended) => ended,
        Err(_) => {
            child.kill().await?;
            Ok(Ended { exit_code: None, output: String::new(), cut: false, timed_out: true })
        }
    }
}

/// Feeds a child and reads what it says until it ends.
async fn talk(child: &mut Child, input: &str, output_bytes_max: usize) -> std::io::Result<Ended> {
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = child.stdout.take().expect("it is piped");
    let feed = async move {
        // A tool need not read its input.
        let _unread = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let read = async move {
        let mut output = Vec::new();
        let mut stdout = stdout.take(output_bytes_max as u64 + 1);
        stdout.read_to_end(&mut output).await?;
        // The rest, so that the child is not stopped by a full pipe.
        tokio::io::copy(&mut stdout.into_inner(), &mut tokio::io::sink()).await?;
        std::io::Result::Ok(output)
    };
    let ((), output) = tokio::join!(feed, read);
    let mut output = output?;
    let cut = output.len() > output_bytes_max;
    output.truncate(output_bytes_max);
    let status = child.wait().await?;
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(Ended { exit_code: status.code(), output, cut, timed_out: false })
}
