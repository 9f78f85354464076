//! Rules do otherwise for some routes.

use axum::Router;
use axum::routing::get;
use graven::{Category, Entry, Outcome};
use graven_tower::{AuditLayer, Rule};
use http::Method;
use serde_json::json;

use crate::support::{Place, ask, serve};

#[tokio::test]
async fn the_first_rule_that_fits_holds() {
    let place = Place::new();
    let trail = place.trail.clone();
    let health = move || {
        let trail = trail.clone();
        async move {
            trail.record(Entry::new(Category::Config, "looked", Outcome::Success)).await.unwrap();
        }
    };
    let layer = AuditLayer::new(place.trail.clone())
        .rule(Rule::on("/health").skip())
        .rule(Rule::on("/sessions/{id}/files/{*path}").category(Category::Session).resource("{id}: {path}"))
        .rule(Rule::on("/sessions/{id}").method(Method::DELETE).intent())
        .rule(Rule::on("/sessions/*").category(Category::custom("billing").unwrap()));
    let app = Router::new()
        .route("/health", get(health))
        .route("/sessions/{id}", get(|| async {}).delete(|| async {}))
        .route("/sessions/{id}/files/{*path}", get(|| async {}))
        .layer(layer);
    let address = serve(app).await;
    for line in ["GET /health", "GET /sessions/7/files/a/b?q", "DELETE /sessions/7", "GET /sessions/7"] {
        assert_eq!(ask(address, line, "X-Request-Id: r\r\n").await.status, 200);
    }
    let entries = place.entries();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let file = "GET /sessions/{id}/files/{*path}";
    assert_eq!(
        actions,
        ["looked", file, "DELETE /sessions/{id}", "DELETE /sessions/{id}", "GET /sessions/{id}"]
    );
    // Skipped itself, and yet what was recorded below says which request it was.
    assert_eq!(entries[0]["request_id"], "r");
    assert_eq!((&entries[1]["category"], &entries[1]["resource"]), (&json!("session"), &json!("7: a/b")));
    assert_eq!(entries[1]["detail"], json!({"status": 200, "path": "/sessions/7/files/a/b"}));
    assert_eq!((&entries[2]["phase"], &entries[2]["outcome"]), (&json!("intent"), &json!("pending")));
    assert_eq!((&entries[3]["phase"], &entries[3]["outcome"]), (&json!("result"), &json!("success")));
    assert_eq!(entries[3]["intent_id"], entries[2]["id"]);
    for field in ["resource", "request_id", "source", "category"] {
        assert_eq!(entries[2][field], entries[3][field]);
    }
    assert_eq!(entries[4]["category"], "billing");
    assert!(entries[4].get("phase").is_none());
}
