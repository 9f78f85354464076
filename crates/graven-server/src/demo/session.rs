//! One session of the demo: a person, an agent, and what they do, each with the time since the session began.

mod tools;

use std::time::Duration;

use fastrand::Rng;
use graven::{Agent, Category, Entry, Outcome, Source};
use serde_json::json;

/// What happens, and how long after the beginning of the session.
pub(super) type Happened = (Duration, Entry);

/// Who signs in.
const PEOPLE: [&str; 7] = [
    "alice@example.com",
    "bob@example.com",
    "chandra@example.com",
    "dilnoza@example.com",
    "emeka@example.com",
    "frida@example.com",
    "release-bot@example.com",
];

const MODELS: [(&str, &str); 3] =
    [("large-3", "2026-09-14"), ("large-3", "2026-11-02"), ("small-2", "2026-06-30")];

const PROMPTS: [&str; 6] = [
    "fix the failing test",
    "explain this error",
    "add an endpoint",
    "review the change",
    "deploy to staging",
    "tidy the imports",
];

/// Which part of 100 sessions begin with a login that is refused.
const REFUSED_PERCENT: u8 = 12;

/// A session while it is being told.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) principal: &'static str,
    pub(super) id: String,
    pub(super) request: String,
    trace: String,
    source: Source,
    agent: Agent,
    after: Duration,
    happened: Vec<Happened>,
}

impl Session<'_> {
    /// All that happens in one session.
    pub(super) fn draw(rng: &mut Rng) -> Vec<Happened> {
        let principal = PEOPLE[rng.usize(..PEOPLE.len())];
        let id = format!("session-{:08x}", rng.u32(..));
        let (model, version) = MODELS[rng.usize(..MODELS.len())];
        let mut session = Session {
            principal,
            request: String::new(),
            trace: String::new(),
            source: Source {
                ip: Some(format!("192.0.2.{}", rng.u8(1..40))),
                user_agent: Some("codectl/2.4".to_owned()),
                service: Some("agent-server".to_owned()),
                host: Some(format!("node-{}", rng.u8(1..4))),
            },
            agent: Agent {
                id: Some("coder".to_owned()),
                instance: Some(format!("coder-{:04x}", rng.u16(..))),
                model: Some(model.to_owned()),
                version: Some(version.to_owned()),
            },
            id,
            after: Duration::ZERO,
            happened: Vec::new(),
            rng,
        };
        session.tell();
        session.happened
    }

    fn tell(&mut self) {
        self.sign_in();
        if self.happened.last().is_some_and(|(_, entry)| entry.outcome == Outcome::Denied) {
            return;
        }
        self.request("POST /v1/sessions", 201);
        let created = Entry::new(Category::Session, "session:create", Outcome::Success);
        self.add(created.resource(format!("/v1/sessions/{}", self.id)));
        for _ in 0..self.rng.usize(1..5) {
            self.prompt();
        }
        if self.rng.u8(..100) < 5 {
            let changed = Entry::new(Category::Config, "config:set", Outcome::Success);
            self.add(changed.detail(json!({"key": "tools.bash.timeout_s", "old": 60, "new": 120})));
        }
        let ended = Entry::new(Category::Session, "session:end", Outcome::Success);
        let took = self.after;
        self.add(ended.duration(took));
    }

    /// A login, which is refused for some: once, or again and again.
    fn sign_in(&mut self) {
        self.new_request();
        let login = |outcome| Entry::new(Category::Auth, "login", outcome);
        if self.rng.u8(..100) < REFUSED_PERCENT {
            self.add(login(Outcome::Denied).reason("wrong password").detail(json!({"method": "password"})));
            if self.rng.bool() {
                self.pause(5..60);
                let again = login(Outcome::Denied).reason("too many attempts").count(self.rng.u64(5..40));
                self.add(again.detail(json!({"method": "password"})));
                return;
            }
        }
        self.pause(1..10);
        self.add(login(Outcome::Success).detail(json!({"method": "passkey"})));
    }

    /// A question, some tools, and the answer.
    fn prompt(&mut self) {
        self.pause(5..90);
        let prompt = PROMPTS[self.rng.usize(..PROMPTS.len())];
        let status = if self.rng.u8(..100) < 4 { 503 } else { 200 };
        self.request("POST /v1/sessions/{id}/prompt", status);
        if status != 200 {
            return;
        }
        let asked = Entry::new(Category::Session, "session:prompt", Outcome::Success);
        let tokens = self.rng.u32(40..4_000);
        self.add(asked.detail(json!({"about": prompt, "tokens": tokens})));
        for _ in 0..self.rng.usize(1..5) {
            self.pause(1..12);
            tools::run(self);
        }
        let thought = Entry::new(Category::Cognition, "cognition:step", Outcome::Success);
        let took = Duration::from_millis(self.rng.u64(400..9_000));
        let tokens = self.rng.u32(200..9_000);
        self.add_as_agent(thought.duration(took).detail(json!({"tokens": tokens})));
    }

    /// An HTTP request, and its answer.
    fn request(&mut self, action: &str, status: u16) {
        self.new_request();
        let outcome = if status < 400 { Outcome::Success } else { Outcome::Failure };
        let took = Duration::from_millis(self.rng.u64(2..400));
        let mut request =
            Entry::new(Category::Api, action, outcome).duration(took).detail(json!({"status": status}));
        if outcome == Outcome::Failure {
            request = request.reason("the model is overloaded");
        }
        self.add(request);
    }

    fn new_request(&mut self) {
        self.request = format!("req-{:012x}", self.rng.u64(..) >> 16);
        self.trace = format!("{:032x}", self.rng.u128(1..));
    }

    /// Lets some seconds pass.
    pub(super) fn pause(&mut self, seconds: std::ops::Range<u64>) {
        self.after += Duration::from_millis(self.rng.u64(seconds.start * 1_000..seconds.end * 1_000));
    }

    /// Something that the person did.
    pub(super) fn add(&mut self, entry: Entry) {
        // Nothing takes no time at all.
        self.after += Duration::from_millis(self.rng.u64(1..30));
        let entry = entry.principal(self.principal).session_id(&self.id).request_id(&self.request);
        let entry = entry.trace_id(&self.trace).source(self.source.clone());
        self.happened.push((self.after, entry));
    }

    /// Something that the agent did for the person.
    pub(super) fn add_as_agent(&mut self, entry: Entry) {
        let agent = self.agent.clone();
        self.add(entry.agent(agent).on_behalf_of([self.principal]));
    }
}
