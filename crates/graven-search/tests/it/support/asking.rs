//! Random queries, made of what the entries have and of what they nearly have, so that many find something.

use graven_core::json::tree::Tree;
use graven_search::{Field, Query};

use super::moment;

/// Terms that no entry has to be looked at for.
const FIXED: &[&str] = &[
    "category:api",
    "outcome:(denied OR failure)",
    "-has:principal",
    "action:\"POST *\"",
    "\"rm -rf\"",
    "rm",
    "élodie",
    "detail.exit:>0",
    "detail.exit:0",
    "detail.tags.b:>1500",
    "has:detail.\"k8s.io/decision\"",
    "has:detail.\"\"",
    "needle",
    "reasonable",
    "w*",
    "ip:10.1.0.0/16",
    "for:root",
    "duration:>2s",
    "count:>=2",
    "since:24h",
    "until:12h",
    "category:trail",
    "category:imported",
    "phase:intent",
    "any:0",
    "any:null",
    "has:approval",
    "-has:session",
    "detail:*",
    "absentword",
    "\"two absentwords\"",
    "action:absent*",
    "trace:0123456789abcdef",
];

/// A value of an entry: where it stands, and what it is.
struct Leaf<'a> {
    path: Vec<&'a str>,
    value: &'a Tree,
}

/// A query. `entries` are the entries as JSON.
pub(crate) fn random_query(entries: &[Tree], random: &mut fastrand::Rng) -> Query {
    loop {
        let text = group(entries, random, 0);
        // What is drawn is not always a query: `outcome` is never `succes`.
        if let Ok(query) = Query::parse(&text, &moment()) {
            return query;
        }
    }
}

fn group(entries: &[Tree], random: &mut fastrand::Rng, depth: u8) -> String {
    let mut one = || match random.u8(0..10) {
        0 | 1 if depth < 3 => format!("({})", group(entries, random, depth + 1)),
        2 => format!("-({})", term(entries, random)),
        _ => term(entries, random),
    };
    let parts = [one(), one(), one()];
    match random.u8(0..8) {
        0..3 => parts[0].clone(),
        3..6 => parts[..2].join(" "),
        6 => parts.join(" "),
        _ => parts.join(" OR "),
    }
}

/// One term. It is mostly of an entry of the trail.
fn term(entries: &[Tree], random: &mut fastrand::Rng) -> String {
    let number = random.usize(..entries.len());
    match random.u8(0..16) {
        0 | 1 => FIXED[random.usize(..FIXED.len())].to_owned(),
        2 => {
            let last = number + random.usize(..entries.len());
            format!("index:{number}..{last}")
        }
        3 => format!("index:{}{number}", ["", ">=", "<", ">"][random.usize(..4)]),
        _ => {
            let leaves = leaves(&entries[number]);
            of_leaf(&leaves[random.usize(..leaves.len())], random)
        }
    }
}

fn leaves(tree: &Tree) -> Vec<Leaf<'_>> {
    fn collect<'a>(tree: &'a Tree, path: &[&'a str], leaves: &mut Vec<Leaf<'a>>) {
        match tree {
            // Some of many are enough.
            Tree::Array(all) => all.iter().take(20).for_each(|one| collect(one, path, leaves)),
            Tree::Object(all) => {
                for (key, value) in all.iter().take(40) {
                    collect(value, &[path, &[key.as_str()]].concat(), leaves);
                }
            }
            value => leaves.push(Leaf { path: path.to_vec(), value }),
        }
    }
    let mut leaves = Vec::new();
    collect(tree, &[], &mut leaves);
    leaves
}

fn of_leaf(leaf: &Leaf<'_>, random: &mut fastrand::Rng) -> String {
    let name = match leaf.path.split_first() {
        Some((&"detail", rest)) => {
            Field::Detail(rest.iter().map(|&key| key.to_owned()).collect()).to_string()
        }
        _ => leaf.path.join("."),
    };
    if random.u8(0..12) == 0 {
        return format!("has:{name}");
    }
    match leaf.value {
        Tree::String(text) => of_text(&name, text, random),
        Tree::Number(number) => of_number(&name, number, random),
        Tree::Bool(value) => format!("{name}:{value}"),
        _ => match leaf.path.last() {
            Some(key) if leaf.path.len() > 1 => quoted(key),
            _ => format!("-has:{name}"),
        },
    }
}

fn of_number(name: &str, number: &str, random: &mut fastrand::Rng) -> String {
    match random.u8(0..8) {
        0 | 1 => format!("{name}:{number}"),
        2 => format!("{name}:\"{number}\""),
        3 => format!("any:{number}"),
        4 => format!("{name}:{number}..{}", random.u16(..)),
        5 => format!("{name}:{}", random.u8(0..5)),
        _ => format!("{name}:{}{number}", [">", ">=", "<", "<="][random.usize(..4)]),
    }
}

fn of_text(name: &str, text: &str, random: &mut fastrand::Rng) -> String {
    let short = &text[..text.floor_char_boundary(300)];
    let part = &short[..short.floor_char_boundary(random.usize(..=short.len()))];
    match (name, random.u8(0..4)) {
        ("timestamp" | "received_at", 0) => return format!("since:{text}"),
        ("timestamp" | "received_at", 1) => return format!("until:{text}"),
        ("timestamp" | "received_at", 2) => return format!("at:{}", &text[..10]),
        ("source.ip", 0) => return format!("ip:{text}/{}", random.u8(8..=32)),
        ("action", 0) if text.starts_with("tool:") => return format!("tool:{}", quoted(&text[5..])),
        _ => {}
    }
    match random.u8(0..14) {
        0..3 => format!("{name}:{}", quoted(short)),
        3 => format!("{name}:\"{}*\"", escaped(part)),
        4 => format!("{name}:\"*{}\"", escaped(&short[part.len()..])),
        5 => format!("{name}:{}", quoted(&nearly(short, random))),
        6 => format!("{name}:({} OR {})", quoted(short), quoted(part)),
        7 => format!("any:{}", quoted(short)),
        8 => format!("any:{}", quoted(&nearly(short, random))),
        9 => quoted(&nearly(&words(text, random), random)),
        10 => match part.split(|c: char| !c.is_alphanumeric()).next_back() {
            Some(begun) if !begun.is_empty() => format!("{begun}*"),
            _ => quoted(part),
        },
        _ => quoted(&words(text, random)),
    }
}

/// Some words of a text, side by side as they stand there.
fn words(text: &str, random: &mut fastrand::Rng) -> String {
    let text = &text[text.floor_char_boundary(text.len().saturating_sub(300))..];
    let starts: Vec<usize> = text
        .split_inclusive(' ')
        .scan(0, |at, word| {
            *at += word.len();
            Some(*at - word.len())
        })
        .collect();
    let Some(&from) = starts.get(random.usize(..starts.len().max(1))) else { return text.to_owned() };
    let count = random.usize(1..4);
    let words: Vec<&str> = text[from..].split(' ').take(count).collect();
    let joined = words.join(" ");
    if random.bool() { joined.to_uppercase() } else { joined }
}

/// A text that differs in one place.
fn nearly(text: &str, random: &mut fastrand::Rng) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.usize(..=characters.len());
    match random.u8(0..4) {
        0 => characters.insert(at, 'x'),
        1 if at < characters.len() => drop(characters.remove(at)),
        2 => return text.to_uppercase(),
        _ => characters.push(' '),
    }
    characters.into_iter().collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*")
}
