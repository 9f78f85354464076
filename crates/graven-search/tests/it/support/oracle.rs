//! What an answer has to say, by the plainest means: the JSON of every entry that `matches` calls a hit.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use graven::reader::Reader;
use graven_core::json::tree::Tree;
use graven_search::Line;
use serde_json::{Value, json};

/// The widths that the rows of a histogram have.
const WIDTHS: &[i64] = &[1, 5, 15, 60, 300, 900, 3_600, 10_800, 43_200, 86_400, 604_800];

/// The entries of a trail as JSON, as they were recorded.
pub(crate) fn as_json(reader: &Reader) -> Vec<Tree> {
    let json = |record| {
        let line = Line::read(reader, &record).expect("it is an entry");
        let json = serde_json::to_string(line.entry()).expect("an entry is JSON");
        Tree::parse(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
    };
    reader.entries(..).expect("entries").map(|record| json(record.expect("it is read"))).collect()
}

/// The values at a path; where there is an array, those of its elements.
fn at<'a>(tree: &'a Tree, path: &[&str]) -> Vec<&'a Tree> {
    match (tree, path) {
        (Tree::Array(all), _) => all.iter().flat_map(|one| at(one, path)).collect(),
        (Tree::Object(all), [key, rest @ ..]) => {
            all.iter().filter(|(name, _)| name == key).flat_map(|(_, value)| at(value, rest)).collect()
        }
        (Tree::Object(_), []) => Vec::new(),
        (scalar, []) => vec![scalar],
        _ => Vec::new(),
    }
}

fn text<'a>(tree: &'a Tree, path: &[&str]) -> Option<&'a str> {
    match at(tree, path)[..] {
        [Tree::String(text) | Tree::Number(text)] => Some(text),
        _ => None,
    }
}

pub(crate) fn events(tree: &Tree) -> u64 {
    text(tree, &["count"]).map_or(1, |count| count.parse().expect("a count"))
}

fn time(tree: &Tree) -> DateTime<Utc> {
    text(tree, &["timestamp"]).expect("a time").parse().expect("a time")
}

/// The values of a field in an entry, each once.
fn values(tree: &Tree, name: &str) -> BTreeSet<String> {
    if name == "tool" {
        return text(tree, &["action"])
            .and_then(|action| action.strip_prefix("tool:"))
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    let path: Vec<&str> = name.split('.').collect();
    let in_detail = path[0] == "detail";
    let value = |value: &Tree| match value {
        Tree::String(text) | Tree::Number(text) => Some(text[..text.floor_char_boundary(1_024)].to_owned()),
        Tree::Bool(value) => Some(value.to_string()),
        Tree::Null => in_detail.then(|| "null".to_owned()),
        Tree::Array(_) | Tree::Object(_) => None,
    };
    at(tree, &path).into_iter().filter_map(value).collect()
}

/// The facets and their rests.
pub(crate) fn facets(hits: &[&Tree], names: &[&str]) -> (Value, Value) {
    let (mut listed, mut rests) = (json!({}), json!({}));
    for name in names {
        let mut counted: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for hit in hits {
            for value in values(hit, name) {
                let sums = counted.entry(value).or_default();
                *sums = (sums.0 + 1, sums.1 + events(hit));
            }
        }
        let mut counted: Vec<_> = counted.into_iter().collect();
        // The values are in order already: those with the same count stay so.
        counted.sort_by_key(|(_, (entries, _))| std::cmp::Reverse(*entries));
        let others = counted.split_off(counted.len().min(100));
        let shown =
            |(value, (entries, events)): &_| json!({"value": value, "entries": entries, "events": events});
        listed[name] = counted.iter().map(shown).collect();
        if !others.is_empty() {
            let sum = |of: fn(&(u64, u64)) -> u64| others.iter().map(|(_, sums)| of(sums)).sum::<u64>();
            rests[name] = json!({"entries": sum(|sums| sums.0), "events": sum(|sums| sums.1), "exact": true});
        }
    }
    (listed, rests)
}

pub(crate) fn histogram(hits: &[&Tree]) -> Value {
    let times: Vec<i64> = hits.iter().map(|hit| time(hit).timestamp()).collect();
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return json!({"bucket_s": 1, "from": null, "rows": []});
    };
    let doubled = (1..).map(|by| WIDTHS[WIDTHS.len() - 1] << by);
    let mut widths = WIDTHS.iter().copied().chain(doubled);
    let width =
        widths.find(|width| last.div_euclid(*width) - first.div_euclid(*width) < 100).expect("one is enough");
    let from = first.div_euclid(width);
    let empty = || json!({"success": 0, "failure": 0, "denied": 0, "pending": 0, "events": 0});
    let mut rows = vec![empty(); usize::try_from(last.div_euclid(width) - from + 1).expect("a hundred")];
    for (hit, time) in hits.iter().zip(times) {
        let row = &mut rows[usize::try_from(time.div_euclid(width) - from).expect("a hundred")];
        for (name, by) in [(text(hit, &["outcome"]).expect("an outcome"), 1), ("events", events(hit))] {
            row[name] = json!(row[name].as_u64().expect("a number") + by);
        }
    }
    let from = DateTime::from_timestamp(from * width, 0).expect("a time");
    json!({"bucket_s": width, "from": from, "rows": rows})
}

/// The sessions, that with the newest hit first. `hits` are in the order of the log.
pub(crate) fn sessions(hits: &[&Tree]) -> Value {
    let mut order: Vec<&str> = Vec::new();
    let mut by_id: BTreeMap<&str, Vec<&Tree>> = BTreeMap::new();
    for hit in hits.iter().rev() {
        let Some(id) = text(hit, &["session_id"]) else { continue };
        if !by_id.contains_key(id) {
            order.push(id);
        }
        by_id.entry(id).or_default().push(hit);
    }
    let session = |id: &&str| {
        let hits = &by_id[id];
        let count = |outcome| hits.iter().filter(|hit| text(hit, &["outcome"]) == Some(outcome)).count();
        let names = |path: &[&str]| hits.iter().filter_map(|hit| text(hit, path)).collect::<BTreeSet<_>>();
        let times = || hits.iter().map(|hit| time(hit));
        json!({
            "id": id, "first": times().min(), "last": times().max(), "entries": hits.len(),
            "denied": count("denied"), "failed": count("failure"),
            "principals": names(&["principal"]), "agents": names(&["agent", "id"]),
        })
    };
    order.iter().map(session).collect()
}
