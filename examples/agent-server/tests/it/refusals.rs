//! What the sandbox refuses does not happen, and is on record.

use serde_json::json;

use crate::server::Server;

#[test]
fn a_tool_stays_in_its_folder_and_on_the_list() {
    let mut server = Server::start();
    let session = server.session();
    let cases: [(&str, &[&str]); 10] = [
        ("bash", &["-c", "true"]),
        ("cat", &["/etc/passwd"]),
        ("cat", &["../../../../etc/passwd"]),
        ("cat", &["a/../../b"]),
        ("sort", &["--compress-program=sh", "x"]),
        ("sort", &["-o", "/tmp/x"]),
        ("wc", &["--files0-from=/etc/passwd"]),
        ("cat", &["zero\0byte"]),
        ("tee", &["/tmp/agent-server-must-not-write-this"]),
        ("../../bin/sh", &[]),
    ];
    for (tool, arguments) in cases {
        let tool = tool.replace('/', "%2F");
        let answer = server.tool(&session, &tool, arguments);
        assert_eq!(answer.status, 403, "{tool} {arguments:?}: {answer:?}");
    }
    assert_eq!(server.tool(&session, "cat", &["not-there"]).json["exit_code"], 1);
    assert!(server.terminate().success());
    let entries = server.entries();
    let denied: Vec<_> =
        entries.iter().filter(|e| e["action"] == "sandbox:decide" && e["outcome"] == "denied").collect();
    assert_eq!(denied.len(), cases.len());
    assert!(denied.iter().all(|entry| entry["reason"].is_string() && entry["principal"] == "user"));
    let ran = entries.iter().filter(|entry| entry["category"] == "tool_execution").count();
    assert_eq!(ran, 2, "an intent and a result of the one that ran");
}

#[test]
fn the_entry_of_a_refused_call_holds_no_more_than_a_call_may_have() {
    let mut server = Server::start();
    let session = server.session();
    let card = "4111 1111 1111 1111 ".repeat(20_000);
    let many = vec!["x"; 50_000];
    let name = "n".repeat(5_000);
    for (tool, arguments) in [("bash", &[card.as_str(), "-c"][..]), ("echo", &many), (&name, &[])] {
        assert_eq!(server.tool(&session, tool, arguments).status, 403);
    }
    assert!(server.terminate().success());
    let entries = server.entries();
    let denied: Vec<_> = entries.iter().filter(|e| e["action"] == "sandbox:decide").collect();
    assert_eq!(denied.len(), 3);
    let left_out = |arguments: usize, bytes: usize| json!({"arguments": arguments, "bytes": bytes});
    let detail = json!({"tool": "bash", "arguments": ["-c"], "left_out": left_out(1, card.len())});
    assert_eq!(denied[0]["detail"], detail);
    assert_eq!(denied[1]["detail"]["arguments"].as_array().unwrap().len(), 16);
    assert_eq!(denied[1]["detail"]["left_out"], left_out(49_984, 49_984));
    assert!(denied.iter().all(|entry| entry.to_string().len() < 2_000), "{denied:?}");
}

#[test]
fn a_session_is_its_owners() {
    let mut server = Server::start();
    let session = server.session();
    assert_eq!(server.admin.ask("GET", &session, None).unwrap().status, 404);
    assert_eq!(server.user.ask("GET", "/v1/sessions/nobodys", None).unwrap().status, 404);
    let config = json!({"model": "mine", "tool_timeout_ms": 10, "output_bytes_max": 1, "disabled_tools": []});
    assert_eq!(server.user.ask("PUT", "/v1/config", Some(&config)).unwrap().status, 403);
    assert_eq!(
        server.user.ask("PUT", "/v1/deployment", Some(&json!({"image": "x", "replicas": 1}))).unwrap().status,
        403
    );
    let bad = json!({"model": "mine", "tool_timeout_ms": 1, "output_bytes_max": 1, "disabled_tools": []});
    assert_eq!(server.admin.ask("PUT", "/v1/config", Some(&bad)).unwrap().status, 400);
    assert_eq!(server.admin.ask("PUT", "/v1/config", Some(&config)).unwrap().status, 200);
    let slow = server.tool(&session, "sleep", &["30"]);
    assert_eq!((slow.status, &slow.json["timed_out"]), (200, &json!(true)));
    assert!(server.terminate().success());
    let entries = server.entries();
    let has = |action: &str, outcome: &str, reason: &str| {
        let is = |e: &&serde_json::Value| {
            e["action"] == action && e["outcome"] == outcome && e["reason"] == reason
        };
        assert_eq!(entries.iter().filter(is).count(), 1, "{action} {outcome} {reason}");
    };
    has("session:load", "denied", "another principal's session");
    has("config:replace", "failure", "tool_timeout_ms is 10 to 60000");
    let roles = entries.iter().filter(|entry| entry["action"] == "auth:role").count();
    assert_eq!(roles, 2);
    assert_eq!(server.pending(), []);
}
