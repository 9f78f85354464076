//! A server with `--demo` has an hour of entries, and goes on.

use crate::support::{Running, within};

#[tokio::test(flavor = "multi_thread")]
async fn it_has_an_hour_and_goes_on() {
    let server = Running::with(&[("demo", "true")]).await;
    let entries =
        async || server.admin.get("/v1/trails/demo").await.is(200).json()["entries"].as_u64().unwrap();
    let first = entries().await;
    assert!(first > 1_500, "{first}");
    within(async { while entries().await < first + 3 {} }).await;
    // The hour is not told again.
    let folder = server.stop().await.unwrap();
    let again = Running::at(&folder.path().join("data"), &[("demo", "true")]).await;
    let later = again.admin.get("/v1/trails/demo").await.is(200).json()["entries"].as_u64().unwrap();
    assert!(later < first + 1_000, "{later}");
    again.stop().await;
}
