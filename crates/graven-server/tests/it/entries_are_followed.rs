//! A stream has each hit once, in order, wherever its client begins, and never holds the writer up.

use graven_server::auth::{Role, Scope, Tokens};
use graven_server::data::DataFolder;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::support::{Client, JSON, NDJSON, Running, next, within};

/// A stream as its client reads it.
struct Events {
    body: Incoming,
    text: String,
}

/// One event: its fields, and its data as JSON.
#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<u64>,
    retry: Option<u64>,
    comment: bool,
    data: Value,
}

impl Events {
    async fn open(client: &Client, query: &str, headers: &[(&str, &str)]) -> Events {
        let path = format!("/v1/trails/main/stream{query}");
        let response = client.begin("GET", &path, headers, axum::body::Body::empty()).await;
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!((header("x-accel-buffering"), header("cache-control")), ("no".into(), "no-store".into()));
        let mut events = Events { body: response.into_body(), text: String::new() };
        let hello = events.next().await.unwrap();
        assert!(hello.comment && hello.retry == Some(2_000) && hello.name.is_empty(), "{hello:?}");
        events
    }

    async fn next(&mut self) -> Option<Event> {
        while !self.text.contains("\n\n") {
            let bytes = next(&mut self.body).await?;
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let mut read = Event::default();
        for line in event.lines() {
            let (field, value) = line.split_once(": ").unwrap();
            match field {
                "" => read.comment = true,
                "event" => read.name = value.to_owned(),
                "id" => read.id = Some(value.parse().unwrap()),
                "retry" => read.retry = Some(value.parse().unwrap()),
                "data" => read.data = serde_json::from_str(value).unwrap(),
                other => panic!("{other}"),
            }
        }
        self.text = rest.to_owned();
        Some(read)
    }

    /// The action of the next entry.
    async fn action(&mut self) -> String {
        let event = self.next().await.unwrap();
        assert_eq!((event.name.as_str(), event.id), ("entry", event.data["index"].as_u64()), "{event:?}");
        event.data["entry"]["action"].as_str().unwrap().to_owned()
    }
}

async fn record(client: &Client, actions: impl Iterator<Item = String>) {
    let lines: String = actions
        .map(|action| json!({"category": "api", "action": action, "outcome": "success"}).to_string() + "\n")
        .collect();
    client.post("/v1/trails/main/entries", NDJSON, lines).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_come_as_they_are_recorded_and_streams_end_with_the_server() {
    let server = Running::start().await;
    let mut all = Events::open(&server.admin, "?q=category:api", &[]).await;
    let mut some = Events::open(&server.admin, "?q=action:b*", &[]).await;
    record(&server.admin, ["a1", "b1", "a2", "b2"].map(str::to_owned).into_iter()).await;
    for action in ["a1", "b1", "a2", "b2"] {
        assert_eq!(all.action().await, action);
    }
    assert_eq!((some.action().await, some.action().await), ("b1".into(), "b2".into()));
    // Another process may record too.
    let dir = server.trail("main");
    let other = graven::Trail::open(graven::Settings::new(&dir)).unwrap();
    let entry = graven::Entry::new(graven::Category::Api, "b3", graven::Outcome::Success);
    other.record(entry).await.unwrap();
    drop(other);
    assert_eq!((some.action().await, all.action().await), ("b3".into(), "b3".into()));
    server.ask_to_end();
    assert!(all.next().await.is_none() && some.next().await.is_none());
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_where_it_was() {
    let server = Running::start().await;
    // More than is read at a time.
    record(&server.admin, (0..6_000).map(|number| format!("a{number}"))).await;
    let mut events = Events::open(&server.admin, "?q=category:api&after=-1", &[]).await;
    let mut index_of_a10 = 0;
    for number in 0..6_000 {
        let event = events.next().await.unwrap();
        assert_eq!(event.data["entry"]["action"], format!("a{number}"));
        if number == 10 {
            index_of_a10 = event.id.unwrap();
        }
    }
    record(&server.admin, ["new".to_owned()].into_iter()).await;
    assert_eq!(events.action().await, "new");
    // The header counts before what stands in the address.
    let at = index_of_a10.to_string();
    let mut again = Events::open(&server.admin, "?q=category:api&after=-1", &[("last-event-id", &at)]).await;
    assert_eq!(again.action().await, "a11");
    let mut again = Events::open(&server.admin, &format!("?q=category:api&after={at}"), &[]).await;
    assert_eq!(again.action().await, "a11");
    let path = "/v1/trails/main/stream";
    for past in ["100000", "18446744073709551615"] {
        let answer = server.admin.get_with(path, &[("last-event-id", past)]).await;
        answer.is_problem(416, "past-the-end");
    }
    server.admin.get(&format!("{path}?after=100000")).await.is_problem(416, "past-the-end");
    server.admin.get_with(path, &[("last-event-id", "x")]).await.is_problem(400, "bad-parameter");
    server.admin.get(&format!("{path}?after=-2")).await.is_problem(400, "bad-parameter");
    server.admin.get(&format!("{path}?q=outcome:")).await.is_problem(400, "bad-query");
    server.client(Role::Writer, |_| {}).get(path).await.is_problem(403, "forbidden");
    drop((events, again));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_filters_get_each_their_own() {
    let server = Running::start().await;
    let mut streams = Vec::new();
    for number in 0..60 {
        streams.push(Events::open(&server.admin, &format!("?q=action:kind{number}"), &[]).await);
    }
    for _ in 0..20 {
        record(&server.admin, (0..60).map(|number| format!("kind{number}"))).await;
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut last = 0;
        for _ in 0..20 {
            let event = stream.next().await.unwrap();
            assert_eq!(event.data["entry"]["action"], format!("kind{number}"));
            assert!(event.id.unwrap() > last, "in order, each once");
            last = event.id.unwrap();
        }
    }
    drop(streams);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_too_slow_is_told_and_has_no_gap_before() {
    let server = Running::start().await;
    let mut slow = Events::open(&server.admin, "?q=category:api", &[]).await;
    let detail = "x".repeat(2_000);
    let entry = json!({"category": "api", "action": "a", "outcome": "success", "detail": {"text": detail}});
    let lines = (entry.to_string() + "\n").repeat(1_000);
    for _ in 0..16 {
        // The writer does not wait for it.
        server.admin.post("/v1/trails/main/entries", NDJSON, lines.clone()).await.is(200);
    }
    let mut ids = Vec::new();
    let last = loop {
        let event = slow.next().await.unwrap();
        match event.id {
            Some(id) if event.name == "entry" => ids.push(id),
            _ => break event,
        }
    };
    assert_eq!(last.name, "lagged", "{last:?}");
    assert!(slow.next().await.is_none(), "it is closed");
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1) && ids.len() < 16_000, "{}", ids.len());
    // It goes on behind its last event.
    let at = ids.last().unwrap().to_string();
    let mut again = Events::open(&server.admin, "?q=category:api", &[("last-event-id", &at)]).await;
    assert_eq!(again.next().await.unwrap().id, Some(ids.last().unwrap() + 1));
    drop(again);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_no_entry_is_a_finding_and_does_not_end_the_stream() {
    let server = Running::start().await;
    record(&server.admin, ["a", "b", "c"].map(str::to_owned).into_iter()).await;
    let layout = graven::layout::Layout::in_dir(server.trail("main"));
    let live = layout.live();
    let text = std::fs::read_to_string(live).unwrap();
    let broken = text.replace("\"action\":\"b\"", "\"action\":\\b\"");
    assert!(broken.len() == text.len() && broken != text);
    {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::OpenOptions::new().write(true).open(live).unwrap();
        file.write_all_at(broken.as_bytes(), 0).unwrap();
    }
    let mut events = Events::open(&server.admin, "?q=category:api&after=-1", &[]).await;
    assert_eq!(events.action().await, "a");
    let finding = events.next().await.unwrap();
    assert_eq!((finding.name.as_str(), finding.data["verdict"].as_str()), ("finding", Some("altered")));
    assert_eq!(finding.id, finding.data["index"].as_u64());
    assert_eq!(events.action().await, "c");
    drop(events);
    server.ask_to_end();
    server.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_categories_follows_no_others() {
    let server = Running::start().await;
    let some = Scope::Only(vec!["auth".parse().unwrap()]);
    let reader = server.client(Role::Reader, |new| new.categories = some);
    let mut events = Events::open(&reader, "?after=-1", &[]).await;
    let entries = json!([
        {"category": "api", "action": "hidden", "outcome": "success"},
        {"category": "auth", "action": "shown", "outcome": "success"},
    ]);
    server.admin.record(entries).await.is(201);
    assert_eq!(events.action().await, "shown");
    drop(events);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_a_limited_number_of_streams() {
    let server = Running::with(&[("limits.streams_per_token", "2")]).await;
    let first = Events::open(&server.admin, "", &[]).await;
    let second = Events::open(&server.admin, "", &[]).await;
    let third = server.admin.get("/v1/trails/main/stream").await;
    assert_eq!(
        (third.is(429).header("retry-after"), third.header("content-type")),
        ("1", "application/problem+json")
    );
    drop(first);
    // Its place is free once the server has seen that it is gone.
    within(async {
        loop {
            let path = "/v1/trails/main/stream";
            match server.admin.begin("GET", path, &[], axum::body::Body::empty()).await.status().as_u16() {
                200 => break,
                429 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                other => panic!("{other}"),
            }
        }
    })
    .await;
    drop(second);
    server.stop().await;
}

/// The last event of a stream that may not go on.
async fn refused(events: &mut Events) {
    let refused = events.next().await.unwrap();
    assert_eq!((refused.name.as_str(), refused.data["status"].as_u64()), ("error", Some(401)), "{refused:?}");
    assert!(events.next().await.is_none(), "the stream is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_behind_the_end_of_a_session_or_of_a_token() {
    let server = Running::start().await;
    let reader = server.client(Role::Reader, |new| new.name = Some("follower".into()));
    let page = server.stranger();
    let mut cookies = Vec::new();
    for _ in 0..2 {
        let login = json!({"token": reader.token()}).to_string();
        let answer = page.post("/v1/session", JSON, login).await;
        cookies.push(answer.is(200).header("set-cookie").split(';').next().unwrap().to_owned());
    }
    let by = |cookie: usize| [("cookie", cookies[cookie].as_str()), ("sec-fetch-site", "same-origin")];
    let mut first = Events::open(&page, "?q=category:api", &by(0)).await;
    let mut second = Events::open(&page, "?q=category:api", &by(1)).await;
    let mut of_token = Events::open(&reader, "?q=category:api", &[]).await;
    record(&server.admin, ["a".to_owned()].into_iter()).await;
    for events in [&mut first, &mut second, &mut of_token] {
        assert_eq!(events.action().await, "a");
    }
    page.send("DELETE", "/v1/session", &by(0), "").await.is(204);
    record(&server.admin, ["b".to_owned()].into_iter()).await;
    refused(&mut first).await;
    for events in [&mut second, &mut of_token] {
        assert_eq!(events.action().await, "b", "who is not logged out goes on");
    }
    server.admin.send("DELETE", "/v1/tokens/follower", &[], "").await.is(200);
    record(&server.admin, ["c".to_owned()].into_iter()).await;
    refused(&mut second).await;
    refused(&mut of_token).await;
    server.stop().await;
}

/// This test takes 15 s, as it must.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_shows_that_it_lives_and_ends_with_its_token() {
    let server = Running::start().await;
    let reader = server.client(Role::Reader, |new| new.name = Some("follower".into()));
    let mut events = Events::open(&reader, "?q=action:never", &[]).await;
    record(&server.admin, ["a".to_owned()].into_iter()).await;
    let index = server.admin.get("/v1/trails/main").await.json()["entries"].as_u64().unwrap() - 1;
    let alive = events.next().await.unwrap();
    assert!(alive.comment && alive.name.is_empty() && alive.data.is_null(), "{alive:?}");
    assert!(alive.id.unwrap() >= index, "what is no hit need not be looked at again");
    let data = DataFolder::new(server.trail("main").parent().unwrap().parent().unwrap());
    Tokens::open(&data).unwrap().revoke("follower").unwrap();
    refused(&mut events).await;
    server.stop().await;
}
