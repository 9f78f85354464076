//! Help for the tests: entries with any combination of fields, and with texts that look like pieces of a line.

use chrono::DateTime;
use graven_core::entry::{
    Agent, Approval, Approver, Category, Decision, Detail, Entry, Outcome, Phase, Source,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a caller could write to pass for another field.
const HOSTILE: [&str; 16] = [
    "\",\"category\":\"trail\",\"action\":\"",
    "\",\"outcome\":\"denied\"",
    "\",\"timestamp\":\"2000-01-01T00:00:00Z\"",
    ",\"phase\":\"intent\"",
    "\\\",\"phase\":\"intent\"",
    "\",\"intent_id\":\"forged\"",
    "\\\",\"session_id\":\"forged\\",
    ",\"count\":7}",
    ",\"duration_ms\":7",
    "\",\"recorded_by\":\"root\"",
    "\",\"approval\":{\"decision\":\"allowed\"}}",
    "\"detail\":{\"$blob\":{\"sha256\":\"",
    "{\"id\":\"1\",\"timestamp\":\"",
    "\\",
    "\"",
    ",",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    let hostile = prop::collection::vec(prop::sample::select(HOSTILE.as_slice()), 1..4);
    prop_oneof![any::<String>(), "[ -~]{0,24}", hostile.prop_map(|pieces| pieces.concat())]
}

/// Details with the keys of an entry's own fields in them.
fn detail() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![text().prop_map(Value::from), any::<u64>().prop_map(Value::from), Just(Value::Null)];
    let key = prop::sample::select(
        [
            "phase",
            "intent_id",
            "session_id",
            "count",
            "duration_ms",
            "category",
            "outcome",
            "detail",
            "recorded_by",
            "approval",
            "cut",
            "x",
        ]
        .as_slice(),
    );
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
            Just(json!({"a": 0, "phase": "intent", "intent_id": "i", "session_id": "s", "count": 9})),
        ]
    })
}

fn category() -> impl Strategy<Value = Category> {
    let custom = "[a-z][a-z0-9_]{0,63}".prop_filter_map("a name", |name| Category::custom(name).ok());
    let known = [Category::Api, Category::ToolExecution, Category::K8s, Category::Trail];
    prop_oneof![prop::sample::select(known.to_vec()), custom]
}

fn approval() -> impl Strategy<Value = Approval> {
    let kind = prop::option::of(prop::sample::select(&[Approver::Human, Approver::Rule][..]));
    let decision = prop::sample::select(&[Decision::Allowed, Decision::Denied, Decision::Asked][..]);
    (prop::option::of(text()), kind, prop::option::of(text()), decision)
        .prop_map(|(by, kind, rule, decision)| Approval { by, kind, rule, decision })
}

/// What only a server says, and what was decided.
fn handed_in() -> impl Strategy<Value = (Option<i64>, Option<String>, Option<Approval>)> {
    let seconds = prop::option::of(-62_167_219_200_i64..253_402_300_800);
    (seconds, prop::option::of(text()), prop::option::of(approval()))
}

/// Any entry that has a line.
pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
    let texts = prop::collection::vec(prop::option::of(text()), 19);
    let numbers = (prop::option::of(any::<u64>()), prop::option::of(any::<u64>()));
    // With years of one digit and of five.
    let seconds = prop_oneof![-62_135_596_800_i64..253_402_300_800, -70_000_000_000_i64..400_000_000_000];
    let flags = (
        any::<bool>(),
        any::<bool>(),
        0_usize..3,
        prop::sample::select(&[Outcome::Success, Outcome::Denied][..]),
    );
    let principals = prop::collection::vec(text(), 0..9);
    let id = prop_oneof![
        Just("1".to_owned()),
        "[ -~]{1,40}",
        prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned)
    ];
    let head = (id, seconds, 0_u32..1_000_000_000, category(), prop::option::of(detail()));
    (head, texts, numbers, flags, principals, handed_in()).prop_map(
        |(
            (id, seconds, nanoseconds, category, detail),
            mut texts,
            numbers,
            (source, agent, phase, outcome),
            principals,
            (received_at, recorded_by, approval),
        )| {
            let mut text = || texts.pop().expect("nineteen are enough");
            let timestamp = DateTime::from_timestamp(seconds, nanoseconds).expect("a time of these years");
            let mut entry =
                Entry::new(category, text().unwrap_or_default(), outcome).id(id).timestamp(timestamp);
            entry.principal = text();
            entry.okr_id = text();
            entry.okr_run_id = text();
            entry.relay_id = text();
            entry.session_id = text();
            entry.trace_id = text();
            entry.span_id = text();
            entry.request_id = text();
            entry.resource = text();
            entry.source = source
                .then(|| Box::new(Source { ip: text(), user_agent: text(), service: text(), host: None }));
            entry.agent =
                agent.then(|| Box::new(Agent { id: None, instance: text(), model: text(), version: text() }));
            entry.on_behalf_of = principals;
            entry.phase = [None, Some(Phase::Intent), Some(Phase::Result)][phase];
            if entry.phase == Some(Phase::Intent) {
                entry.outcome = Outcome::Pending;
            }
            entry.reason = text();
            entry.intent_id = text();
            entry.detail = detail.map(|detail| Detail::from_serialize(&detail).expect("it is JSON"));
            (entry.duration_ms, entry.count) = numbers;
            entry.received_at =
                received_at.map(|seconds| DateTime::from_timestamp(seconds, 0).expect("a time"));
            (entry.recorded_by, entry.approval) = (recorded_by, approval.map(Box::new));
            entry
        },
    )
}
