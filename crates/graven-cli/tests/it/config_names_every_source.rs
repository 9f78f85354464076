//! `graven config` shows each setting as it holds, and where it came from.

use serde_json::{Value, json};

use crate::deadline::Running;
use crate::run::{Done, Place};

#[test]
fn each_value_has_its_source() {
    let place = Place::empty();
    place.write("graven.toml", "hosts = [\"a.example\"]\n\n[limits]\nstreams = 300\n");
    let mut command = place.command([
        "config",
        "--config",
        "graven.toml",
        "--listen",
        "127.0.0.1:1",
        "--set",
        "limits.searches=3",
        "--demo",
        "--json",
    ]);
    command.env("GRAVEN_LIMITS_REQUESTS", "500");
    let settings = Done::of(Running::start(&mut command).output()).ok().json();
    let of = |key: &str| -> (Value, Value) {
        let found = settings["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap();
        (found["value"].clone(), found["source"].clone())
    };
    assert_eq!(of("listen"), (json!("127.0.0.1:1"), json!({"flag": "--listen"})));
    assert_eq!(of("demo"), (json!("true"), json!({"flag": "--demo"})));
    assert_eq!(of("limits.searches"), (json!("3"), json!({"flag": "--set"})));
    assert_eq!(of("limits.requests"), (json!("500"), json!({"variable": "GRAVEN_LIMITS_REQUESTS"})));
    assert_eq!(of("hosts"), (json!(["a.example"]), json!({"file": "graven.toml", "line": 1})));
    assert_eq!(of("limits.streams"), (json!("300"), json!({"file": "graven.toml", "line": 4})));
    assert_eq!(of("data"), (json!("./graven-data"), json!("default")));
}

#[test]
fn a_person_reads_a_line_for_each_and_no_secret() {
    let place = Place::empty();
    let secret = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
    let shown = place.run(["config", "--data", &format!("/srv/{secret}")]).ok().text();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("data ") && lines[0].ends_with("  --data"), "{shown}");
    assert!(!shown.contains(&secret), "{shown}");
    assert!(
        lines.len() > 20
            && lines.iter().any(|line| line.starts_with("limits.header_time") && line.contains("10s"))
    );
}

#[test]
fn a_mistake_names_its_line_and_the_file_may_be_named_by_a_variable() {
    let place = Place::empty();
    place.write("graven.toml", "listen = \"127.0.0.1:1\"\nlimit = 1\n");
    let mut command = place.command(["config"]);
    let said = Done::of(Running::start(command.env("GRAVEN_CONFIG", "graven.toml")).output()).code(2);
    let expected = "graven.toml line 2: there is no setting \"limit\"; did you mean `listen`?";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
}
