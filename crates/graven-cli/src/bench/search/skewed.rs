//! Entries that are skewed as real ones are: few names do most, ids are random. The same for the same seed.
//!
//! The project that compares Graven with its peers includes this file too, so it uses nothing else of this program.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use graven::{Agent, Category, Entry, Outcome, Phase, Source};

/// How many sessions go on at a time.
const SESSIONS: usize = 200;

/// After how many entries a session ends, on average.
const SESSION_ENTRIES: u64 = 50;

/// How many words there are.
const WORDS: usize = 20_000;

/// The two most frequent words: each is common, and the second never follows the first.
pub(crate) const NEVER_MEET: &str = "balu kedo";

/// A word that no entry has.
pub(crate) const ABSENT: &str = "qxzzyx";

/// Phrases that few commands have.
pub(crate) const PHRASES: &[&str] =
    &["rm -rf", "sudo chmod", "chmod 777", "rm -rf /tmp", "chmod 777 /srv", "sudo chmod 777"];

/// The time of the first entry: 2026-10-01.
const FIRST_TIME_S: i64 = 1_790_812_800;

/// The milliseconds from an entry to the next one, on average.
const PACE_MS: i64 = 250;

/// Draws numbers from 0 on: the higher, the rarer.
#[derive(Debug)]
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let sums = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Zipf(sums.collect())
    }

    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let last = self.0.last().copied().unwrap_or(0.0);
        let at = random.f64() * last;
        self.0.partition_point(|sum| *sum < at).min(self.0.len() - 1)
    }
}

/// A session that goes on.
#[derive(Debug)]
struct Session {
    id: String,
    principal: String,
    agent: usize,
}

/// Makes entries, one after the other.
#[derive(Debug)]
pub(crate) struct Skewed {
    random: fastrand::Rng,
    words: Vec<String>,
    of_words: Zipf,
    of_principals: Zipf,
    of_tools: Zipf,
    of_routes: Zipf,
    sessions: Vec<Session>,
    /// The ids of acts that have no result yet.
    intents: VecDeque<String>,
    time: DateTime<Utc>,
}

impl Skewed {
    pub(crate) fn new(seed: u64) -> Skewed {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut words: Vec<String> = NEVER_MEET.split(' ').map(str::to_owned).collect();
        while words.len() < WORDS {
            let word = word(&mut random);
            // Those two are no part of the others' draw.
            if !NEVER_MEET.contains(&word) {
                words.push(word);
            }
        }
        let mut skewed = Skewed {
            random,
            words,
            of_words: Zipf::new(WORDS, 1.0),
            of_principals: Zipf::new(2_000, 1.05),
            of_tools: Zipf::new(24, 1.1),
            of_routes: Zipf::new(60, 1.0),
            sessions: Vec::new(),
            intents: VecDeque::new(),
            time: DateTime::from_timestamp(FIRST_TIME_S, 0).expect("a time"),
        };
        skewed.sessions = (0..SESSIONS).map(|_| skewed.session()).collect();
        skewed
    }

    fn session(&mut self) -> Session {
        let principal = self.of_principals.draw(&mut self.random);
        Session {
            id: self.id(),
            principal: format!("user-{principal}@example.com"),
            agent: self.random.usize(..40),
        }
    }

    /// The next entry.
    pub(crate) fn entry(&mut self) -> Entry {
        self.time += TimeDelta::milliseconds(self.random.i64(0..2 * PACE_MS));
        let at = self.random.usize(..SESSIONS);
        if self.random.u64(..SESSION_ENTRIES) == 0 {
            self.sessions[at] = self.session();
        }
        let mut entry = match self.random.u8(..100) {
            0..46 => self.tool(),
            46..86 => self.request(),
            86..92 => self.login(),
            _ => self.file(),
        };
        let session = &self.sessions[at];
        let agent = Agent {
            id: Some(format!("agent-{}", session.agent)),
            model: Some(format!("model-{}", session.agent % 5)),
            ..Agent::default()
        };
        entry = entry.principal(&session.principal).session_id(&session.id).agent(agent);
        let (id, trace) = (self.id(), self.hex(32));
        entry = self.phase(entry, &id);
        entry.id(id).trace_id(trace).timestamp(self.time)
    }

    /// Some entries stand before their action, and most of these get a result.
    fn phase(&mut self, mut entry: Entry, id: &str) -> Entry {
        match self.random.u8(..100) {
            0 | 1 => {
                self.intents.push_back(id.to_owned());
                entry.outcome = Outcome::Pending;
                entry.duration_ms = None;
                entry.phase(Phase::Intent)
            }
            2 | 3 => match self.intents.pop_front() {
                Some(intent) => entry.phase(Phase::Result).intent_id(intent),
                None => entry,
            },
            _ => entry,
        }
    }

    fn tool(&mut self) -> Entry {
        let tool = self.of_tools.draw(&mut self.random);
        let outcome = self.outcome();
        let (cwd, exit) = (self.path(), self.exit());
        if tool == 0 {
            let command = self.command();
            let detail = format!(r#"{{"command":"{command}","cwd":"{cwd}","exit":{exit}}}"#);
            return self.timed(Category::ToolExecution, "tool:bash", outcome).detail_json(&detail);
        }
        let (hash, text) = (self.hex(40), self.words(2));
        let detail = format!(r#"{{"path":"{cwd}","sha1":"{hash}","note":"{text}","exit":{exit}}}"#);
        self.timed(Category::ToolExecution, &format!("tool:t{tool}"), outcome).detail_json(&detail)
    }

    fn request(&mut self) -> Entry {
        let outcome = self.outcome();
        let route = self.of_routes.draw(&mut self.random);
        let method = ["GET", "POST", "PUT", "DELETE"][route % 4];
        let status = match outcome {
            Outcome::Denied => 403,
            Outcome::Failure => 500,
            _ => 200,
        };
        let (bytes, text) = (self.random.u32(..100_000), self.words(3));
        let detail = format!(r#"{{"status":{status},"bytes":{bytes},"query":"{text}"}}"#);
        let (a, b) = (self.random.u8(..4), self.random.u8(..));
        let source = Source { ip: Some(format!("10.{a}.0.{b}")), ..Source::default() };
        let request = self.hex(16);
        let action = format!("{method} /api/v1/{}", self.words[100 + route]);
        self.timed(Category::Api, &action, outcome).source(source).request_id(request).detail_json(&detail)
    }

    fn login(&mut self) -> Entry {
        let outcome = self.outcome();
        let entry = self.timed(Category::Auth, "login", outcome);
        if outcome == Outcome::Denied { entry.reason(self.words(6)) } else { entry }
    }

    fn file(&mut self) -> Entry {
        let outcome = self.outcome();
        let (path, text) = (self.path(), self.words(6));
        let entry = self.timed(Category::Session, "session.note", outcome);
        entry.resource(path).detail_json(&format!(r#"{{"text":"{text}"}}"#))
    }

    /// An entry that took a while: most are fast, and a few take seconds.
    fn timed(&mut self, category: Category, action: &str, outcome: Outcome) -> Entry {
        let ms = 20.0 / (1.0 - self.random.f64()).powf(0.6);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 30,000")]
        let ms = ms.min(30_000.0) as u64;
        Entry::new(category, action, outcome).duration_ms(ms)
    }

    fn outcome(&mut self) -> Outcome {
        match self.random.u16(..1_000) {
            0..930 => Outcome::Success,
            930..978 => Outcome::Failure,
            _ => Outcome::Denied,
        }
    }

    fn exit(&mut self) -> u8 {
        match self.random.u8(..100) {
            0 | 1 => 1,
            2 => self.random.u8(2..140),
            _ => 0,
        }
    }

    fn command(&mut self) -> String {
        let word = self.words(1);
        match self.random.u16(..10_000) {
            0..20 => format!("rm -rf /tmp/{word}"),
            20..23 => format!("sudo chmod 777 /srv/{word}"),
            _ => self.words(5),
        }
    }

    /// Some words, the frequent ones more often.
    fn words(&mut self, count: usize) -> String {
        let mut text = String::new();
        let mut before = usize::MAX;
        for _ in 0..count {
            let mut word = self.of_words.draw(&mut self.random);
            if (before, word) == (0, 1) {
                word = 2;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&self.words[word]);
            before = word;
        }
        text
    }

    fn path(&mut self) -> String {
        // Some programs cut it into words: the two that never meet do not meet here either.
        format!("/srv/{}", self.words(2).replace(' ', "/"))
    }

    fn id(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut hex = String::new();
        while hex.len() < digits {
            hex.push_str(&format!("{:016x}", self.random.u64(..)));
        }
        hex.truncate(digits);
        hex
    }
}

/// A word of two to four syllables.
fn word(random: &mut fastrand::Rng) -> String {
    let (consonants, vowels) = (b"bdfghklmnprstvw", b"aeiou");
    let mut word = String::new();
    for _ in 0..random.usize(2..5) {
        word.push(char::from(consonants[random.usize(..consonants.len())]));
        word.push(char::from(vowels[random.usize(..vowels.len())]));
    }
    word
}
