//! What a hit is: by examples, and by an evaluator that shares no code with the real one.

use graven::Entry;
use graven_search::{Line, matches};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{hits, query};

#[test]
fn words_are_those_of_decoded_strings_and_keys() {
    assert!(hits("\"rm -rf\"", r#","detail":{"command":"\u0072m -rf /"}"#));
    assert!(hits("/etc/passwd", r#","detail":["\/etc\/passwd"]"#));
    assert!(hits("exit", r#","detail":{"exi\u0074":1}"#));
    assert!(hits("\"ÉCOLE\"", r#","detail":"\u00e9cole""#));
    // Words of one string do not meet those of another, and no digits of a number are a word.
    assert!(!hits("\"a b\"", r#","detail":["a","b"]"#));
    assert!(!hits("137", r#","detail":{"exit":137}"#));
    // Names of fields are in every entry, and no words of it.
    assert!(!hits("principal", "") && hits("bash", "") && hits("success", ""));
}

#[test]
fn numbers_are_compared_by_their_digits() {
    let exit = |value: &str| format!(r#","detail":{{"exit":{value}}}"#);
    assert!(hits("detail.exit:0", &exit("0")) && hits("detail.exit:0", &exit("\"0\"")));
    assert!(hits("detail.exit:0", &exit("-0.0e7")) && !hits("detail.exit:0", &exit("\"0.0\"")));
    assert!(!hits("detail.exit:>0", &exit("\"1\"")) && hits("detail.exit:>0", &exit("1e-400")));
    assert!(hits("detail.exit:>9007199254740992", &exit("9007199254740993")));
    assert!(
        hits("detail.exit:1..2", &exit("2")) && !hits("detail.exit:1..2", &exit("2.0000000000000000001"))
    );
    assert!(hits("detail.exit:true", &exit("true")) && hits("detail.exit:null", &exit("null")));
    assert!(hits("duration:>2s", ",\"duration_ms\":2001") && !hits("duration:>2s", ",\"duration_ms\":2000"));
}

#[test]
fn paths_go_through_arrays_and_quoted_keys() {
    let detail = r#","detail":{"a":[{"b":1},{"b":[2,"x"]}],"k8s.io/decision":"allow","empty":[],"no":null}"#;
    for text in [
        "detail.a.b:1",
        "detail.a.b:2",
        "detail.a.b:x",
        "detail.\"k8s.io/decision\":allow",
        "has:detail.a.b",
        "has:detail.empty",
    ] {
        assert!(hits(text, detail), "{text}");
    }
    for text in
        ["detail.a:1", "detail.b:1", "has:detail.no", "has:detail.a.c", "detail.k8s:allow", "detail.empty:x"]
    {
        assert!(!hits(text, detail), "{text}");
    }
}

#[test]
fn short_names_stand_for_their_fields() {
    let more = r#","session_id":"s","source":{"ip":"10.1.2.3"},"agent":{"id":"ci","model":"m"},"on_behalf_of":["a","b"],"approval":{"by":"bob","decision":"allowed"}"#;
    for text in [
        "session:s",
        "ip:10.0.0.0/8",
        "ip:10.1.2.3",
        "agent:ci",
        "model:m",
        "for:b",
        "approved:bob",
        "tool:bash",
        "tool:b*",
        "has:source",
        "has:approval",
        "has:tool",
        "-has:trace",
        "id:e-7",
        "index:7",
        "index:5..7",
        "any:bob",
        "any:10.1.2.3",
        "any:e-7",
        "timestamp:2026-11-29*",
        "at:2026-11-29",
        "since:1h",
        "until:59m",
        "source.ip:10.1.2.3",
        "-principal:x",
    ] {
        assert!(hits(text, more), "{text}");
    }
    for text in [
        "session:S",
        "session:s1",
        "ip:11.0.0.0/8",
        "index:8",
        "any:bo",
        "since:59m",
        "until:1h",
        "has:principal",
        "tool:tool*",
    ] {
        assert!(!hits(text, more), "{text}");
    }
}

/// A query, for the plain evaluator.
#[derive(Debug, Clone)]
enum Plain {
    Word(&'static str),
    Beginning(&'static str),
    Principal(&'static str),
    Exit(&'static str, i64),
    ExitIs(&'static str),
    Has(&'static str),
    Any(&'static str),
    Not(Box<Plain>),
    All(Vec<Plain>),
    One(Vec<Plain>),
}

impl Plain {
    fn written(&self) -> String {
        match self {
            Plain::Word(word) => format!("\"{word}\""),
            Plain::Beginning(word) => format!("{word}*"),
            Plain::Principal(value) => format!("principal:{value}"),
            Plain::Exit(sign, number) => format!("detail.exit:{sign}{number}"),
            Plain::ExitIs(value) => format!("detail.exit:{value}"),
            Plain::Has(name) => format!("has:{name}"),
            Plain::Any(value) => format!("any:{value}"),
            Plain::Not(inner) => format!("-({})", inner.written()),
            Plain::All(all) => {
                all.iter().map(|one| format!("({})", one.written())).collect::<Vec<_>>().join(" ")
            }
            Plain::One(all) => {
                all.iter().map(|one| format!("({})", one.written())).collect::<Vec<_>>().join(" OR ")
            }
        }
    }

    /// Looks at the JSON of the line alone.
    fn meets(&self, line: &Value) -> bool {
        let exit: Vec<&Value> = match &line["detail"]["exit"] {
            Value::Array(all) => all.iter().collect(),
            one => line["detail"].get("exit").map(|_| one).into_iter().collect(),
        };
        match self {
            Plain::Word(word) => strings(line).iter().any(|text| has_words(text, word, false)),
            Plain::Beginning(word) => strings(line).iter().any(|text| has_words(text, word, true)),
            Plain::Principal(value) => line["principal"].as_str().is_some_and(|text| like(value, text)),
            Plain::Exit(sign, number) => {
                exit.iter().filter_map(|value| value.as_i64()).any(|value| match *sign {
                    ">" => value > *number,
                    ">=" => value >= *number,
                    "<" => value < *number,
                    _ => value <= *number,
                })
            }
            Plain::ExitIs(value) => exit.iter().any(|stored| match stored {
                Value::String(text) => text == value,
                other => scalars(other).iter().any(|text| text == value),
            }),
            Plain::Has(name) => {
                let stored = match name.strip_prefix("detail.") {
                    Some(key) => &line["detail"][key],
                    None => &line[*name],
                };
                !stored.is_null()
            }
            Plain::Any(value) => scalars(line).iter().any(|stored| stored == value),
            Plain::Not(inner) => !inner.meets(line),
            Plain::All(all) => all.iter().all(|one| one.meets(line)),
            Plain::One(all) => all.iter().any(|one| one.meets(line)),
        }
    }
}

/// All strings of the entry's values, and the keys of its detail.
fn strings(line: &Value) -> Vec<String> {
    fn collect(value: &Value, keys: bool, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|one| collect(one, keys, found)),
            Value::Object(all) => all.iter().for_each(|(key, one)| {
                if keys {
                    found.push(key.clone());
                }
                collect(one, keys || key == "detail", found);
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(line, false, &mut found);
    found
}

fn scalars(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(scalars).collect(),
        Value::Object(all) => all.values().flat_map(scalars).collect(),
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}

/// Whether the words stand side by side, as the text between two borders. The texts of this test are ASCII.
fn has_words(text: &str, wanted: &str, beginning: bool) -> bool {
    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(&wanted).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + wanted.len()..].chars().next());
        !letter(before) && (beginning || !letter(after))
    })
}

fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let word = || prop::sample::select(vec!["rm", "rm -rf", "a", "ab", "exit", "x"]);
    let leaf = prop_oneof![
        word().prop_map(Plain::Word),
        prop::sample::select(vec!["r", "a", "rm"]).prop_map(Plain::Beginning),
        prop::sample::select(vec!["a", "ab", "a*", "*b", "*"]).prop_map(Plain::Principal),
        (prop::sample::select(vec![">", ">=", "<", "<="]), -2_i64..3)
            .prop_map(|(sign, number)| Plain::Exit(sign, number)),
        prop::sample::select(vec!["0", "1", "a", "true"]).prop_map(Plain::ExitIs),
        prop::sample::select(vec!["principal", "session_id", "detail.exit", "detail.text"])
            .prop_map(Plain::Has),
        prop::sample::select(vec!["0", "1", "a", "ab", "success", "true"]).prop_map(Plain::Any),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Plain::Not(Box::new(one))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Plain::All),
            prop::collection::vec(inner, 2..4).prop_map(Plain::One),
        ]
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let text = || prop::sample::select(vec!["a", "ab", "A b", "rm", "firm", "sudo rm -rf /", "rms", "ab-rm"]);
    let exit = prop_oneof![
        Just(json!(null)),
        (-2_i64..3).prop_map(|number| json!(number)),
        text().prop_map(|text| json!(text)),
        Just(json!("0")),
        Just(json!(true)),
        Just(json!([0, "a", 2])),
        Just(json!([])),
    ];
    let detail = prop::option::of(
        (exit, text()).prop_map(|(exit, text)| json!({"exit": exit, "text": text, "rm": 1})),
    );
    (prop::option::of(text()), prop::option::of(text()), detail).prop_map(|(principal, session, detail)| {
        let mut line = json!({"category": "api", "action": "x", "outcome": "success"});
        if let Some(principal) = principal {
            line["principal"] = json!(principal);
        }
        if let Some(session) = session {
            line["session_id"] = json!(session);
        }
        if let Some(detail) = detail {
            line["detail"] = detail;
        }
        let entry = Entry::from_client(line.to_string().as_bytes()).expect("an entry");
        entry.id("e-1").timestamp("2026-11-29T11:00:00Z".parse().expect("a time"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn hits_are_those_of_the_plain_evaluator(plain in plain(), entry in entry()) {
        let mut line = Vec::new();
        entry.append_line(0, &mut line).unwrap();
        let json: Value = serde_json::from_slice(&line).unwrap();
        let line = Line::of_entry(0, entry);
        prop_assert_eq!(matches(&query(&plain.written()), &line), plain.meets(&json), "{} {}", plain.written(), json);
    }
}
