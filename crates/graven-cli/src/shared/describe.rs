//! Shows an entry to a person: on one line, or as a list of facts.

use graven::reader::Record;
use graven::{Entry, Hash, Outcome};

use crate::shared::failure::Failure;
use crate::shared::text::safe_cut;
use crate::shared::ui::{Look, Ui};

/// The most characters of a detail on the one line.
const DETAIL_WIDTH: usize = 72;

/// One line: index, time, outcome, category, action, principal, and the start of the detail.
pub(crate) fn one_line(ui: Ui, record: &Record) -> String {
    let index = ui.paint(Look::Faint, format_args!("{:>8}", record.index));
    let entry = match record.entry() {
        Ok(entry) => entry,
        Err(error) => {
            let line = safe_cut(&String::from_utf8_lossy(&record.line), DETAIL_WIDTH);
            return format!("{index}  {} {line}", ui.paint(Look::Bad, error.chain()));
        }
    };
    let time =
        entry.timestamp.map(|time| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()).unwrap_or_default();
    let mut line = format!(
        "{index}  {}  {} {:<14} {}",
        ui.paint(Look::Faint, time),
        mark(ui, entry.outcome),
        entry.category.as_str(),
        ui.paint(Look::Strong, &entry.action),
    );
    if let Some(principal) = &entry.principal {
        line.push_str(&format!("  {}", ui.paint(Look::Name, principal)));
    }
    if let Some(detail) = &entry.detail {
        line.push_str(&format!("  {}", ui.paint(Look::Faint, safe_cut(detail.as_str(), DETAIL_WIDTH))));
    }
    line
}

/// The line above entries of one trail of a chain; the newest trail needs no name.
pub(crate) fn of_trail(ui: Ui, origin: Option<&str>) -> String {
    let which = match origin {
        Some(origin) => format!("in the older trail {origin}:"),
        None => "in the newest trail:".to_owned(),
    };
    ui.paint(Look::Faint, which)
}

/// What to say of a sealed entry whose leaf hash in `tiles/` is another one.
pub(crate) fn does_not_fit(index: u64) -> String {
    format!(
        "entry {index} does not fit its leaf hash in tiles/: one of them was changed after it was sealed; run `graven \
         verify`"
    )
}

/// Prints each field on a line of its own, and the detail with indentation.
pub(crate) fn at_length(ui: Ui, record: &Record, sealed: Option<Hash>, entry: &Entry) -> Result<(), Failure> {
    ui.line(format_args!(
        "{}  {}",
        ui.paint(Look::Strong, format_args!("entry {}", record.index)),
        outcome(ui, entry.outcome),
    ))?;
    for (name, value) in facts(entry) {
        ui.fact(name, value)?;
    }
    ui.fact("leaf hash", record.leaf_hash())?;
    if let Some(sealed) = sealed {
        ui.fact("but sealed", ui.paint(Look::Bad, format_args!("{sealed}, as tiles/ says")))?;
    }
    if let Some(detail) = &entry.detail {
        ui.fact("detail", "")?;
        for line in indented(detail.as_str()).lines() {
            ui.line(format_args!("    {line}"))?;
        }
    }
    Ok(())
}

/// The names and values of all fields that are set.
fn facts(entry: &Entry) -> Vec<(&'static str, String)> {
    let source = entry.source.as_ref().map(|source| {
        joined([
            ("", &source.ip),
            ("host ", &source.host),
            ("service ", &source.service),
            ("", &source.user_agent),
        ])
    });
    let agent = entry.agent.as_ref().map(|agent| {
        joined([
            ("", &agent.id),
            ("instance ", &agent.instance),
            ("model ", &agent.model),
            ("version ", &agent.version),
        ])
    });
    let approval = entry.approval.as_ref().map(|approval| {
        let kind = approval.kind.map(|kind| kind.to_string());
        let parts = joined([("by ", &approval.by), ("", &kind), ("rule ", &approval.rule), ("", &None)]);
        if parts.is_empty() {
            approval.decision.to_string()
        } else {
            format!("{}, {parts}", approval.decision)
        }
    });
    let behalf = (!entry.on_behalf_of.is_empty()).then(|| entry.on_behalf_of.join(", then "));
    let all = [
        ("id", entry.id.clone()),
        ("time", entry.timestamp.map(rfc3339)),
        ("category", Some(entry.category.to_string())),
        ("action", Some(entry.action.clone())),
        ("principal", entry.principal.clone()),
        ("duration", entry.duration_ms.map(|ms| format!("{ms} ms"))),
        ("okr", entry.okr_id.clone()),
        ("okr run", entry.okr_run_id.clone()),
        ("relay", entry.relay_id.clone()),
        ("session", entry.session_id.clone()),
        ("trace", entry.trace_id.clone()),
        ("span", entry.span_id.clone()),
        ("request", entry.request_id.clone()),
        ("resource", entry.resource.clone()),
        ("source", source),
        ("agent", agent),
        ("on behalf of", behalf),
        ("phase", entry.phase.map(|phase| phase.to_string())),
        ("intent", entry.intent_id.clone()),
        ("reason", entry.reason.clone()),
        ("count", entry.count.map(|count| count.to_string())),
        ("received", entry.received_at.map(rfc3339)),
        ("recorded by", entry.recorded_by.clone()),
        ("approval", approval),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn rfc3339(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

fn joined(parts: [(&str, &Option<String>); 4]) -> String {
    let parts = parts.into_iter().filter_map(|(name, part)| Some(format!("{name}{}", part.as_ref()?)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What an outcome looks like.
pub(crate) fn look(outcome: Outcome) -> Look {
    match outcome {
        Outcome::Success => Look::Good,
        Outcome::Failure => Look::Bad,
        Outcome::Denied => Look::Notice,
        Outcome::Pending => Look::Faint,
    }
}

/// The mark of an outcome.
pub(crate) fn mark(ui: Ui, outcome: Outcome) -> String {
    let mark = match outcome {
        Outcome::Success => "✓",
        Outcome::Failure => "✗",
        Outcome::Denied => "⊘",
        Outcome::Pending => "…",
    };
    ui.paint(look(outcome), mark)
}

/// The mark of an outcome and its name.
pub(crate) fn outcome(ui: Ui, outcome: Outcome) -> String {
    format!("{} {}", mark(ui, outcome), ui.paint(look(outcome), outcome))
}

/// Indents compact JSON: one value on a line, two spaces a level. It works on the text, so numbers keep every digit.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    let mut characters = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if in_string {
            text.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                text.push(character);
                if let Some(&end) = characters.peek().filter(|&&next| next == '}' || next == ']') {
                    text.push(end);
                    characters.next();
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = usize::saturating_sub(depth, 1);
                line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                in_string = character == '"';
                text.push(character);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn json_is_indented_and_its_values_stay() {
        let json = r#"{"a":[1,{"b":"x,\"{y}"}],"e":{},"n":12345678901234567890.10}"#;
        let shown = indented(json);
        assert_eq!(
            shown,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,\\\"{y}\"\n    }\n  ],\n  \"e\": {},\n  \"n\": 12345678901234567890.10\n}"
        );
    }
}
