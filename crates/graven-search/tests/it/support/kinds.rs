//! Entries of every kind, the same for the same seed: the one owner of what random tests record.

use std::borrow::Cow;

use graven::{Agent, Approval, Category, Entry, Outcome, Phase, Settings, Source, Trail};
use graven_core::lines::Lines;
use graven_core::salvage::Reading;

use super::{Place, moment};

/// Numbers in every form that JSON has for them.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "-0.0e7",
    "1",
    "1.0",
    "1e0",
    "10e-1",
    "2",
    "-1",
    "137",
    "1e+300",
    "1e-400",
    "0.1",
    "0.10000000000000000001",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551615",
    "123456789012345678901234567890",
    "1.5",
    "2.0000000000000000001",
    "4.9E-324",
    "1E400",
];

/// Texts with what terminals, spreadsheets, folding and searching may trip over.
const TEXTS: &[&str] = &[
    "ß",
    "STRASSE straße",
    "É",
    "e\u{301}",
    "İstanbul",
    "ﬀ",
    "Σίσυφος ΣΊΣΥΦΟΣ",
    "日本 語",
    "a\u{200b}b",
    "\u{1b}[2J",
    "=cmd()",
    "\u{202e}gnp",
    "0",
    "1.0",
    "true",
    "null",
    "say \"hi\" *",
    "C:\\Users\\bob",
    "rm -rf /",
    "",
    " ",
    "🙂 ok 🙂",
];

/// Words of commands.
const WORDS: &[&str] = &[
    "sudo",
    "rm",
    "-rf",
    "/tmp/build",
    "cargo",
    "test",
    "chmod",
    "777",
    "--all",
    "cat",
    "/etc/passwd",
    "grep",
    "'x'",
    "|",
    "git",
    "push",
    "needle",
    "haystack",
    "été",
    "Élodie",
];

/// Entries of many kinds. They have no entries of the trail's own among them: only a trail makes those.
pub(crate) fn entries(count: usize, seed: u64) -> Vec<Entry> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut all: Vec<Entry> = Vec::with_capacity(count);
    while all.len() < count {
        let number = all.len();
        match random.u16(0..1_000) {
            0..20 => all.extend(imported(number, &mut random)),
            20 => all.push(hostile(number, &mut random)),
            21..44 => {
                let mut intent = entry(number, &mut random).phase(Phase::Intent);
                intent.outcome = Outcome::Pending;
                let id = format!("id-{number}");
                all.push(intent);
                if random.u8(0..3) > 0 {
                    all.push(entry(number + 1, &mut random).phase(Phase::Result).intent_id(id));
                }
            }
            _ => all.push(entry(number, &mut random)),
        }
    }
    all.truncate(count);
    all
}

impl Place {
    /// A closed trail of entries of every kind, also with those that a trail makes itself: life signs, and a gap.
    pub(crate) fn of_every_kind(count: usize, seed: u64) -> Place {
        let place = Place::with(entries(count, seed));
        let settings = || Settings::new(place.dir()).segment_bytes(100_000).no_flood_control();
        let trail = Trail::open(settings().queue_bytes(0).life_signs(true)).expect("it opens");
        // More at once than the queue takes: what is dropped leaves an entry of its own.
        let dropped = || trail.counters().dropped > 0;
        let emit = |_| trail.emit(Entry::new(Category::Api, "x".repeat(20_000), Outcome::Success));
        (0..10_000).take_while(|_| !dropped()).for_each(emit);
        assert!(dropped(), "the queue never fills");
        trail.close_blocking().expect("it is closed");
        place
    }
}

fn pick<'a>(texts: &[&'a str], random: &mut fastrand::Rng) -> &'a str {
    texts[random.usize(..texts.len())]
}

fn entry(number: usize, random: &mut fastrand::Rng) -> Entry {
    let category = pick(&["api", "auth", "tool_execution", "tool_execution", "billing"], random);
    let outcomes = [Outcome::Success, Outcome::Success, Outcome::Failure, Outcome::Denied];
    let outcome = outcomes[random.usize(..outcomes.len())];
    let actions =
        ["tool:bash", "tool:python", "POST /api/session", "GET /", "login", "été", "tool:", "Login"];
    let time = moment().now - chrono::TimeDelta::milliseconds(random.i64(0..200_000_000));
    let category = category.parse().expect("a category");
    let mut entry =
        Entry::new(category, pick(&actions, random), outcome).id(format!("id-{number}")).timestamp(time);
    if random.bool() {
        entry =
            entry.principal(pick(&["alice@example.com", "bob", "ci", "ÉLODIE", "alice@example.org"], random));
    }
    if random.u8(0..3) > 0 {
        entry = entry.session_id(format!("s-{}", random.u8(0..20)));
    }
    if random.u8(0..8) == 0 {
        entry = entry.count(random.u64(2..50));
    }
    if random.bool() {
        entry = entry.duration_ms(random.u64(0..5_000));
    }
    match random.u8(0..10) {
        0 => entry = entry.on_behalf_of(["alice@example.com", "root"]),
        1 => entry = entry.on_behalf_of([pick(TEXTS, random), "bob"]),
        2 | 3 => entry = entry.source(source(random)),
        4 => {
            let agent = pick(&["agent-1", "agent-2", "ci"], random).to_owned();
            entry = entry.agent(Agent { id: Some(agent), model: Some("m-4".into()), ..Agent::default() });
        }
        5 => entry = entry.trace_id(format!("{:032x}", random.u128(..))).reason(command(random)),
        6 => entry = entry.approval(Approval::new(graven::Decision::Denied).by("bob").rule("no-force-push")),
        7 => entry = entry.resource(pick(TEXTS, random)).request_id(format!("r-{}", random.u8(..))),
        _ => {}
    }
    match random.u8(0..3) {
        0 => entry,
        _ => detail(entry, number, random),
    }
}

fn source(random: &mut fastrand::Rng) -> Source {
    let ip = match random.u8(0..6) {
        0 => "2001:db8::1".to_owned(),
        1 => format!("::ffff:10.{}.0.1", random.u8(0..4)),
        2 => "not an address".to_owned(),
        _ => format!("10.{}.0.{}", random.u8(0..4), random.u8(0..3)),
    };
    Source { ip: Some(ip), host: Some("host-7.example.com".into()), ..Source::default() }
}

/// A command of some words.
fn command(random: &mut fastrand::Rng) -> String {
    let words: Vec<&str> = (0..random.usize(1..7)).map(|_| pick(WORDS, random)).collect();
    words.join(" ")
}

fn detail(entry: Entry, number: usize, random: &mut fastrand::Rng) -> Entry {
    let (a, b) = (pick(NUMBERS, random), pick(NUMBERS, random));
    let text = serde_json::to_string(pick(TEXTS, random)).expect("a text is JSON");
    match random.u8(0..12) {
        0 => entry.detail_json(&format!(r#"{{"command":"\u0072m -rf /tmp/{number}","exit":{a}}}"#)),
        1 => entry.detail(serde_json::json!({"exit": "0", "tags": ["a", {"b": number}]})),
        2 => entry.detail_json(&format!(r#"{{"exit":{a},"k8s.io/decision":"allow","exi\u0074s":[{b}]}}"#)),
        3 => entry.detail_json(&format!("[{text},{a},[{b},{{\"deep\":{{\"er\":{text}}}}}]]")),
        4 => entry.detail_json(&format!(r#"{{"exit":[{a},"0",{b},null,true],"empty":[],"no":null}}"#)),
        5 => entry.detail_json(&text),
        6 => entry.detail_json(a),
        7 => entry.detail_json(&format!(r#"{{"a":[{{"b":{a}}},{{"b":[{b},{text}]}}],"":{text}," ":1}}"#)),
        _ => {
            let command = serde_json::to_string(&command(random)).expect("a text is JSON");
            entry.detail_json(&format!(r#"{{"command":{command},"exit":{},"size":{b}}}"#, random.i8(-1..3)))
        }
    }
}

/// Entries that are large, and hard to index.
fn hostile(number: usize, random: &mut fastrand::Rng) -> Entry {
    let plain = entry(number, random);
    match random.u8(0..5) {
        // Too long for its line: a blob.
        0 => plain
            .detail(serde_json::json!({"needle": "in the blob", "padding": "x".repeat(70_000), "exit": 1})),
        // Unique words, as many as a line takes.
        1 => {
            let words: Vec<String> = (0..7_000).map(|word| format!("w{number}x{word}")).collect();
            plain.detail(serde_json::json!({"words": words.join(" "), "exit": 2}))
        }
        // Thousands of keys.
        2 => {
            let members: Vec<String> = (0..3_000).map(|key| format!("\"k{number}.{key}\":{key}")).collect();
            plain.detail_json(&format!("{{{},\"exit\":0}}", members.join(",")))
        }
        // Nested deep.
        3 => plain.detail_json(&format!("{}\"needle\"{}", "[".repeat(100), "]".repeat(100))),
        // Texts that are cut, and stand whole in a blob.
        _ => {
            let long = |word: &str| format!("{} {word}", "cut ".repeat(12_000));
            plain.reason(long("reasonable")).resource(long("resourceful")).cut_to_fit()
        }
    }
}

/// What an import makes of lines of other programs.
fn imported(number: usize, random: &mut fastrand::Rng) -> Vec<Entry> {
    let line = match random.u8(0..4) {
        0 => format!(r#"{{"ts":"2019-01-01T00:00:00Z","who":"bob","msg":"old line {number}","code":0}}"#),
        1 => format!(
            r#"{{"id":"old-{number}","timestamp":"2019-01-01T00:00:00Z","category":"auth","action":"login","principal":"bob","outcome":"denied","extra":{{"exit":1}}}}"#
        ),
        2 => format!("no JSON at all, but needle {number}"),
        _ => format!("{{\"timestamp\":{number},\"action\":\"login\",\"torn"),
    };
    let mut reading = Reading::of(format!("old-{}.jsonl", number % 3), |text| Cow::Borrowed(text));
    let mut read = reading.chunk(format!("{line}\n").as_bytes(), Lines::Whole);
    read.extend(reading.finish());
    read
}
