//! The entries that are recorded: about 360 bytes a line, as an agent server writes them.

use graven::{Category, Entry, Outcome};

/// An entry to be copied for each that is recorded. Building the detail is the caller's cost, so it is not measured.
pub(crate) fn template() -> Entry {
    Entry::new(Category::ToolExecution, "tool:bash", Outcome::Success)
        .principal("agent-7@build.example.com")
        .session_id("01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44")
        .detail_json(DETAIL)
}

/// The same entry with an id and a time, as it is stored.
pub(crate) fn with_id_and_time(mut template: Entry) -> Entry {
    template.id = Some("01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44".to_owned());
    template.timestamp = Some("2026-11-24T03:00:00.123456789Z".parse().expect("a time"));
    template
}

/// The next entry of a template.
pub(crate) fn entry(template: &Entry, n: u64) -> Entry {
    template.clone().duration_ms(n % 5_000)
}

/// A line as it is stored, without its newline.
pub(crate) fn stored_line() -> Vec<u8> {
    let mut line = Vec::new();
    let entry = entry(&with_id_and_time(template()), 12_345);
    let _blob = entry.append_line(u64::MAX, &mut line).expect("a valid entry");
    line
}

const DETAIL: &str =
    r#"{"command":"cargo test --workspace","cwd":"/srv/agents/build-17","exit_code":0,"stdout_bytes":48211}"#;

/// The same as a line of NDJSON without id and time, for standard input.
pub(crate) fn ndjson(n: u64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    writeln!(
        out,
        r#"{{"category":"tool_execution","action":"tool:bash","principal":"agent-7@build.example.com","outcome":"success","detail":{DETAIL},"duration_ms":{},"session_id":"01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44"}}"#,
        n % 5_000,
    )
    .expect("a Vec takes every byte");
}
