//! Measures how long it takes to write, read and hash one line.
//!
//! `cargo run --release -p graven-core --example line_speed [PART OF A NAME]`

#![expect(clippy::print_stdout, reason = "the program is run for its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use graven_core::entry::{Category, Entry, Outcome};
use graven_core::hash::leaf_hash;
use graven_core::line::glance::Glance;
use serde_json::json;

/// How often each is done before the clock is read.
const ROUNDS: u32 = 200_000;

fn main() {
    let detail =
        json!({"method": "POST", "path": "/api/session", "status": 200, "bytes": 1824, "agent": "planner-7"});
    let entry = Entry::new(Category::Api, "POST /api/session", Outcome::Success)
        .id("0192f0c1-2e4b-7c3a-9f00-2a6f5f0c7d11")
        .timestamp("2026-11-24T03:40:17.123456Z".parse().expect("a time"))
        .principal("alice@example.com")
        .detail(&detail)
        .duration_ms(12)
        .session_id("7d1f5a4e-58a3-4b7e-9f3c-0d8f6c1f2b11");
    let mut line = Vec::new();
    entry.append_line(0, &mut line).expect("a good entry");
    println!("a line of {} bytes, an entry of {} bytes in memory", line.len(), size_of::<Entry>());

    let mut out = Vec::with_capacity(1024);
    measure("append_line", || {
        out.clear();
        entry.append_line(0, &mut out).is_ok()
    });
    measure("check", || entry.check().is_ok());
    measure("from_line", || Entry::from_line(&line).is_ok());
    measure("from_input", || Entry::from_input(&line).is_ok());
    measure("Entry::new and setters", || {
        let entry = Entry::new(Category::Api, "POST /api/session", Outcome::Success)
            .principal("alice@example.com")
            .detail(&detail)
            .duration_ms(12)
            .session_id("7d1f5a4e-58a3-4b7e-9f3c-0d8f6c1f2b11");
        black_box(entry).detail.is_some()
    });
    measure("glance: category and outcome", || {
        Glance::at(black_box(&line))
            .is_some_and(|seen| !seen.category().is_empty() && seen.outcome().is_some())
    });
    measure("glance: phase, where there is none", || {
        Glance::at(black_box(&line)).is_some_and(|seen| seen.phase().is_none())
    });
    measure("glance: timestamp", || Glance::at(black_box(&line)).and_then(Glance::timestamp).is_some());
    measure("glance: around the duration", || {
        Glance::at(black_box(&line)).and_then(Glance::around_duration).is_some()
    });
    measure("clone and drop", || black_box(entry.clone()).detail.is_some());
    measure("serde_json::to_string of a detail", || serde_json::to_string(black_box(&detail)).is_ok());
    measure("leaf_hash", || leaf_hash(&line).as_bytes()[0] < 255);
}

/// Says the best of several runs.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
fn measure(name: &str, mut work: impl FnMut() -> bool) {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(work());
        }
        best = best.min(start.elapsed());
    }
    println!("{:>8.0} ns  {name}", best.as_secs_f64() * 1e9 / f64::from(ROUNDS));
}
