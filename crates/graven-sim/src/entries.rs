//! The entries that a run records: each known by its action, so that it is found whatever its id.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use graven::{Category, Entry, Outcome};
use serde_json::json;

/// The category whose entries do not wait for room.
pub(crate) const HASTY: Category = Category::Swarm;

/// The largest detail beside the log, as in the settings.
pub(crate) const BLOB_BYTES_MAX: u64 = 1 << 20;

/// How large the details are that need a file of their own for their size.
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
        // One that would pass for a marker is kept beside the log whatever its size.
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

/// What the n-th entry is known by.
fn action(n: usize) -> String {
    format!("sim:{n}")
}

/// Which entry this is, if it is one of ours.
pub(crate) fn number_of(entry: &Entry) -> Option<usize> {
    let number = entry.action.strip_prefix("sim:")?.parse().ok()?;
    (action(number) == entry.action).then_some(number)
}

fn letter(n: usize) -> &'static str {
    ["a", "b", "é", "\""][n % 4]
}
