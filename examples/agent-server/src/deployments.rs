//! Deployment of itself: a manifest a generation, written whole, and then what the server runs by.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Extension, Json, Router};
use graven::{Category, Entry, Outcome};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::app::deployment::Deployment;
use crate::app::tokens::Role;
use crate::app::{App, Inner};
use crate::auth::admin_only;
use crate::failure::Failure;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/deployment", get(current).put(deploy))
}

async fn current(State(app): State<App>) -> Json<Deployment> {
    Json(app.deployment().clone())
}

async fn deploy(
    State(app): State<App>,
    Extension(role): Extension<Role>,
    Json(mut wanted): Json<Deployment>,
) -> Result<Json<Deployment>, Failure> {
    admin_only(&app, role, "/v1/deployment").await?;
    if wanted.image.is_empty() || wanted.image.len() > 200 || !(1..=100).contains(&wanted.replicas) {
        return Err(Failure::bad_request("an image of 1 to 200 bytes, and 1 to 100 replicas"));
    }
    let _one_at_a_time = app.deploying.lock().await;
    wanted.generation = app.deployment().generation + 1;
    let intent = Entry::intent(Category::K8s, "k8s:apply").resource("deployment/agent-server");
    let act = app.begin(intent.detail(&wanted)).await?;
    match app.roll_out(&wanted).await {
        Ok(running) => {
            act.finish(Outcome::Success, Some(json!({"generation": running.generation}))).await?;
            Ok(Json(running))
        }
        Err(error) => {
            act.finish_with(Outcome::Failure, |result| result.reason(error.to_string())).await?;
            Err(Failure::new(StatusCode::BAD_GATEWAY, "the deployment was not rolled out"))
        }
    }
}

impl Inner {
    /// Writes the manifest, reads it back as a new server would, and runs by it from then on.
    async fn roll_out(&self, wanted: &Deployment) -> std::io::Result<Deployment> {
        let folder = self.scratch.join("deployments");
        tokio::fs::create_dir_all(&folder).await?;
        let manifest = folder.join(format!("{}.json", wanted.generation));
        let temporary = manifest.with_extension("tmp");
        let mut file = tokio::fs::File::create(&temporary).await?;
        file.write_all(&serde_json::to_vec_pretty(wanted)?).await?;
        file.sync_all().await?;
        tokio::fs::rename(&temporary, &manifest).await?;
        let running: Deployment = serde_json::from_slice(&tokio::fs::read(&manifest).await?)?;
        *self.deployment() = running.clone();
        Ok(running)
    }
}
