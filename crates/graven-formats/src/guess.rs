//! Recognises a format by the beginning of a text.

use graven_core::entry::Detail;

use crate::json::{Json, says};
use crate::split::{Form, Splitter, Unit};
use crate::{Format, auditd, claude_code, cloudevents, cloudtrail, codex, github, kubernetes, otlp, vault};

/// How much of a text it takes to recognise its format, in bytes. More is not looked at.
pub const HEAD_BYTES: usize = 256 << 10;

/// The names under which objects hold lists of events.
const LISTS: &[&str] = &["Records", "items"];

/// How many events are looked at: a transcript can begin with lines that tell nothing.
const EVENTS_MAX: usize = 16;

/// The format of a text that begins like this. `None` when it is none of ours: Graven's own entries, or something else.
pub fn guess(head: &[u8]) -> Option<Format> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if head.split(|byte| *byte == b'\n').take(EVENTS_MAX).any(auditd::is_record) {
        return Some(Format::Auditd);
    }
    let mut looks = Vec::new();
    let mut splitter = Splitter::new(Form::Json { list: LISTS });
    splitter.push(head, &mut |unit| {
        if let Unit::Event { json, .. } = unit
            && looks.len() < EVENTS_MAX
        {
            looks.push(look(json));
        }
    });
    match looks.iter().find(|look| **look != Look::Unknown)? {
        Look::Like(format) => Some(*format),
        Look::Entry | Look::Unknown => None,
    }
}

/// Whether a text that is still being sent has begun far enough: its first event, or its first line, is there.
pub fn can_guess(head: &[u8]) -> bool {
    let mut is_there = false;
    let mut splitter = Splitter::new(Form::Json { list: LISTS });
    splitter.push(head, &mut |_| is_there = true);
    is_there
}

/// What an object looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// An entry of Graven.
    Entry,
    Like(Format),
    Unknown,
}

fn look(json: &[u8]) -> Look {
    let Some(detail) = str::from_utf8(json).ok().and_then(|text| Detail::parse(text).ok()) else {
        return Look::Unknown;
    };
    let event = Json::of(&detail);
    let [category, action, outcome] = event.fields(["category", "action", "outcome"]);
    let is_outcome = ["success", "failure", "denied", "pending"].iter().any(|name| says(outcome, name));
    if category.is_some() && action.is_some() && is_outcome {
        return Look::Entry;
    }
    let found = Format::ALL.into_iter().find(|format| is_event(*format, event));
    found.map_or(Look::Unknown, Look::Like)
}

fn is_event(format: Format, event: Json<'_>) -> bool {
    match format {
        Format::CloudTrail => cloudtrail::is_event(event),
        Format::Kubernetes => kubernetes::is_event(event),
        Format::CloudEvents => cloudevents::is_event(event),
        Format::Vault => vault::is_event(event),
        Format::GitHub => github::is_event(event),
        // Its records are no objects.
        Format::Auditd => false,
        Format::Otlp => otlp::is_event(event),
        Format::ClaudeCode => claude_code::is_event(event),
        Format::Codex => codex::is_event(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_other_texts_are_none_of_ours() {
        for text in [
            "",
            "plain text\n",
            "[INFO] started\n",
            r#"{"category":"api","action":"a","outcome":"success"}"#,
            r#"{"level":"info","msg":"hello"}"#,
            r#"{"type":"click","sessionId":"1","uuid":"2"}"#,
            "{\"category\":\"api\",\"action\":\"a\",\"outcome\":\"success\"}\n{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}\n",
        ] {
            assert_eq!(guess(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_tells_nothing_may_stand_before() {
        let event = r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#;
        assert_eq!(guess(format!("a banner\n{{}}\n{event}").as_bytes()), Some(Format::CloudEvents));
        assert_eq!(guess(format!("[{event},").as_bytes()), Some(Format::CloudEvents));
        for (head, is_enough) in
            [("", false), ("{\"items\":[\n", false), ("{\"items\":[{}", true), ("te", false), ("te\n", true)]
        {
            assert_eq!(can_guess(head.as_bytes()), is_enough, "{head:?}");
        }
    }
}
