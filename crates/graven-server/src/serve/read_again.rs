//! Reads the files of TLS again: at a SIGHUP, and when one of them has changed.

use graven::{Category, Outcome};
use serde_json::json;

use crate::own;
use crate::state::Shared;

/// Reads the files again if one of them has changed, or when somebody asks for it. It says what came of it in the trail, and
/// of files that are not good also in the server's log.
pub(super) async fn files(state: Shared, asked: bool) {
    // A thread that panicked has said so itself.
    let _ = tokio::task::spawn_blocking(move || {
        let Some(read) = state.tls.as_ref().and_then(|tls| tls.read_again(asked, state.now())) else {
            return;
        };
        let (outcome, said) = match read {
            Ok(about) => (Outcome::Success, json!(about)),
            Err(error) => {
                tracing::error!(
                    error = error.to_string(),
                    "the new files of TLS are not good: the ones before go on counting"
                );
                (Outcome::Failure, json!({ "why": error.to_string() }))
            }
        };
        state.own.tell(Category::Config, own::TLS_READ, outcome, said);
    })
    .await;
}
