//! The server's settings, which the admin may change while it runs.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use graven::{Category, Entry, Outcome};
use serde_json::json;

use crate::app::App;
use crate::app::config::Config;
use crate::app::tokens::Role;
use crate::auth::admin_only;
use crate::failure::Failure;

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
