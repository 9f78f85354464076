//! The entries that a run records. Each is identified by its action, because its id may be made by the engine.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use graven::{Category, Entry, Outcome};
use serde_json::json;

/// The category whose entries are dropped when the queue is full.
pub(crate) const HASTY: Category = Category::Swarm;

/// The size limit of a detail beside the log, as in the settings.
pub(crate) const BLOB_BYTES_MAX: u64 = 1 << 20;

/// The size of details that are too large for a line.
const LARGE_BYTES: usize = 66_000;

/// The n-th entry of a run.
pub(crate) fn entry(n: usize, chance: &mut Rng, now: DateTime<Utc>) -> Entry {
    let category = match chance.u8(..6) {
        0 => Category::Api,
        1 => Category::Auth,
        2 => HASTY,
        3 => Category::custom("of_the_simulator").expect("a good name"),
        _ => Category::ToolExecution,
    };
    let outcome = [Outcome::Success, Outcome::Failure, Outcome::Denied][chance.usize(..3)];
    let mut entry = Entry::new(category, action(n), outcome);
    if chance.bool() {
        entry = entry.principal(["alice@example.com", "\u{202e}eve\n\"", ""][chance.usize(..3)]);
    }
    entry = match chance.u8(..100) {
        // A detail that looks like a marker is kept beside the log, whatever its size.
        0..6 => entry.detail(json!({"$blob": n})),
        6..12 => entry.detail(json!({"$blob": "one of two".repeat(n % 2)})),
        12 => entry.detail(json!({"large": letter(n).repeat(LARGE_BYTES)})),
        13..15 => entry.detail(json!({"long": letter(n).repeat(chance.usize(..20_000))})),
        15..60 => entry.detail(json!({"n": n, "text": letter(n).repeat(chance.usize(..60))})),
        _ => entry,
    };
    if chance.bool() {
        entry.id = Some(format!("given-{n}"));
    }
    if chance.u8(..4) == 0 {
        entry.timestamp = Some(now - TimeDelta::milliseconds(chance.i64(0..100_000)));
    }
    entry
}

/// The action that identifies the n-th entry.
fn action(n: usize) -> String {
    format!("sim:{n}")
}

/// The number of an entry, if the simulator made it.
pub(crate) fn number_of(entry: &Entry) -> Option<usize> {
    let number = entry.action.strip_prefix("sim:")?.parse().ok()?;
    (action(number) == entry.action).then_some(number)
}

fn letter(n: usize) -> &'static str {
    ["a", "b", "é", "\""][n % 4]
}
