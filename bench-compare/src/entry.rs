//! The entry that every log records: about 380 bytes as one line of JSON.

pub(crate) const ACTION: &str = "tool:bash";
pub(crate) const PRINCIPAL: &str = "agent-7@build.example.com";
pub(crate) const SESSION: &str = "01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44";
pub(crate) const DETAIL: &str =
    r#"{"command":"cargo test --workspace","cwd":"/srv/agents/build-17","exit_code":0,"stdout_bytes":48211}"#;
/// Durations start again from zero at this value.
pub(crate) const DURATIONS: u64 = 5_000;

/// The content of an entry besides its id, time, actor and action, as JSON.
pub(crate) fn rest(n: u64) -> String {
    format!(
        r#"{{"category":"tool_execution","outcome":"success","detail":{DETAIL},"duration_ms":{},"session_id":"{SESSION}"}}"#,
        n % DURATIONS
    )
}

/// An entry without id and time, as a client sends it to Graven's server.
pub(crate) fn unfinished(n: u64) -> String {
    format!(
        r#"{{"category":"tool_execution","action":"{ACTION}","principal":"{PRINCIPAL}","outcome":"success","detail":{DETAIL},"duration_ms":{},"session_id":"{SESSION}"}}"#,
        n % DURATIONS
    )
}

/// A finished line, for logs that take bytes. They serialise nothing: only the number in the id changes.
pub(crate) struct ReadyLine {
    bytes: Vec<u8>,
    n: u64,
}

impl ReadyLine {
    pub(crate) fn new() -> ReadyLine {
        let line = format!(
            r#"{{"id":"01995f3e-8a31-7c04-9d1c-000000000000","timestamp":"2026-11-24T03:00:00.123456789Z","category":"tool_execution","action":"{ACTION}","principal":"{PRINCIPAL}","outcome":"success","detail":{DETAIL},"duration_ms":1234,"session_id":"{SESSION}"}}"#,
        );
        ReadyLine { bytes: line.into_bytes(), n: 0 }
    }

    /// The next line, without a newline.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.n += 1;
        let mut left = self.n;
        for digit in self.bytes[NUMBER_AT..NUMBER_AT + NUMBER_DIGITS].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        &self.bytes
    }
}

/// The place of the last group of the id: after `{"id":"01995f3e-8a31-7c04-9d1c-`.
const NUMBER_AT: usize = 31;
const NUMBER_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_is_an_entry_of_the_size_that_is_compared() {
        let mut line = ReadyLine::new();
        line.next();
        let text = std::str::from_utf8(line.next()).unwrap();
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(value["id"], "01995f3e-8a31-7c04-9d1c-000000000002");
        assert!((350..=400).contains(&text.len()), "{}", text.len());
    }
}
