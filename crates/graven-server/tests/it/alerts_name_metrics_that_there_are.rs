//! The alert rules and the dashboard that we ship name only metrics, labels and problems that the server has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{JSON, Running};

const RULES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/prometheus/graven.rules.yml"));
const SERVER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SERVER.md"));
const PROBLEMS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROBLEMS.md"));

const DASHBOARD: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/grafana/graven.json"));

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("graven_"));
    // A histogram has several series.
    words.map(|word| word.trim_end_matches("_bucket")).collect()
}

/// What the dashboard asks Prometheus for: each expression with its legend.
fn questions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let text = |target: &Value, name: &str| target[name].as_str().unwrap().to_owned();
    targets.map(|target| (text(target, "expr"), text(target, "legendFormat"))).collect()
}

#[test]
fn every_metric_of_a_rule_is_explained() {
    let metrics = metrics(RULES);
    assert!(metrics.len() >= 9, "{metrics:?}");
    for metric in metrics {
        assert!(SERVER.contains(&format!("`{metric}`")), "docs/SERVER.md explains no {metric}");
    }
}

#[test]
fn every_metric_of_the_dashboard_is_explained() {
    let asked = questions();
    let named: BTreeSet<&str> = asked.iter().flat_map(|(expression, _)| metrics(expression)).collect();
    assert!(asked.len() >= 20 && named.len() >= 20, "{named:?}");
    for metric in metrics(DASHBOARD) {
        assert!(SERVER.contains(&format!("`{metric}`")), "docs/SERVER.md explains no {metric}");
    }
}

/// A metric that a server over TLS alone has.
const OVER_TLS: &str = "graven_tls_certificate_seconds";

/// Metrics that count what has not happened here have no series yet. This server has no archive.
const NOT_YET: [&str; 3] = ["graven_duplicate_entries_total", "graven_verification", "graven_archive"];

#[tokio::test(flavor = "multi_thread")]
async fn every_label_of_the_dashboard_is_in_what_the_server_says() {
    let server = Running::start().await;
    let entry = json!({"category": "api", "action": "a", "outcome": "success"}).to_string();
    let entries = "/v1/trails/main/entries";
    server.admin.post(entries, JSON, entry).await.is(201);
    server.admin.post(entries, JSON, "{}").await;
    server.stranger().get(entries).await.is(401);
    server.admin.get("/metrics").await.is(200);
    let answer = server.admin.get("/metrics").await;
    let said = answer.is(200).text();
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in said.lines().filter(|line| line.starts_with("graven_")) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let names = rest.split('"').step_by(2).filter_map(|part| part.strip_suffix('='));
        let names = names.map(|name| name.trim_start_matches(','));
        labels.entry(name).or_default().extend(names);
    }
    for (expression, legend) in questions() {
        for name in metrics(&expression) {
            if name == OVER_TLS || NOT_YET.iter().any(|not_yet| name.starts_with(not_yet)) {
                continue;
            }
            let series = |(series, _): &(&&str, _)| series.trim_end_matches("_bucket") == name;
            let found = labels.iter().find(series).unwrap_or_else(|| panic!("no series {name} in {said}")).1;
            for wanted in ["trail", "reason", "status", "route", "version", "le"] {
                let is_asked = expression.contains(&format!("{name}{{job=~\"$job\", {wanted}=~"))
                    || legend.contains(&format!("{{{{{wanted}}}}}"));
                assert!(!is_asked || found.contains(wanted), "{name} has no label {wanted}: {found:?}");
            }
        }
    }
    server.stop().await;
}

#[test]
fn every_reason_of_a_rule_is_a_problem() {
    let reasons: Vec<&str> =
        RULES.split("reason=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(reasons.len(), 2);
    for reason in reasons {
        assert!(PROBLEMS.contains(&format!("\n## `{reason}`\n")), "there is no problem {reason}");
    }
}
