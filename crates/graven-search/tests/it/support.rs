//! What several tests use.

use std::path::PathBuf;

use graven::{Entry, Outcome, Settings, Source, Trail};
use graven_search::{Answer, Line, Moment, Query, Search, SearchOptions, matches};
use tempfile::TempDir;

/// The moment of all tests.
pub(crate) fn moment() -> Moment {
    Moment::utc("2026-11-29T12:00:00Z".parse().expect("a time"))
}

/// Reads a query that is right.
pub(crate) fn query(text: &str) -> Query {
    match Query::parse(text, &moment()) {
        Ok(query) => query,
        Err(error) => panic!("{text}: {error}; {:?}", error.advice()),
    }
}

/// A line with these fields after the eight of the contract's.
pub(crate) fn line(index: u64, more: &str) -> Line<'static> {
    let text = format!(
        "{{\"id\":\"e-{index}\",\"timestamp\":\"2026-11-29T11:00:00Z\",\"category\":\"tool_execution\",\
         \"action\":\"tool:bash\",\"principal\":null,\"outcome\":\"success\"{more}}}"
    );
    let entry = Entry::from_line(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    Line::of_entry(index, entry)
}

/// Whether a line with these fields is a hit.
pub(crate) fn hits(text: &str, more: &str) -> bool {
    matches(&query(text), &line(7, more))
}

/// A folder with a trail in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// A closed trail of these entries, in small segments.
    pub(crate) fn with(entries: Vec<Entry>) -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        let trail = place.trail();
        for some in entries.chunks(500) {
            trail.record_batch_blocking(some.to_vec()).expect("they are recorded");
        }
        trail.close_blocking().expect("it is closed");
        place
    }

    /// The trail, open.
    pub(crate) fn trail(&self) -> Trail {
        Trail::open(Settings::new(self.dir()).segment_bytes(100_000).no_flood_control()).expect("it opens")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("trail")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn search(&self) -> Search {
        self.search_with(SearchOptions::default())
    }

    pub(crate) fn search_with(&self, options: SearchOptions) -> Search {
        Search::open(self.dir(), options).expect("it opens")
    }

    /// Replaces a text in the one file of the log that has it.
    pub(crate) fn replace(&self, from: &str, to: &str) {
        let mut files = vec![self.dir().join("audit.jsonl")];
        files.extend(
            std::fs::read_dir(self.dir().join("segments"))
                .expect("segments")
                .map(|file| file.expect("a file").path()),
        );
        let mut changed = 0;
        for file in files {
            let text = std::fs::read_to_string(&file).expect("text");
            if text.contains(from) {
                std::fs::write(&file, text.replacen(from, to, 1)).expect("it is written");
                changed += 1;
            }
        }
        assert_eq!(changed, 1, "{from}");
    }
}

/// The indexes of the hits.
pub(crate) fn indexes(answer: &Answer) -> Vec<u64> {
    answer.hits.iter().map(|hit| hit.index).collect()
}

/// Entries of many kinds, the same for the same seed.
pub(crate) fn entries(count: usize, seed: u64) -> Vec<Entry> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|number| entry(number, &mut random)).collect()
}

fn entry(number: usize, random: &mut fastrand::Rng) -> Entry {
    let category = random.choice(["api", "auth", "tool_execution", "billing"]).expect("one of four");
    let outcome =
        *random.choice(&[Outcome::Success, Outcome::Failure, Outcome::Denied]).expect("one of three");
    let category = category.parse().expect("a category");
    let action =
        *random.choice(&["tool:bash", "POST /api/session", "GET /", "login", "été"]).expect("one of five");
    let time = moment().now - chrono::TimeDelta::seconds(random.i64(0..200_000));
    let mut entry = Entry::new(category, action, outcome).id(format!("id-{number}")).timestamp(time);
    if random.bool() {
        entry = entry
            .principal(*random.choice(&["alice@example.com", "bob", "ci", "ÉLODIE"]).expect("one of four"));
    }
    if random.u8(0..3) > 0 {
        entry = entry.session_id(format!("s-{}", random.u8(0..20)));
    }
    if random.u8(0..8) == 0 {
        entry = entry.count(random.u64(2..50));
    }
    if random.u8(0..4) == 0 {
        entry = entry.on_behalf_of(["alice@example.com", "root"]);
    }
    if random.u8(0..4) == 0 {
        let source = Source { ip: Some(format!("10.{}.0.1", random.u8(0..4))), ..Source::default() };
        entry = entry.source(source);
    }
    if random.bool() {
        entry = entry.duration_ms(random.u64(0..5_000));
    }
    match random.u8(0..8) {
        0 => entry.detail_json(&format!(
            r#"{{"command":"\u0072m -rf /tmp/{number}","exit":{}}}"#,
            random.i8(-1..3)
        )),
        1 => entry.detail(serde_json::json!({"exit": "0", "tags": ["a", {"b": number}]})),
        2 => entry.detail_json(r#"{"exit":1e+300,"k8s.io/decision":"allow"}"#),
        3 => entry.detail(serde_json::json!(["ß", "\u{1b}[2J", "=cmd()", "\u{202e}"])),
        // Too long for its line.
        4 if random.u8(0..10) == 0 => {
            entry.detail(serde_json::json!({"needle": "in the blob", "padding": "x".repeat(70_000)}))
        }
        _ => entry,
    }
}
