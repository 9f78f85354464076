//! Every one of the nine categories is written by something that really happens, and is the truth.

use std::collections::BTreeSet;

use graven_core::verdict::Verdict;
use serde_json::{Value, json};

use crate::patience::until;
use crate::server::Server;

/// The entries of an action, in order.
fn of<'a>(entries: &'a [Value], action: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["action"] == action).collect()
}

#[test]
fn a_day_in_the_life_of_an_agent_is_on_record() {
    let mut server = Server::start();
    let session = server.session();
    let written = server.prompt(&session, "write notes.txt to be or not to be");
    assert_eq!((written.status, &written.json["exit_code"]), (200, &json!(0)));
    let read = server.prompt(&session, "read notes.txt");
    assert_eq!(read.json["output"], "to be or not to be");
    assert_eq!(server.tool(&session, "wc", &["-w", "notes.txt"]).json["output"], "6 notes.txt\n");
    let swarm = json!({"personas": ["planner", "critic"], "task": "count these four words"});
    let swarm = server.user.ask("POST", &format!("{session}/swarm"), Some(&swarm)).unwrap();
    assert_eq!(swarm.json[1], json!({"persona": "critic", "tool": "wc", "output": "3\n"}));
    let mut config = server.admin.ask("GET", "/v1/config", None).unwrap().json;
    config["disabled_tools"] = json!(["rm"]);
    assert_eq!(server.admin.ask("PUT", "/v1/config", Some(&config)).unwrap().json, config);
    assert_eq!(server.tool(&session, "rm", &["notes.txt"]).status, 403);
    let wanted = json!({"image": "agent-server:next", "replicas": 3});
    let running = server.admin.ask("PUT", "/v1/deployment", Some(&wanted)).unwrap();
    assert_eq!(running.json, json!({"generation": 1, "image": "agent-server:next", "replicas": 3}));
    assert_eq!(server.user.ask("DELETE", &session, None).unwrap().status, 204);
    assert!(server.terminate().success());

    let entries = server.entries();
    let categories: BTreeSet<&str> =
        entries.iter().map(|entry| entry["category"].as_str().unwrap()).collect();
    let nine = ["api", "auth", "cognition", "config", "k8s", "sandbox", "session", "swarm", "tool_execution"];
    assert_eq!(categories, BTreeSet::from(nine));
    assert_eq!(server.pending(), []);
    assert_eq!(server.verdict(), Verdict::Intact);

    // One request, one story: who asked, what was decided, what was run.
    let prompts = of(&entries, "POST /v1/sessions/{id}/prompts");
    let request = &prompts[0]["request_id"];
    let story: Vec<_> = entries.iter().filter(|entry| entry["request_id"] == *request).collect();
    let said: Vec<_> =
        story.iter().map(|entry| format!("{} {}", entry["action"], entry["outcome"])).collect();
    assert_eq!(
        said,
        [
            r#""POST /v1/sessions/{id}/prompts" "pending""#,
            r#""session:prompt" "pending""#,
            r#""cognition:decide" "success""#,
            r#""sandbox:decide" "success""#,
            r#""tool:tee" "pending""#,
            r#""tool:tee" "success""#,
            r#""session:prompt" "success""#,
            r#""POST /v1/sessions/{id}/prompts" "success""#,
        ]
    );
    for entry in &story[1..] {
        assert_eq!(entry["principal"], "user");
        assert_eq!(entry["source"]["ip"], "127.0.0.1");
    }
    assert_eq!(story[4]["agent"], json!({"id": "assistant", "model": "example-1"}));
    assert!(!entries.iter().any(|entry| entry.to_string().contains("to be or")), "no prompt is on record");

    // A persona acts as itself, on behalf of the user.
    let swarm: Vec<_> = of(&entries, "swarm:work");
    assert!(swarm.iter().all(|entry| entry["on_behalf_of"] == json!(["user"])));
    let critic: Vec<_> = entries.iter().filter(|entry| entry["principal"] == "persona:critic").collect();
    assert_eq!(critic.len(), 5, "work, and decided, and ran: {critic:#?}");
    assert_eq!(of(&entries, "k8s:apply")[1]["detail"], json!({"generation": 1}));
    assert_eq!(of(&entries, "config:replace")[0]["detail"]["to"]["disabled_tools"], json!(["rm"]));
    let own: Vec<_> = server.all_entries();
    let own = |action: &str| own.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((own("trail.opened"), own("trail.closed")), (1, 1));
}

#[test]
fn a_signal_lets_what_was_begun_come_to_its_end() {
    let mut server = Server::start();
    let session = server.session();
    let (user, path) = (server.user.clone(), format!("{session}/tools/sleep"));
    let asking =
        std::thread::spawn(move || user.ask("POST", &path, Some(&json!({"arguments": ["1"]}))).unwrap());
    let is_begun = || server.entries().iter().any(|entry| entry["action"] == "tool:sleep");
    until("the tool is on record", is_begun);
    assert!(server.terminate().success());
    assert_eq!(asking.join().unwrap().status, 200);
    assert_eq!(server.pending(), []);
    assert_eq!(server.verdict(), Verdict::Intact);
}
