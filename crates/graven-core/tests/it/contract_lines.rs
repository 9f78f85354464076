//! An entry with only the contract's fields is written as serde writes the contract's struct, byte for byte.

use chrono::{DateTime, Utc};
use graven_core::entry::{Category, Entry, Outcome};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuditCategory {
    Api,
    ToolExecution,
    Session,
    Cognition,
    Swarm,
    Auth,
    K8s,
    Sandbox,
    Config,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuditOutcome {
    Success,
    Failure,
    Denied,
}

/// The contract's struct, with the four fields of its later versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AuditEntry {
    id: String,
    timestamp: DateTime<Utc>,
    category: AuditCategory,
    action: String,
    principal: Option<String>,
    outcome: AuditOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    okr_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    okr_run_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relay_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

impl From<AuditEntry> for Entry {
    fn from(audit: AuditEntry) -> Entry {
        let category = match audit.category {
            AuditCategory::Api => Category::Api,
            AuditCategory::ToolExecution => Category::ToolExecution,
            AuditCategory::Session => Category::Session,
            AuditCategory::Cognition => Category::Cognition,
            AuditCategory::Swarm => Category::Swarm,
            AuditCategory::Auth => Category::Auth,
            AuditCategory::K8s => Category::K8s,
            AuditCategory::Sandbox => Category::Sandbox,
            AuditCategory::Config => Category::Config,
        };
        let outcome = match audit.outcome {
            AuditOutcome::Success => Outcome::Success,
            AuditOutcome::Failure => Outcome::Failure,
            AuditOutcome::Denied => Outcome::Denied,
        };
        let mut entry = Entry::new(category, audit.action, outcome).id(audit.id).timestamp(audit.timestamp);
        entry.principal = audit.principal;
        entry.duration_ms = audit.duration_ms;
        entry.okr_id = audit.okr_id;
        entry.okr_run_id = audit.okr_run_id;
        entry.relay_id = audit.relay_id;
        entry.session_id = audit.session_id;
        match audit.detail {
            Some(detail) => entry.detail(detail),
            None => entry,
        }
    }
}

fn line(entry: &Entry) -> String {
    let mut line = Vec::new();
    assert_eq!(entry.append_line(0, &mut line), Ok(None));
    String::from_utf8(line).expect("a line is text")
}

fn example() -> AuditEntry {
    AuditEntry {
        id: "0192f0c1-2e4b-7c3a-9f00-2a6f5f0c7d11".into(),
        timestamp: "2026-11-24T03:40:17.123456Z".parse().expect("a time"),
        category: AuditCategory::ToolExecution,
        action: "tool:bash".into(),
        principal: None,
        outcome: AuditOutcome::Denied,
        detail: Some(json!({"command": "rm -rf /", "status": 403, "ratio": 0.1})),
        duration_ms: Some(12),
        okr_id: None,
        okr_run_id: None,
        relay_id: None,
        session_id: None,
    }
}

#[test]
fn the_line_of_an_example() {
    let expected = concat!(
        r#"{"id":"0192f0c1-2e4b-7c3a-9f00-2a6f5f0c7d11","timestamp":"2026-11-24T03:40:17.123456Z","category":"tool_execution","#,
        r#""action":"tool:bash","principal":null,"outcome":"denied","#,
        r#""detail":{"command":"rm -rf /","ratio":0.1,"status":403},"duration_ms":12}"#,
    );
    assert_eq!(line(&example().into()), expected);
    assert_eq!(serde_json::to_string(&example()).unwrap(), expected);
}

#[test]
fn all_known_names_are_the_contract_s() {
    use AuditCategory::*;
    for category in [Api, ToolExecution, Session, Cognition, Swarm, Auth, K8s, Sandbox, Config] {
        for outcome in [AuditOutcome::Success, AuditOutcome::Failure, AuditOutcome::Denied] {
            let audit = AuditEntry { category: category.clone(), outcome, ..example() };
            assert_eq!(line(&audit.clone().into()), serde_json::to_string(&audit).unwrap());
        }
    }
}

/// Text with more of what has to be escaped than chance would put in.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '"', '\\', '/', '\0', '\n', '\r', '\t', '\u{8}', '\u{c}', '\u{1f}', '\u{7f}', 'é', '\u{2028}',
        '\u{202e}', '😀',
    ]);
    prop::collection::vec(
        prop_oneof![3 => any::<char>(), 3 => prop::char::range(' ', '~'), 1 => special],
        0..40,
    )
    .prop_map(String::from_iter)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..12)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn audit_entry() -> impl Strategy<Value = AuditEntry> {
    use AuditCategory::*;
    let category =
        prop::sample::select(vec![Api, ToolExecution, Session, Cognition, Swarm, Auth, K8s, Sandbox, Config]);
    let outcome =
        prop::sample::select(vec![AuditOutcome::Success, AuditOutcome::Failure, AuditOutcome::Denied]);
    let timestamp =
        (-62_135_596_800_i64..253_402_300_800, 0_u32..1_000, prop::sample::select(vec![1, 1_000, 1_000_000]))
            .prop_map(|(seconds, fraction, unit)| {
                DateTime::from_timestamp(seconds, fraction * unit).expect("a time of these years")
            });
    let option = || prop::option::of(text());
    let first =
        ("[ -~]{1,40}", timestamp, category, text(), option(), outcome, prop::option::of(json_value()));
    let then = (prop::option::of(any::<u64>()), option(), option(), option(), option());
    (first, then).prop_map(
        |(
            (id, timestamp, category, action, principal, outcome, detail),
            (duration_ms, okr_id, okr_run_id, relay_id, session_id),
        )| AuditEntry {
            id,
            timestamp,
            category,
            action,
            principal,
            outcome,
            detail,
            duration_ms,
            okr_id,
            okr_run_id,
            relay_id,
            session_id,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_line_is_serde_s_and_reads_back(audit in audit_entry()) {
        let entry = Entry::from(audit.clone());
        let line = line(&entry);
        prop_assert_eq!(&line, &serde_json::to_string(&audit).unwrap());
        prop_assert_eq!(Entry::from_line(line.as_bytes()).unwrap(), entry.clone());
        prop_assert_eq!(Entry::from_input(line.as_bytes()).unwrap(), entry);
        let reread: AuditEntry = serde_json::from_str(&line).unwrap();
        prop_assert_eq!((reread.id, reread.timestamp, reread.action), (audit.id, audit.timestamp, audit.action));
    }
}
