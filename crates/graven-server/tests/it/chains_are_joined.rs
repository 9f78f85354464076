//! A trail that continues others is asked and verified with them, and each of them has an address of its own.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use graven::Category;
use graven_server::auth::{Role, Scope};
use serde_json::{Value, json};

use crate::chained::{end_of, of_three, take_over, take_over_at};
use crate::support::{Client, JSON, NDJSON, Running, stored, within};

/// A server with a trail `t` in this folder.
async fn serving(dir: &Path) -> Running {
    Running::with(&[("trails", &format!("t={}", dir.display()))]).await
}

/// The same whose data stays.
async fn serving_at(data: &Path, dir: &Path) -> Running {
    Running::at(data, &[("trails", &format!("t={}", dir.display()))]).await
}

/// A server with a chain of three, and the folder that it lies in.
async fn serving_three() -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    of_three(&dir);
    let server = serving(&dir).await;
    (folder, server)
}

/// The origin and the action of each hit.
fn told(hits: &Value) -> Vec<(Option<&str>, String)> {
    let told = |hit: &Value| hit["entry"]["action"].as_str().unwrap().to_owned();
    hits.as_array().unwrap().iter().map(|hit| (hit["origin"].as_str(), told(hit))).collect()
}

/// What the chain of three tells, oldest first.
fn story() -> Vec<(Option<&'static str>, String)> {
    let origin = |number| match number {
        0..6 => Some("a/1"),
        6..10 => Some("a/2"),
        _ => None,
    };
    (0..12).map(|number| (origin(number), format!("action:{number}"))).collect()
}

/// Verifies a trail, and waits for the end.
async fn verified(client: &Client, trail: &str) -> Value {
    let path = format!("/v1/trails/{trail}/verify");
    let before = client.get(&path).await.is(200).json();
    client.post(&path, JSON, "").await.is(202);
    within(async {
        loop {
            let standing = client.get(&path).await.is(200).json();
            if standing["running"].is_null() && standing["last"] != before["last"] {
                return standing["last"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_older_trail_is_served_read_only() {
    let (_folder, server) = serving_three().await;
    let all = server.admin.get("/v1/trails").await.is(200).json();
    let [main, t] = all["trails"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!(main.get("before"), None, "it continues nothing");
    let before = t["before"].as_array().unwrap();
    let named: Vec<_> = before.iter().map(|older| (&older["name"], &older["origin"])).collect();
    assert_eq!(named, [(&json!("t@1"), &json!("a/1")), (&json!("t@2"), &json!("a/2"))]);
    let entries = before[0]["entries"].as_u64().unwrap();

    let one = server.admin.get("/v1/trails/t@1").await.is(200).json();
    assert_eq!((&one["name"], &one["origin"]), (&json!("t@1"), &json!("a/1")));
    assert_eq!((&one["entries"], &one["read_only"]), (&json!(entries), &json!(true)));
    let first = server.admin.get("/v1/trails/t%401/entries/0").await.is(200).json();
    assert_eq!(first["entry"]["action"], "action:0");
    let continues = server.admin.get("/v1/trails/t@2/entries/0").await.is(200).json();
    assert_eq!(continues["entry"]["action"], "trail.continues");
    let proof = server.admin.get(&format!("/v1/trails/t@1/entries/{}/proof", entries - 1)).await;
    assert!(proof.is(200).text().contains("\na/1\n"), "{}", proof.text());
    let checkpoint = async |trail| server.admin.get(&format!("/v1/trails/{trail}/log/checkpoint")).await;
    for (trail, origin) in [("t@1", "a/1\n"), ("t@2", "a/2\n"), ("t", "a/3\n")] {
        assert!(checkpoint(trail).await.is(200).text().starts_with(origin), "{trail}");
    }
    let entry = json!({"category": "api", "action": "late", "outcome": "success"}).to_string();
    for path in ["entries", "acts", "kubernetes", "otlp/v1/logs"] {
        let refused = server.admin.post(&format!("/v1/trails/t@1/{path}"), JSON, entry.clone()).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
    }
    let refused = server.admin.post("/v1/trails/t@2/entries", JSON, entry).await;
    let detail = refused.is_problem(403, "read-only")["detail"].clone();
    assert_eq!(detail, "t@2 has ended: the trail t continues it");
    for none in ["t@0", "t@3", "t@01", "t@", "main@1", "x@1"] {
        server.admin.get(&format!("/v1/trails/{none}")).await.is_problem(404, "unknown-trail");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_a_trail_may_see_what_it_continues() {
    let (_folder, server) = serving_three().await;
    let only = |name: &str| Scope::Only(vec![name.parse().unwrap()]);
    let (of_t, of_main) = (
        server.client(Role::Reader, |new| new.trails = only("t")),
        server.client(Role::Reader, |new| new.trails = only("main")),
    );
    of_t.get("/v1/trails/t@1/entries").await.is(200);
    of_main.get("/v1/trails/t@1/entries").await.is_problem(403, "out-of-scope");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_hits_go_over_the_borders_of_trails() {
    let (_folder, server) = serving_three().await;
    let (mut path, mut found) =
        ("/v1/trails/t/entries?q=session:s&order=oldest&limit=5".to_owned(), Vec::new());
    loop {
        let page = server.admin.get(&path).await.is(200).json();
        found.extend(page["hits"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/trails/t/entries?limit=5&cursor={next}");
    }
    assert_eq!(told(&Value::Array(found)), story());
    let body = json!({"q": "session:s", "count": true, "limit": 50}).to_string();
    let posted = server.admin.post("/v1/trails/t/search", JSON, body).await.is(200).json();
    assert_eq!(posted["count"]["entries"], 12);
    assert_eq!(posted["coverage"]["before"][0]["origin"], "a/1");
    assert_eq!(told(&posted["hits"]).into_iter().rev().collect::<Vec<_>>(), story());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_sums_over_the_chain() {
    let (_folder, server) = serving_three().await;
    let ask = async |path: &str| -> Value { server.admin.get(path).await.is(200).json() };
    let facets = ask("/v1/trails/t/facets?q=session:s&fields=category").await;
    assert_eq!(facets["count"]["entries"], 12);
    let histogram = ask("/v1/trails/t/histogram?q=session:s").await;
    let rows = histogram["histogram"]["rows"].as_array().unwrap();
    let in_rows: u64 = rows.iter().map(|row| row["events"].as_u64().unwrap()).sum();
    assert_eq!((&histogram["count"]["entries"], in_rows), (&json!(12), 12), "{histogram}");
    assert_eq!(ask("/v1/trails/t/sessions").await["sessions"][0]["entries"], 12);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_from_its_first_trail_on() {
    let (_folder, server) = serving_three().await;
    let timeline = server.admin.get("/v1/trails/t/sessions/s").await.is(200).json();
    assert_eq!(told(&timeline["timeline"]), story());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_limited_to_categories_in_each_trail() {
    let (_folder, server) = serving_three().await;
    let tools = Scope::Only(vec![Category::ToolExecution]);
    let limited = server.client(Role::Auditor, |new| new.categories = tools);
    let timeline = limited.get("/v1/trails/t/sessions/s").await.is(200).json();
    let third: Vec<_> = story().into_iter().step_by(3).collect();
    assert_eq!(told(&timeline["timeline"]), third);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_the_hits_of_all_trails() {
    let (_folder, server) = serving_three().await;
    let exported = server.admin.get("/v1/trails/t/export?q=session:s").await;
    assert_eq!(told(&Value::Array(exported.is(200).lines())), story());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_trail_answers_for_itself_and_names_no_origin() {
    let (_folder, server) = serving_three().await;
    let ask = async |path: &str| -> Value { server.admin.get(path).await.is(200).json() };
    let alone = ask("/v1/trails/t@2/entries?q=session:s&order=oldest&count=true").await;
    let own: Vec<_> = story()[6..10].iter().map(|(_, action)| (None, action.clone())).collect();
    assert_eq!((told(&alone["hits"]), &alone["count"]["entries"]), (own, &json!(4)));
    assert_eq!(alone["coverage"].get("before"), None);
    assert_eq!(ask("/v1/trails/main/entries").await["coverage"].get("before"), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_took_over_is_verified_with_what_it_continues() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, data) = (folder.path().join("trail"), folder.path().join("data"));
    graven::Trail::open(graven::Settings::new(&dir).origin("a/1")).unwrap().close_blocking().unwrap();
    let server = serving_at(&data, &dir).await;
    let entry = json!({"category": "api", "action": "before", "outcome": "success"});
    server.admin.post("/v1/trails/t/entries", JSON, entry.to_string()).await.is(201);
    let good = verified(&server.admin, "t").await;
    assert_eq!((&good["ok"], good["report"].get("before")), (&json!(true), None), "{good}");
    let old_key = good["report"]["key"].clone();
    server.stop().await;

    // In the same place, where the server remembers the key of the older trail.
    take_over(&dir, "a/2");
    let server = serving_at(&data, &dir).await;
    let alone = verified(&server.admin, "t@1").await;
    assert_eq!((&alone["ok"], &alone["report"]["key_source"]), (&json!(true), &json!("pinned")), "{alone}");
    assert_eq!(alone["report"].get("before"), None);
    let good = verified(&server.admin, "t").await;
    let report = &good["report"];
    assert_eq!((&good["ok"], report["findings"].as_array().unwrap().len()), (&json!(true), 0), "{good}");
    assert_eq!(report["continued"]["origin"], "a/2");
    assert_eq!(report["continued"]["key_source"], "self_asserted");
    let older = &report["before"][0];
    assert_eq!((&older["key"], &older["key_source"]), (&old_key, &json!("pinned")), "{older}");
    // What is wrong with the older one is wrong with the trail.
    let live = graven::layout::Layout::in_dir(&dir).before_of("a/1").live().to_owned();
    let at = std::fs::read_to_string(&live).unwrap().find("\"action\":\"before\"").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(live).unwrap();
    file.write_all_at(b"\"action\":\"beforE\"", at as u64).unwrap();
    let bad = verified(&server.admin, "t").await;
    assert_eq!((&bad["ok"], &bad["report"]["verdict"]), (&json!(false), &json!("altered")), "{bad}");
    let ready = server.stranger().get("/readyz").await.is(200).json();
    assert_eq!(
        (&ready["status"], &ready["reasons"][0]["trail"]),
        (&json!("degraded"), &json!("t")),
        "{ready}"
    );
    assert_eq!(verified(&server.admin, "t@1").await["ok"], false);
    let ready = server.stranger().get("/readyz").await.is(200).json();
    let told: Vec<_> = ready["reasons"].as_array().unwrap().iter().map(|reason| &reason["trail"]).collect();
    assert_eq!(told, ["t@1", "t"]);
    let metrics = server.admin.get("/metrics").await;
    assert!(metrics.text().contains("graven_verification_ok{trail=\"t\"} 0"), "{}", metrics.text());
    let main = server.trail("main");
    server.stop().await;
    let told: Vec<_> = stored(&main).into_iter().filter(|entry| entry.action == "trail.verified").collect();
    let of_trail = &told[told.len() - 2];
    assert_eq!(of_trail.outcome.as_str(), "failure");
    let detail: Value = serde_json::from_str(of_trail.detail.as_ref().unwrap().as_str()).unwrap();
    assert_eq!((&detail["trail"], &detail["findings"]), (&json!("t"), &json!(1)), "{detail}");
    assert!(detail["first_finding"].is_string(), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_an_older_trail_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, data) = (folder.path().join("trail"), folder.path().join("data"));
    drop(graven::Trail::open(graven::Settings::new(&dir).origin("a/1")).unwrap());
    let server = serving_at(&data, &dir).await;
    let line = json!({"category": "api", "action": "many", "outcome": "success"}).to_string() + "\n";
    server.admin.post("/v1/trails/t/entries", NDJSON, line.repeat(66_000)).await.is(200);
    server.stop().await;
    take_over(&dir, "a/2");
    let made = graven::layout::Layout::in_dir(&dir).before_of("a/1").dir().join("search");
    if made.exists() {
        std::fs::remove_dir_all(&made).unwrap();
    }
    let server = serving_at(&data, &dir).await;
    within(async {
        while server.admin.get("/v1/trails/t@1").await.is(200).json()["index"]["own"] != 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let page = server.admin.get("/v1/trails/t/entries?q=nothing&count=true").await.is(200).json();
    assert_eq!(page["coverage"]["before"][0]["index"], "own", "{page}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_an_end_is_served_without_its_older_trails() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    graven::Trail::open(graven::Settings::new(&dir).origin("a/2")).unwrap().close_blocking().unwrap();
    // Each of the two says that it continues the other one.
    let end = end_of(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    let settings = graven::Settings::new(&dir).origin("a/1").continues(end);
    graven::Trail::open(settings).unwrap().close_blocking().unwrap();
    take_over_at(&dir, "a/2", end_of(&dir));
    let server = serving(&dir).await;
    let entry = json!({"category": "api", "action": "a", "outcome": "success"}).to_string();
    server.admin.post("/v1/trails/t/entries", JSON, entry).await.is(201);
    server.admin.get("/v1/trails/t/entries?q=action:a").await.is(200);
    server.admin.get("/v1/trails/t@1").await.is_problem(404, "unknown-trail");
    let bad = verified(&server.admin, "t").await;
    assert_eq!((&bad["ok"], &bad["report"]["verdict"]), (&json!(false), &json!("altered")), "{bad}");
    server.stop().await;
}
