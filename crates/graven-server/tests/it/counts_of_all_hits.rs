//! Facets, histograms, sessions and pending acts: over all hits, and no more than a token may see.

use graven_server::auth::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{Client, JSON, Running};

async fn filled() -> (Running, Client) {
    let server = Running::start().await;
    let entries: Vec<Value> = (0..12)
        .map(|number| {
            let category = ["api", "k8s"][number % 2];
            let outcome = ["success", "denied", "failure"][number % 3];
            json!({
                "category": category, "action": format!("act{number}"),
                "outcome": outcome, "session_id": format!("s{}", number % 4),
                "timestamp": format!("2026-01-01T{number:02}:00:00Z"),
            })
        })
        .collect();
    server.admin.record(json!(entries)).await.is(201);
    for (category, id) in [("api", "p1"), ("k8s", "p2")] {
        let intent = json!({"id": id, "category": category, "action": "begun", "session_id": "s0"});
        server.admin.post("/v1/trails/main/acts", JSON, intent.to_string()).await.is(201);
    }
    let k8s = server.client(Role::Reader, |new| new.categories = Scope::Only(vec!["k8s".parse().unwrap()]));
    (server, k8s)
}

async fn ask(client: &Client, path: &str) -> Value {
    client.get(&format!("/v1/trails/main/{path}")).await.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_count_the_values_of_fields() {
    let (server, k8s) = filled().await;
    let all = ask(&server.admin, "facets?q=act*&fields=category,outcome").await;
    let count = |answer: &Value, field: &str, value: &str| {
        let values = answer["facets"][field].as_array().unwrap();
        values.iter().find(|one| one["value"] == value).map_or(0, |one| one["entries"].as_u64().unwrap())
    };
    assert_eq!((count(&all, "category", "api"), count(&all, "outcome", "denied")), (6, 4));
    assert_eq!((&all["count"]["entries"], &all["coverage"]["complete"]), (&json!(12), &json!(true)));
    assert!(all.get("hits").is_none());
    let some = ask(&k8s, "facets?q=act*&fields=category,outcome").await;
    assert_eq!((count(&some, "category", "api"), count(&some, "category", "k8s")), (0, 6));
    let path = "/v1/trails/main/facets";
    server.admin.get(path).await.is_problem(400, "bad-parameter");
    server.admin.get(&format!("{path}?fields=no+field")).await.is_problem(400, "bad-parameter");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn histograms_count_by_time() {
    let (server, k8s) = filled().await;
    let sum = |answer: &Value| -> u64 {
        let rows = answer["histogram"]["rows"].as_array().unwrap();
        rows.iter().map(|row| row["denied"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(&ask(&server.admin, "histogram?q=act*").await), 4);
    assert_eq!(sum(&ask(&k8s, "histogram?q=act*").await), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_told() {
    let (server, k8s) = filled().await;
    assert_eq!(ask(&server.admin, "sessions?q=act*").await["sessions"].as_array().unwrap().len(), 4);
    assert_eq!(ask(&k8s, "sessions?q=act*").await["sessions"].as_array().unwrap().len(), 2);
    let told = ask(&server.admin, "sessions/s0").await;
    assert_eq!((&told["session"]["entries"], told["timeline"].as_array().unwrap().len()), (&json!(5), 5));
    let told = ask(&k8s, "sessions/s0").await;
    let actions: Vec<&Value> =
        told["timeline"].as_array().unwrap().iter().map(|one| &one["entry"]["action"]).collect();
    assert_eq!(actions, ["begun"]);
    assert_eq!(ask(&server.admin, "sessions/none").await["timeline"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_without_a_result_are_pending() {
    let (server, k8s) = filled().await;
    let ids = |answer: &Value| -> Vec<String> {
        let acts = answer["pending"].as_array().unwrap();
        acts.iter().map(|act| act["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ask(&server.admin, "pending").await), ["p1", "p2"]);
    assert_eq!(ids(&ask(&k8s, "pending").await), ["p2"]);
    let ending = json!({"outcome": "success"}).to_string();
    server.admin.post("/v1/trails/main/acts/p2", JSON, ending).await.is(201);
    assert_eq!(ids(&ask(&server.admin, "pending").await), ["p1"]);
    server.stop().await;
}
