//! A server that passes on no address is told so, once. In a process of its own: there it is the first time.

use std::process::Command;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use graven_tower::AuditLayer;
use http::Request;
use tower::ServiceExt;

use crate::support::Place;

/// Set in the process that is told.
const CHILD: &str = "GRAVEN_TEST_HINTS";

#[tokio::test]
async fn a_missing_address_is_said_once() {
    if std::env::var_os(CHILD).is_some() {
        let place = Place::new();
        let layer = AuditLayer::new(place.trail.clone());
        let app = Router::new().route("/", get(|| async {})).layer(layer);
        for _ in 0..3 {
            app.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        }
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", "hints::a_missing_address_is_said_once"]).env(CHILD, "1").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("into_make_service_with_connect_info").count(), 1, "{said}");
    assert!(!said.contains("(unmatched)"), "axum says the routes: {said}");
}
