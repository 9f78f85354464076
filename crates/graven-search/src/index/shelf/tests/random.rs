//! Entries and queries of every kind, the same for the same seed.

use graven::{Agent, Approval, Category, Decision, Entry, Outcome, Phase, Source};
use graven_core::json::tree::Tree;

use super::{moment, query};
use crate::line::{Line, Scalar};
use crate::query::{EntryField, Field, Query};

/// Words of both: some of them only look alike.
const WORDS: &[&str] = &[
    "rm",
    "RM",
    "rms",
    "rf",
    "sudo",
    "a",
    "é",
    "École",
    "ß",
    "ẞ",
    "ſtop",
    "STOP",
    "\u{212a}ey",
    "key",
    "2026",
    "11",
    "29T11",
    "00",
    "404",
    "8080",
    "true",
    "null",
    "0",
    "1",
    "1.50",
    "-1",
    "1e3",
    "9007199254740993",
    "x1",
    "0198c2f3",
    "a1b2c3d4e5f6",
    "a1b2c3d4e5f60718",
    "İ",
    "日本",
    "ǆ",
    "5Z",
];

const BETWEEN: &[&str] = &[" ", " -", "/", "_", ".", ":", "\"", "\\", "", "", "\u{301}", "—", "\n", "*"];

const KEYS: &[&str] = &["exit", "command", "a", "b", "a.b", "rm", "", "k8s.io/x", "é", "id-1"];

pub(super) struct Random(fastrand::Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.0.usize(..all.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.0.usize(..count) == 0
    }

    pub(super) fn entries(&mut self, count: usize) -> Vec<Option<Entry>> {
        // Some shelves have few values and paths, others have too many.
        let hostile = self.one_in(4);
        (0..count).map(|at| if self.one_in(60) { None } else { Some(self.entry(at, hostile)) }).collect()
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.0.usize(..4) {
            text += self.one_of(BETWEEN);
            text += self.one_of(WORDS);
        }
        text + self.one_of(BETWEEN)
    }

    fn name(&mut self) -> String {
        if self.one_in(3) { self.text() } else { self.one_of(WORDS).to_owned() }
    }

    fn entry(&mut self, at: usize, hostile: bool) -> Entry {
        let category: Category = self.one_of(&["api", "auth", "tool_execution"]).parse().unwrap();
        let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending];
        let outcome = outcomes[self.0.usize(..4)];
        let action = if self.one_in(2) { format!("tool:{}", self.name()) } else { self.name() };
        let step = [0, 1, 1_000, 60_000_000, 86_400_000_000_000][self.0.usize(..5)];
        let time = moment().now - chrono::TimeDelta::microseconds(self.0.i64(0..=step));
        let mut entry = Entry::new(category, format!("{action}."), outcome).timestamp(time);
        entry = entry.id(match self.0.u8(..3) {
            0 => format!("0198c2f3-0000-7000-8000-{:012x}", at),
            1 => format!("id {at}"),
            _ => "one id".to_owned(),
        });
        if self.one_in(30) {
            let odd = ["1969-12-31T23:59:60.5Z", "2026-11-29T11:00:00.000000001Z", "0000-01-01T00:00:00Z"];
            entry = entry.timestamp(self.one_of(&odd).parse().unwrap());
        }
        if self.one_in(2) {
            entry = entry.principal(self.name());
        }
        if self.one_in(3) {
            entry = entry.session_id(self.name()).trace_id(format!("{:032x}", self.0.u128(..)));
        }
        if self.one_in(3) {
            entry = entry.duration_ms(if self.one_in(9) { u64::MAX - 1 } else { self.0.u64(0..3_000) });
        }
        if self.one_in(9) {
            entry = entry.count(self.0.u64(0..9));
        }
        if self.one_in(5) {
            entry = entry.on_behalf_of([self.name(), self.name()]);
        }
        if self.one_in(5) {
            let ip = format!("{}.{}.0.1", self.one_of(&["10", "11"]), self.0.u8(0..4));
            entry = entry.source(Source { ip: Some(ip), ..Source::default() });
        }
        if self.one_in(20) {
            entry = entry.source(Source::default());
        }
        if self.one_in(9) {
            entry =
                entry.agent(Agent { id: Some(self.name()), model: Some(self.name()), ..Agent::default() });
        }
        if self.one_in(9) {
            entry = entry.approval(Approval::new(Decision::Allowed).by(self.name()));
        }
        if self.one_in(9) {
            entry = entry.phase(Phase::Result).reason(self.text());
        }
        if self.one_in(20) {
            entry.received_at = Some(moment().now);
        }
        if !self.one_in(3) {
            let detail = self.json(if hostile { 4 } else { 2 }, at, hostile);
            entry = entry.detail_json(&detail);
        }
        entry
    }

    fn string(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    fn json(&mut self, depth: usize, at: usize, hostile: bool) -> String {
        match self.0.u8(..if depth > 0 { 12 } else { 7 }) {
            0 => "null".to_owned(),
            1 => self.one_of(&["true", "false"]).to_owned(),
            2 => self.0.i64(-2..4).to_string(),
            3 => self
                .one_of(&["1.50", "1e3", "-0", "9007199254740993", "1e-400", "99999999999999999999", "0.1"])
                .to_owned(),
            4 => Random::string(&self.text()),
            5 => Random::string(&format!("value {at}")).replace('v', "\\u0076"),
            6 => self.0.i64(..).to_string(),
            7 | 8 => {
                let elements: Vec<String> =
                    (0..self.0.usize(..4)).map(|_| self.json(depth - 1, at, hostile)).collect();
                format!("[{}]", elements.join(","))
            }
            _ => {
                let mut keys: Vec<String> =
                    (0..self.0.usize(..5)).map(|_| self.one_of(KEYS).to_owned()).collect();
                if hostile {
                    let more = if self.one_in(40) { 5_000 } else { 4 };
                    keys.extend((0..more).map(|number| format!("key {}", number * 7 + at % 300)));
                }
                if hostile && self.one_in(30) {
                    keys.push("long ".repeat(200));
                }
                keys.sort_unstable();
                keys.dedup();
                let member =
                    |key: &String| format!("{}:{}", Random::string(key), self.json(depth - 1, at, false));
                format!("{{{}}}", keys.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }

    pub(super) fn query(&mut self) -> Query {
        let text = self.expression(2);
        query(&text)
    }

    /// A query with a term that is made of what a line has, so that it mostly is a hit.
    pub(super) fn query_of(&mut self, line: &Line<'_>) -> Query {
        let term = self.term_of(line);
        let text = match self.0.u8(..6) {
            0 => format!("-({term})"),
            1 => format!("({term}) ({})", self.expression(1)),
            2 => format!("({term}) OR ({})", self.expression(1)),
            _ => term,
        };
        query(&text)
    }

    fn term_of(&mut self, line: &Line<'_>) -> String {
        let values = values_of(line);
        let (field, text, is_text) = values[self.0.usize(..values.len())].clone();
        match self.0.u8(..7) {
            0 => format!("any:\"{}\"", escaped(&text)),
            1 => format!("{field}:\"{}\"", escaped(&text)),
            // The entry's own numbers have no wildcards.
            2 if is_text || field.starts_with("detail") => {
                let (start, end) = self.piece(&text);
                let (before, behind) = if self.one_in(2) { ("", "*") } else { ("*", "*") };
                let piece = if before.is_empty() { &text[..end] } else { &text[start..end] };
                format!("{field}:\"{before}{}{behind}\"", escaped(piece))
            }
            3 => format!("any:\"{}*\"", escaped(&text[..self.piece(&text).1])),
            4 if text.parse::<f64>().is_ok() && !is_text => format!("{field}:>={text}"),
            5 if !text.is_empty() && text.chars().all(char::is_alphanumeric) => {
                let length = 1 + self.0.usize(..text.chars().count());
                format!("{}*", text.chars().take(length).collect::<String>())
            }
            _ if is_text => {
                let (start, end) = self.piece(&text);
                match escaped(&text[start..end]) {
                    piece if piece.is_empty() => format!("has:{field}"),
                    piece => format!("\"{piece}\""),
                }
            }
            _ => format!("has:{field}"),
        }
    }

    /// A stretch of a text: mostly one that begins and ends at borders of words.
    fn piece(&mut self, text: &str) -> (usize, usize) {
        let is_border = |at: &usize| {
            let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            !(word(text[..*at].chars().next_back()) && word(text[*at..].chars().next()))
        };
        let anywhere = self.one_in(5);
        let borders: Vec<usize> =
            (0..=text.len()).filter(|at| text.is_char_boundary(*at) && (anywhere || is_border(at))).collect();
        let ends = [self.0.usize(..borders.len()), self.0.usize(..borders.len())];
        (borders[ends[0].min(ends[1])], borders[ends[0].max(ends[1])])
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.one_in(3) {
            return self.term();
        }
        match self.0.u8(..4) {
            0 => format!("-({})", self.expression(depth - 1)),
            1 => format!("({}) OR ({})", self.expression(depth - 1), self.expression(depth - 1)),
            _ => format!("({}) ({})", self.expression(depth - 1), self.expression(depth - 1)),
        }
    }

    fn term(&mut self) -> String {
        match self.0.u8(..16) {
            0..3 => format!("\"{}\"", escaped(&self.text())),
            3 => format!("\"{}\"", self.one_of(WORDS)),
            4 => format!("{}*", self.one_of(&["r", "rm", "EC", "é", "20", "sudo", "/rm", "rm/r", "a1b2"])),
            5 => format!("{}:{}", self.field(), self.value()),
            6 => format!("{}:({} OR {})", self.path(), self.value(), self.value()),
            7 => format!("{}:{}", self.path(), self.comparison()),
            8 => format!("has:{}", if self.one_in(2) { self.field() } else { self.path() }),
            9 => format!("any:{}", self.value()),
            10 => self
                .one_of(&[
                    "ip:10.0.0.0/8",
                    "ip:10.2.0.0/16",
                    "ip:11.1.0.1",
                    "timestamp:2026*",
                    "outcome:denied",
                    "has:source",
                    "has:approval",
                    "has:tool",
                    "category:api",
                    "phase:result",
                    "count:>2",
                    "any:2026-11-29T12:00:00Z",
                    "any:*Z",
                    "received_at:2026-11-29T12:00:00Z",
                    "any:success",
                ])
                .to_owned(),
            11 => format!("duration:{}", self.comparison()),
            12 => {
                let first = super::FIRST + self.0.u64(..300);
                format!("index:{first}..{}", first + self.0.u64(..99))
            }
            13 => {
                let time = self.one_of(&[
                    "1s",
                    "1h",
                    "20h",
                    "2026-11-29T11:00:00.000000001Z",
                    "1970-01-01T00:00:00Z",
                    "1969-12-31T23:59:60.5Z",
                    "2026-11-29T11:59:59.999Z",
                    "0001-01-01",
                ]);
                format!("{}:{time}", self.one_of(&["since", "until"]))
            }
            14 => format!("tool:{}", self.value()),
            _ => format!("{}:{}", self.path(), self.value()),
        }
    }

    fn field(&mut self) -> String {
        self.one_of(&[
            "id",
            "action",
            "principal",
            "session",
            "trace",
            "for",
            "agent",
            "model",
            "approved",
            "reason",
            "resource",
            "source.ip",
        ])
        .to_owned()
    }

    fn path(&mut self) -> String {
        let mut path = "detail".to_owned();
        for _ in 0..self.0.usize(..4) {
            let key = if self.one_in(5) {
                format!("key {}", self.0.u16(..300))
            } else {
                self.one_of(KEYS).to_owned()
            };
            path += &format!(".\"{key}\"");
        }
        path
    }

    fn value(&mut self) -> String {
        let text = match self.0.u8(..6) {
            0 => self.name(),
            1 => format!("value {}", self.0.u16(..300)),
            2 => format!("0198c2f3-0000-7000-8000-{:012x}", self.0.u16(..300)),
            _ => self.one_of(WORDS).to_owned(),
        };
        let whole = escaped(&text);
        let (start, end) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
        match self.0.u8(..6) {
            0 => format!("\"{whole}*\""),
            1 => format!("\"*{whole}\""),
            2 => format!("\"{}*{}\"", escaped(start), escaped(end)),
            _ => format!("\"{whole}\""),
        }
    }

    fn comparison(&mut self) -> String {
        self.one_of(&[
            ">0",
            ">=1",
            "<2",
            "<=1.5",
            "-1..1",
            ">9007199254740992",
            "<1e300",
            ">-1e300",
            "1..1000",
            ">1e18",
            "<-0.5",
            "0",
            "1000..2000",
            ">2999",
            ">=18446744073709551614",
        ])
        .to_owned()
    }
}

/// What a line has: the field, its value, and whether that is a text.
fn values_of(line: &Line<'_>) -> Vec<(String, String, bool)> {
    let mut values = Vec::new();
    for field in EntryField::ALL {
        line.any_of_field(*field, &mut |scalar| {
            add(&Field::Entry(*field), scalar, &mut values);
            false
        });
    }
    if let Some(detail) = line.detail() {
        in_detail(detail, &mut Vec::new(), &mut values);
    }
    // A long one would make the query too long.
    values.retain(|(field, text, _)| field.len() + text.len() < 1_000);
    values
}

fn add(field: &Field, scalar: Scalar<'_>, values: &mut Vec<(String, String, bool)>) {
    let (text, is_text) = match scalar {
        Scalar::Text(text) => (text, true),
        Scalar::Number(number) => (number, false),
        Scalar::Bool(true) => ("true", false),
        Scalar::Bool(false) => ("false", false),
        Scalar::Null => ("null", false),
    };
    values.push((field.to_string(), text.to_owned(), is_text));
}

fn in_detail(tree: &Tree, path: &mut Vec<String>, values: &mut Vec<(String, String, bool)>) {
    let scalar = match tree {
        Tree::Array(elements) => return elements.iter().for_each(|element| in_detail(element, path, values)),
        Tree::Object(members) => {
            for (key, value) in members.iter().take(40) {
                values.push((Field::Detail(path.clone()).to_string(), key.clone(), true));
                path.push(key.clone());
                in_detail(value, path, values);
                path.pop();
            }
            return;
        }
        Tree::Null => Scalar::Null,
        Tree::Bool(value) => Scalar::Bool(*value),
        Tree::Number(number) => Scalar::Number(number),
        Tree::String(text) => Scalar::Text(text),
    };
    add(&Field::Detail(path.clone()), scalar, values);
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*")
}
