//! `tail`, `session` and `search` read a chain as one trail.

use serde_json::{Value, json};

use crate::chain::of_three;
use crate::run::Place;

fn numbers(lines: &[Value]) -> Vec<u64> {
    let number = |line: &Value| line["action"].as_str()?.strip_prefix("action ")?.parse().ok();
    lines.iter().filter_map(number).collect()
}

fn entries(hits: &Value) -> Vec<Value> {
    hits.as_array().unwrap().iter().map(|hit| hit["entry"].clone()).collect()
}

#[test]
fn tail_goes_back_into_older_trails() {
    let place = of_three();
    let tail = |count: &str| place.run(["tail", "trail", "-n", count, "--json"]).ok().json_lines();
    assert_eq!(numbers(&tail("10")), (510..520).collect::<Vec<_>>());
    assert_eq!(
        numbers(&tail("100")),
        (421..520).collect::<Vec<_>>(),
        "one is the entry that names the older trail"
    );
    assert_eq!(numbers(&tail("1000")), (0..520).collect::<Vec<_>>());
    let text = place.run(["tail", "trail", "-n", "300"]).ok().text();
    let [second, newest] = ["in the older trail a/2:", "in the newest trail:"].map(|said| text.find(said));
    let first = text.find("in the older trail a/1:");
    assert!(first < second && second < newest && first.is_some(), "{text}");
    assert_eq!(
        numbers(&place.run(["tail", "trail", "session:s", "-n", "30", "--json"]).ok().json_lines()),
        (490..520).collect::<Vec<_>>()
    );
}

#[test]
fn a_session_is_one_over_all_trails() {
    let place = of_three();
    let answer = place.run(["session", "trail", "s", "--json"]).ok().json();
    let timeline = answer["timeline"].as_array().unwrap();
    assert_eq!(answer["session"]["entries"], 520);
    let entries: Vec<Value> = timeline.iter().map(|moment| moment["entry"].clone()).collect();
    assert_eq!(numbers(&entries), (0..520).collect::<Vec<_>>());
    let origins = [0, 300, 500].map(|number| timeline[number]["origin"].clone());
    assert_eq!(origins, [json!("a/1"), json!("a/2"), Value::Null]);
    assert!(timeline.iter().all(|moment| moment["state"] == "proved"));
    assert_eq!(answer["findings"], json!([]));
}

#[test]
fn an_act_may_end_in_another_trail() {
    let place = Place::empty();
    place.run(["init", "trail", "--origin", "a/1"]).ok();
    let act =
        |fields: &str| format!("{{\"category\":\"api\",\"action\":\"x\",\"session_id\":\"s\",{fields}}}\n");
    let intent = act(r#""id":"i","outcome":"pending","phase":"intent""#);
    place.feed(["record", "trail", "--stdin"], intent).ok();
    crate::chain::take_over(&place, "a/2");
    let result = act(r#""intent_id":"i","outcome":"success","phase":"result""#);
    place.feed(["record", "trail", "--stdin"], result).ok();
    let timeline = place.run(["session", "trail", "s", "--json"]).ok().json()["timeline"].clone();
    assert_eq!((&timeline[0]["result"], &timeline[1]["intent"]), (&json!(1), &json!(0)));
    assert_eq!(
        (&timeline[1]["intent_origin"], &timeline[0]["result_origin"]),
        (&json!("a/1"), &json!("a/2"))
    );
}

#[test]
fn pages_go_on_in_the_next_trail() {
    let place = of_three();
    for (order, expected) in
        [(&["--oldest"][..], (0..520).collect::<Vec<u64>>()), (&[][..], (0..520).rev().collect::<Vec<u64>>())]
    {
        let (mut all, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let mut arguments = vec!["search", "trail", "session:s", "--limit", "100", "--json"];
            arguments.extend(order);
            if let Some(cursor) = &cursor {
                arguments.extend(["--cursor", cursor]);
            }
            let answer = place.run(arguments).code(0).json();
            all.extend(numbers(&entries(&answer["hits"])));
            for hit in answer["hits"].as_array().unwrap() {
                let number = numbers(&[hit["entry"].clone()])[0];
                let origin = [json!("a/1"), json!("a/2"), Value::Null];
                let which = if number < 300 {
                    0
                } else if number < 500 {
                    1
                } else {
                    2
                };
                assert_eq!(hit["origin"], origin[which]);
            }
            pages += 1;
            cursor = answer["next"].as_str().map(str::to_owned);
            assert_eq!(answer["coverage"]["complete"], cursor.is_none());
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((all, pages), (expected, 6));
    }
    let lines = place.run(["search", "trail", "session:s", "--jsonl", "--limit", "320"]).ok().json_lines();
    assert_eq!(lines.len(), 320);
    assert_eq!(lines[319]["entry"]["action"], "action 200");
}

#[test]
fn what_is_counted_is_the_sum_of_all_trails() {
    let place = of_three();
    for flags in [&["--no-index"][..], &[]] {
        let mut arguments = vec!["search", "trail", "session:s", "--count", "--facets", "outcome,principal"];
        arguments.extend(["--histogram", "--sessions", "--json"]);
        arguments.extend(flags);
        let answer = place.run(arguments).code(0).json();
        assert_eq!(answer["count"], json!({"entries": 520, "events": 520, "exact": true}));
        assert_eq!(answer["facets"]["principal"][0]["entries"], 520);
        assert_eq!(answer["sessions"][0]["entries"], 520);
        let rows = answer["histogram"]["rows"].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["success"].as_u64().unwrap()).sum::<u64>(), 520);
        let before = answer["coverage"]["before"].as_array().unwrap();
        let of = |place: usize| (before[place]["origin"].clone(), before[place]["entries"].clone());
        assert_eq!([of(0), of(1)], [(json!("a/1"), json!(300)), (json!("a/2"), json!(201))]);
        assert_eq!(answer["coverage"]["entries"], 21);
        place.run(["index", "trail"]).code(0);
    }
    let text = place.run(["search", "trail", "session:s", "--limit", "600"]).code(0).text();
    assert!(text.contains("of a/1, which it continues"), "{text}");
}

#[test]
fn a_cursor_of_another_chain_is_refused() {
    let (place, other) = (of_three(), Place::with_entries(200));
    let next = other.run(["search", "trail", "--json"]).code(0).json()["next"].as_str().unwrap().to_owned();
    let refused = place.run(["search", "trail", "--cursor", &next]).code(2);
    assert!(refused.stderr.contains("belongs to the trail"), "{}", refused.stderr);
}
