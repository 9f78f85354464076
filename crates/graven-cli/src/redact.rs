//! `graven redact`: removes secrets from a text as a trail does, or shows which ones it would remove.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use graven::redact::{self, Finding};
use graven::{Redaction, Redactor};
use serde::Serialize;
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::Target;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven redact`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print where the secrets are instead of the redacted text; never the secrets themselves
    #[arg(long)]
    explain: bool,
    /// Use the rules and the key of this trail, so that the result is what the trail would store
    #[arg(long, value_name = "DIR")]
    trail: Option<std::path::PathBuf>,
    /// List the rules, and read nothing
    #[arg(long, conflicts_with = "explain")]
    rules: bool,
}

const AFTER_HELP: &str = "\
Reads text or NDJSON from standard input. In a line that is a JSON object or array, each member is searched, and only \
secrets change. Other lines are searched together, because a private key has many lines. With --explain, each secret \
gets a line: where it is, which rule found it, and what would replace it.

Exit codes: 0 no secret (without --explain: success), 1 with --explain: secrets were found, 2 no answer.";

/// Lines that are not JSON are collected up to this size. A private key that has not ended may be longer.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// A private key is at most this long. Text that begins like one and is longer is not a key.
const KEY_BYTES_MAX: usize = 64 << 10;
/// The longest line or text. A longer one is cut into pieces.
const PIECE_BYTES_MAX: usize = 32 << 20;

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if args.rules {
        return name_rules(ui);
    }
    let redactor = match &args.trail {
        Some(trail) => of_trail(trail)?,
        None => Redactor::new(Redaction::default())?,
    };
    let mut output = Output { redactor, ui, explain: args.explain, found: 0 };
    read(io::stdin().lock(), &mut output)?;
    if !args.explain {
        return Ok(failure::OK);
    }
    if !ui.json() {
        let count = crate::shared::text::counted(output.found, "secret", "secrets");
        ui.note(format_args!("{count} found, by version {} of the rules", redact::VERSION));
    }
    Ok(if output.found > 0 { failure::FOUND } else { failure::OK })
}

/// The redactor of a trail. Without redaction it would print every secret.
fn of_trail(trail: &Path) -> Result<Redactor, Failure> {
    Target { path: trail.to_owned() }.must_exist()?;
    let redaction = Redaction::of_trail(trail)?;
    if !redaction.is_on() {
        return Err(Failure::cannot(format_args!("redaction is off in {}", trail.display()))
            .advise("leave out --trail, for the built-in rules and a key of its own"));
    }
    Ok(Redactor::of_trail(trail, redaction)?)
}

fn name_rules(ui: Ui) -> Ending {
    let rules = redact::built_in_rules();
    if ui.json() {
        ui.object(&json!({"version": redact::VERSION, "rules": rules}))?;
        return Ok(failure::OK);
    }
    rules.into_iter().try_for_each(|rule| ui.line(rule))?;
    Ok(failure::OK)
}

/// Cuts the input into JSON lines and texts.
fn read(input: impl Read, output: &mut Output) -> Result<(), Failure> {
    let mut input = BufReader::new(input);
    let mut text = String::new();
    let (mut number, mut first) = (0, 1);
    // A text of this length is looked at: does it end within a key?
    let mut look_at = TEXT_BYTES_MAX;
    loop {
        let mut line = Vec::new();
        let read = input.by_ref().take(PIECE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        let read =
            read.map_err(|error| Failure::cannot(format_args!("cannot read standard input: {error}")))?;
        if read == 0 {
            break;
        }
        number += 1;
        // Only UTF-8 can be searched.
        let line = String::from_utf8(line)
            .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
        let is_json = line.trim_start().starts_with(['{', '[']) && output.redactor.json(&line).is_some();
        if is_json || text.len() + line.len() > PIECE_BYTES_MAX {
            output.text(&text, first)?;
            text.clear();
            look_at = TEXT_BYTES_MAX;
        }
        if is_json {
            output.json(&line, number)?;
            continue;
        }
        if text.is_empty() {
            first = number;
        }
        text.push_str(&line);
        if text.len() <= look_at {
            continue;
        }
        // Not after each line: a look costs as much as a key is long.
        look_at = text.len() + KEY_BYTES_MAX;
        if !is_within_a_key(&text) {
            output.text(&text, first)?;
            text.clear();
            look_at = TEXT_BYTES_MAX;
        }
    }
    output.text(&text, first)
}

/// Whether the text ends inside a private key.
fn is_within_a_key(text: &str) -> bool {
    let end = &text[text.floor_char_boundary(text.len().saturating_sub(KEY_BYTES_MAX))..];
    end.rfind("-----BEGIN ").is_some_and(|begin| !end[begin..].contains("-----END "))
}

/// Prints the answer.
struct Output {
    redactor: Redactor,
    ui: Ui,
    explain: bool,
    found: u64,
}

/// A secret in the JSON of `--explain`.
#[derive(Serialize)]
struct Shown<'a> {
    /// From 1.
    line: u64,
    /// From 1, in bytes. Absent when a whole JSON value is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'a str,
    rule: &'a str,
    replacement: &'a str,
}

impl Output {
    fn text(&mut self, text: &str, first: u64) -> Result<(), Failure> {
        if !self.explain {
            return self.ui.bytes(self.redactor.text(text).as_bytes());
        }
        for finding in self.redactor.explain_text(text) {
            let place = finding.place.map(|(start, bytes)| {
                let before = &text[..start];
                let line = first + memchr::memchr_iter(b'\n', before.as_bytes()).count() as u64;
                (line, start - before.rfind('\n').map_or(0, |newline| newline + 1) + 1, bytes)
            });
            let (line, column, bytes) =
                place.map_or((first, None, None), |(line, column, bytes)| (line, Some(column), Some(bytes)));
            self.show(line, column, bytes, &finding)?;
        }
        Ok(())
    }

    fn json(&mut self, line: &str, number: u64) -> Result<(), Failure> {
        if !self.explain {
            let redacted = self.redactor.json(line);
            return self.ui.bytes(redacted.as_deref().unwrap_or(line).as_bytes());
        }
        for finding in self.redactor.explain_json(line).unwrap_or_default() {
            // The place is inside a string, and the field says in which one.
            self.show(number, None, finding.place.map(|(_, bytes)| bytes), &finding)?;
        }
        Ok(())
    }

    fn show(
        &mut self,
        line: u64,
        column: Option<usize>,
        bytes: Option<usize>,
        finding: &Finding,
    ) -> Result<(), Failure> {
        self.found += 1;
        let Finding { rule, field, replacement, .. } = finding;
        if self.ui.json() {
            return self.ui.object(&Shown { line, column, bytes, field, rule, replacement });
        }
        let column = column.map(|column| format!(":{column}")).unwrap_or_default();
        let field = if field.is_empty() { String::new() } else { format!(" {field}") };
        self.ui.line(format_args!(
            "{}{field}  {}  {}",
            self.ui.paint(Look::Faint, format_args!("line {line}{column}")),
            self.ui.paint(Look::Strong, rule),
            self.ui.paint(Look::Notice, replacement),
        ))
    }
}
