//! Sessions: each belongs to who made it, and has a folder in which its tools run.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use graven::{Category, Entry, Outcome};
use serde::Deserialize;
use serde_json::json;

use crate::app::session::Session;
use crate::app::tokens::Role;
use crate::app::{App, Inner};
use crate::failure::Failure;

/// The most sessions that exist at once.
const SESSIONS_MAX: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
struct New {
    #[serde(default)]
    title: String,
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/sessions", post(create).get(list))
        .route("/v1/sessions/{id}", get(load).delete(delete))
}

/// 128 random bits: an id that cannot be guessed.
fn new_id() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

async fn create(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    new: Option<Json<New>>,
) -> Result<(StatusCode, Json<Session>), Failure> {
    let Json(New { title }) = new.unwrap_or_default();
    if title.len() > 200 {
        return Err(Failure::bad_request("a title has at most 200 bytes"));
    }
    if app.sessions().len() >= SESSIONS_MAX {
        return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "delete a session first"));
    }
    let id = new_id()?;
    let intent = Entry::intent(Category::Session, "session:create").session_id(&id);
    let act = app.begin(intent).await?;
    tokio::fs::create_dir(app.scratch.join(&id)).await?;
    let session = Session { id: id.clone(), owner: role, title, prompts: 0 };
    app.sessions().insert(id.clone(), session.clone());
    if let Err(error) = act.finish(Outcome::Success, None).await {
        // The client is told that it was not made.
        app.sessions().remove(&id);
        return Err(error.into());
    }
    Ok((StatusCode::CREATED, Json(session)))
}

async fn list(State(app): State<App>, Extension(role): Extension<Role>) -> Json<Vec<Session>> {
    let mut sessions: Vec<Session> =
        app.sessions().values().filter(|session| session.owner == role).cloned().collect();
    sessions.sort_by(|one, other| one.id.cmp(&other.id));
    Json(sessions)
}

async fn load(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
) -> Result<Json<Session>, Failure> {
    let session = app.session(&id, role).await?;
    app.record(Entry::new(Category::Session, "session:load", Outcome::Success).session_id(&session.id))
        .await?;
    Ok(Json(session))
}

async fn delete(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let session = app.session(&id, role).await?;
    let act = app.begin(Entry::intent(Category::Session, "session:delete").session_id(&session.id)).await?;
    app.sessions().remove(&session.id);
    tokio::fs::remove_dir_all(app.scratch.join(&session.id)).await?;
    act.finish(Outcome::Success, Some(json!({"prompts": session.prompts}))).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Inner {
    /// A session that this role may use. Another's is denied on record, and looks to the client like none.
    pub(crate) async fn session(&self, id: &str, role: Role) -> Result<Session, Failure> {
        let found = self.sessions().get(id).cloned();
        let session = found.ok_or_else(Failure::no_session)?;
        if session.owner != role {
            let denied =
                Entry::new(Category::Session, "session:load", Outcome::Denied).session_id(&session.id);
            self.record(denied.reason("another principal's session")).await?;
            return Err(Failure::no_session());
        }
        Ok(session)
    }

    /// Counts a prompt.
    pub(crate) fn prompted(&self, id: &str) {
        if let Some(session) = self.sessions().get_mut(id) {
            session.prompts += 1;
        }
    }
}
