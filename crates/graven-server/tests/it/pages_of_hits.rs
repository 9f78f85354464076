//! Searches: pages that fit together, the same by address and by body, and no more than a token may see.

use std::time::Duration;

use graven_server::auth::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{JSON, Running, within};

const ENTRIES: &str = "/v1/trails/main/entries";

async fn filled() -> Running {
    let server = Running::start().await;
    let entries: Vec<Value> = (0..30)
        .map(|number| {
            let (category, outcome) =
                (["api", "k8s", "auth"][number % 3], ["success", "denied"][number % 2]);
            json!({"category": category, "action": format!("act{number}"), "outcome": outcome, "session_id": "s"})
        })
        .collect();
    server.admin.record(json!(entries)).await.is(201);
    // A hit says whether it is sealed, so two pages are the same only once all are: the start and 30 more.
    within(async {
        while server.admin.get("/v1/trails/main").await.json()["sealed"].as_u64() < Some(31) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    server
}

fn actions(page: &Value) -> Vec<String> {
    let hits = page["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["entry"]["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_their_links() {
    let server = filled().await;
    let mut path = format!("{ENTRIES}?q=outcome%3Adenied&limit=4&order=oldest");
    let mut all = Vec::new();
    loop {
        let answer = server.admin.get(&path).await;
        let page = answer.is(200).json();
        all.extend(actions(&page));
        let link = answer.header("link");
        assert_eq!(page["next"].is_string(), !link.is_empty());
        let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
            break;
        };
        next.clone_into(&mut path);
    }
    let wanted: Vec<String> =
        (0..30).filter(|number| number % 2 == 1).map(|number| format!("act{number}")).collect();
    assert_eq!(all, wanted);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_asks_the_same_as_an_address() {
    let server = filled().await;
    let by_address =
        server.admin.get(&format!("{ENTRIES}?q=category%3Ak8s&limit=3&count=true&facets=outcome")).await;
    let question =
        json!({"q": "category:k8s", "limit": 3, "count": true, "facets": "outcome", "explain": true});
    let by_body = server.admin.post("/v1/trails/main/search", JSON, question.to_string()).await;
    let (mut left, mut right) = (by_address.is(200).json(), by_body.is(200).json());
    assert!(right["explain"]["plan"].is_string());
    for answer in [&mut left, &mut right] {
        let answer = answer.as_object_mut().unwrap();
        for name in ["took_ms", "next", "explain", "coverage"] {
            answer.remove(name);
        }
    }
    assert_eq!(left, right);
    assert_eq!(left["count"], json!({"entries": 10, "events": 10, "exact": true}));
    assert_eq!(left["facets"]["outcome"][0]["entries"], 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_problems() {
    let server = filled().await;
    let problem =
        server.admin.get(&format!("{ENTRIES}?q=outcom%3Adenied")).await.is_problem(400, "bad-query");
    assert_eq!(problem["place"], json!([0, 6]));
    server.admin.get(&format!("{ENTRIES}?cursor=abc")).await.is_problem(400, "bad-cursor");
    let page = server.admin.get(&format!("{ENTRIES}?q=session%3As&limit=1")).await.json();
    let (next, other) = (page["next"].as_str().unwrap(), "category%3Aapi");
    server.admin.get(&format!("{ENTRIES}?q={other}&cursor={next}")).await.is_problem(400, "bad-cursor");
    for wrong in
        ["limit=0", "limit=1001", "limit=x", "order=up", "tz=Nowhere", "facets=nofield%21", "colour=red"]
    {
        server.admin.get(&format!("{ENTRIES}?{wrong}")).await.is_problem(400, "bad-parameter");
    }
    let path = "/v1/trails/main/search";
    server.admin.post(path, JSON, "{").await.is_problem(400, "not-json");
    server.admin.post(path, JSON, r#"{"limit":"many"}"#).await.is_problem(400, "bad-parameter");
    server
        .admin
        .post(path, ("content-type", "text/plain"), "{}")
        .await
        .is_problem(415, "unsupported-media-type");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_categories_finds_and_counts_only_those() {
    let server = filled().await;
    let reader = server.client(Role::Reader, |new| {
        new.categories = Scope::Only(vec!["k8s".parse().unwrap(), "auth".parse().unwrap()]);
    });
    let page = reader
        .get(&format!("{ENTRIES}?limit=7&count=true&facets=category&sessions=true"))
        .await
        .is(200)
        .json();
    assert_eq!(page["count"]["entries"], 20);
    assert_eq!(page["facets"]["category"].as_array().unwrap().len(), 2);
    assert_eq!(page["sessions"][0]["entries"], 20);
    // What it asks cannot widen it, and neither can a cursor.
    for q in ["category%3Aapi", "-category%3Ak8s+-category%3Aauth"] {
        let page = reader.get(&format!("{ENTRIES}?q={q}&count=true")).await.is(200).json();
        assert_eq!(page["count"]["entries"], 0, "{q}");
    }
    let either = reader.get(&format!("{ENTRIES}?q=(category%3Aapi+OR+act3)&count=true")).await.is(200).json();
    assert!(actions(&either).iter().all(|action| action != "act0"));
    let mut all = actions(&page);
    let mut next = page["next"].clone();
    while let Some(cursor) = next.as_str() {
        let page = reader.get(&format!("{ENTRIES}?limit=7&cursor={cursor}")).await.is(200).json();
        all.extend(actions(&page));
        next = page["next"].clone();
    }
    assert_eq!(all.len(), 20);
    // A cursor of somebody who may see more.
    let page = server.admin.get(&format!("{ENTRIES}?limit=7")).await.json();
    let foreign = page["next"].as_str().unwrap();
    reader.get(&format!("{ENTRIES}?cursor={foreign}")).await.is_problem(400, "bad-cursor");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_are_in_the_trail_once_a_minute_each() {
    let server = filled().await;
    for _ in 0..3 {
        server.admin.get(&format!("{ENTRIES}?q=act1")).await.is(200);
    }
    server.admin.get(&format!("{ENTRIES}?q=act2")).await.is(200);
    let folder = server.stop().await.unwrap();
    let entries = crate::support::stored(&folder.path().join("data/trails/main"));
    let mut searches: Vec<(String, u64)> = entries
        .iter()
        .filter(|entry| entry.action == "trail.searched")
        .map(|entry| {
            let detail: Value = serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap();
            assert_eq!((entry.principal.as_deref(), &detail["trail"]), (Some("admin"), &json!("main")));
            (detail["query"].as_str().unwrap().to_owned(), detail["count"].as_u64().unwrap())
        })
        .collect();
    searches.sort();
    assert_eq!(searches, [("act1".to_owned(), 3), ("act2".to_owned(), 1)]);
}
