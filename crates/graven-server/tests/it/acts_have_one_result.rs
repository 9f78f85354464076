//! An intent is durable before the act, each act has one result, and nobody ends the act of another.

use graven::{Category, Outcome, Phase, Settings, Trail};
use graven_server::auth::Role;
use serde_json::{Value, json};

use crate::support::{Client, JSON, Running, stored, within};

const ACTS: &str = "/v1/trails/main/acts";

async fn begin(client: &Client, intent: Value) -> String {
    let answer = client.post(ACTS, JSON, intent.to_string()).await.is(201).json();
    assert!(answer["receipt"]["index"].is_u64());
    assert_eq!(answer["receipt"]["id"], answer["act"]);
    answer["act"].as_str().unwrap().to_owned()
}

async fn end(client: &Client, id: &str, ending: Value) -> crate::support::Answer {
    client.post(&format!("{ACTS}/{id}"), JSON, ending.to_string()).await
}

fn intent() -> Value {
    json!({"category": "tool_execution", "action": "tool:bash", "session_id": "s", "detail": {"command": "ls"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_an_intent_and_its_result() {
    let server = Running::start().await;
    let writer = server.client(Role::Writer, |new| new.name = Some("agent".to_owned()));
    let id = begin(&writer, intent()).await;
    let pending = stored(&server.trail("main")).pop().unwrap();
    assert_eq!((pending.phase, pending.outcome), (Some(Phase::Intent), Outcome::Pending));
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let ending = json!({"outcome": "denied", "detail": {"exit": 1}, "reason": "not allowed"});
    let answer = end(&writer, &id, ending.clone()).await.is(201).json();
    let result =
        stored(&server.trail("main")).swap_remove(answer["receipt"]["index"].as_u64().unwrap() as usize);
    assert_eq!((result.phase, result.outcome), (Some(Phase::Result), Outcome::Denied));
    assert_eq!(result.intent_id.as_deref(), Some(&*id));
    assert_eq!(result.session_id.as_deref(), Some("s"));
    assert_eq!((result.action.as_str(), result.reason.as_deref()), ("tool:bash", Some("not allowed")));
    assert_eq!((result.principal.as_deref(), result.recorded_by.as_deref()), (Some("agent"), Some("agent")));
    assert_eq!(result.detail.unwrap().as_str(), r#"{"exit":1}"#);
    assert!(result.duration_ms.unwrap() >= 30 && answer["duration_ms"] == result.duration_ms.unwrap());

    let problem = end(&writer, &id, ending).await.is_problem(409, "act-ended");
    assert_eq!(problem["index"], answer["receipt"]["index"]);
    end(&writer, "nope", json!({"outcome": "success"})).await.is_problem(404, "unknown-act");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_sent_again_is_the_same_act() {
    let server = Running::start().await;
    let mut named = intent();
    named["id"] = json!("act/1");
    let id = begin(&server.admin, named.clone()).await;
    let again = server.admin.post(ACTS, JSON, named.to_string()).await.is(201).json();
    assert_eq!((&again["act"], &again["receipt"]["duplicate"]), (&json!(id), &json!(true)));
    end(&server.admin, "act%2F1", json!({"outcome": "success"})).await.is(201);
    // What says of itself that it is an intent is one too.
    let whole = json!({"category": "api", "action": "a", "outcome": "pending", "phase": "intent"});
    begin(&server.admin, whole).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_results_at_the_same_moment_one_is_recorded() {
    let server = Running::start().await;
    for _ in 0..5 {
        let id = begin(&server.admin, intent()).await;
        let ending = (0..8).map(|_| {
            let (client, id) = (server.admin.clone(), id.clone());
            tokio::spawn(async move { end(&client, &id, json!({"outcome": "success"})).await.status })
        });
        let mut statuses = Vec::new();
        for status in ending.collect::<Vec<_>>() {
            statuses.push(within(status).await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_act_of_another_who_may_not_speak_for_others() {
    let server = Running::start().await;
    let [one, two] =
        ["one", "two"].map(|name| server.client(Role::Writer, |new| new.name = Some(name.into())));
    let id = begin(&one, intent()).await;
    end(&two, &id, json!({"outcome": "success"})).await.is_problem(404, "unknown-act");
    end(&server.admin, &id, json!({"outcome": "failure"})).await.is(201);
    end(&one, &id, json!({"outcome": "success"})).await.is_problem(409, "act-ended");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_outlive_the_server_and_other_writers_end_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Running::at(&data, &[]).await;
    let [ours, theirs] = [begin(&server.admin, intent()).await, begin(&server.admin, intent()).await];
    server.stop().await;
    let server = Running::at(&data, &[]).await;
    end(&server.admin, &ours, json!({"outcome": "success"})).await.is(201);
    let other = Trail::open(Settings::new(server.trail("main"))).unwrap();
    let result = graven::Entry::new(Category::ToolExecution, "tool:bash", Outcome::Success)
        .phase(Phase::Result)
        .intent_id(&theirs);
    other.record_blocking(result).unwrap();
    end(&server.admin, &theirs, json!({"outcome": "success"})).await.is_problem(409, "act-ended");
    // An act that a program began with the library.
    let act = other.begin_blocking(graven::Entry::intent(Category::Api, "GET /")).unwrap();
    end(&server.admin, act.id(), json!({"outcome": "success"})).await.is(201);
    std::mem::forget(act);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_act_is_refused() {
    let server = Running::start().await;
    for (text, status, name) in [
        ("{", 400, "not-json"),
        ("7", 422, "not-an-entry"),
        (r#"{"category":"api"}"#, 422, "not-an-entry"),
        (r#"{"category":"trail","action":"a"}"#, 422, "not-an-entry"),
    ] {
        server.admin.post(ACTS, JSON, text).await.is_problem(status, name);
    }
    let id = begin(&server.admin, intent()).await;
    for (text, status, name) in [
        ("{", 400, "not-json"),
        ("{}", 422, "not-an-entry"),
        (r#"{"outcome":"pending"}"#, 422, "not-an-entry"),
        (r#"{"outcome":"success","colour":"red"}"#, 422, "not-an-entry"),
    ] {
        server.admin.post(&format!("{ACTS}/{id}"), JSON, text).await.is_problem(status, name);
    }
    end(&server.admin, &id, json!({"outcome": "success"})).await.is(201);
    server.stop().await;
}
