//! Prints what a command says: its answer to standard output, everything else to standard error.
//!
//! All text goes through here, and none of it reaches a terminal raw: names, arguments, entries and the causes of errors
//! may come from somebody else. Only what [`paint`](Ui::paint) adds stays, and nobody else can make text look like that.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use clap::ValueEnum;
use graven::disk::{Disk, OsDisk};
use graven::{Redaction, Redactor};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;

use crate::shared::failure::Failure;
use crate::shared::text::{self, safe};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colours {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Prints for one command, as text or as JSON, with or without colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    json: bool,
    /// Whether standard output is a terminal.
    terminal: bool,
    colour_out: bool,
    colour_err: bool,
}

/// What a piece of text means. This decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Success.
    Good,
    /// Something to know.
    Notice,
    /// Failure.
    Bad,
    /// Less important than the text beside it.
    Faint,
    /// A heading.
    Strong,
    /// A name or an address.
    Name,
    /// What was searched for.
    Match,
}

impl Look {
    fn style(self) -> Style {
        match self {
            Look::Good => Style::new().green().bold(),
            Look::Notice => Style::new().yellow(),
            Look::Bad => Style::new().red().bold(),
            Look::Faint => Style::new().dimmed(),
            Look::Strong => Style::new().bold(),
            Look::Name => Style::new().cyan(),
            Look::Match => Style::new().yellow().bold().underline(),
        }
    }
}

impl Ui {
    /// Prints to the standard output and error of this process.
    pub(crate) fn new(json: bool, colours: Colours) -> Ui {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let on = |terminal: bool| match colours {
            Colours::Always => true,
            Colours::Never => false,
            Colours::Auto => terminal && !no_color,
        };
        let terminal = io::stdout().is_terminal();
        Ui { json, terminal, colour_out: on(terminal), colour_err: on(io::stderr().is_terminal()) }
    }

    /// Whether the answer must be JSON.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Prints one line of the answer.
    pub(crate) fn line(self, line: impl Display) -> Result<(), Failure> {
        self.page((shown(&line.to_string()) + "\n").as_bytes())
    }

    /// Prints the answer as one line of JSON.
    pub(crate) fn object(self, answer: &impl Serialize) -> Result<(), Failure> {
        let line = text::json(answer)
            .map_err(|error| Failure::cannot(format_args!("cannot write the answer as JSON: {error}")))?;
        self.line(line)
    }

    /// Prints bytes of the answer: unchanged for a program that reads them, safe on a terminal.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        self.page(&self.safe_on_a_terminal(bytes, text::safe_lines))
    }

    /// A stored line as it is printed: unchanged for a program that reads it, because its bytes are hashed; on a terminal
    /// with escapes of JSON, which mean the same.
    pub(crate) fn stored(self, line: &[u8]) -> Cow<'_, [u8]> {
        self.safe_on_a_terminal(line, text::safe_json)
    }

    fn safe_on_a_terminal<'a>(self, bytes: &'a [u8], safe: fn(&str) -> String) -> Cow<'a, [u8]> {
        match self.terminal {
            true => Cow::Owned(safe(&String::from_utf8_lossy(bytes)).into_bytes()),
            false => Cow::Borrowed(bytes),
        }
    }

    /// Prints what [`shown`] and [`stored`](Ui::stored) have made.
    pub(crate) fn page(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
    }

    /// Prints a line to standard error, for a person. A failure to print it is ignored.
    pub(crate) fn note(self, line: impl Display) {
        // Nobody is left to tell.
        let _ = writeln!(io::stderr().lock(), "{}", shown(&line.to_string()));
    }

    /// Prints a warning to standard error.
    pub(crate) fn warn(self, warning: impl Display) {
        self.note(format_args!("{} {warning}", self.paint_err(Look::Notice, "warning:")));
    }

    /// Prints why the command failed.
    pub(crate) fn fail(self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        // The message may repeat the user's input, and that may have secrets in it.
        let redactor = Redactor::new(Redaction::default()).ok();
        let redacted = |text: &str| {
            redactor.as_ref().map_or_else(String::new, |redactor| redactor.text(text).into_owned())
        };
        let (message, advice) = (redacted(&failure.message), failure.advice.as_deref().map(redacted));
        if self.json {
            let error = serde_json::json!({"error": message, "advice": advice});
            self.note(text::safe_json(&error.to_string()));
            return;
        }
        self.note(format_args!("{} {}", self.paint_err(Look::Bad, "graven:"), message));
        if let Some(advice) = &advice {
            self.note(format_args!("        {}", self.paint_err(Look::Faint, advice)));
        }
    }

    /// Colours a text for standard output.
    pub(crate) fn paint(self, look: Look, text: impl Display) -> String {
        paint(self.colour_out, look, text)
    }

    /// Colours a text for standard error.
    pub(crate) fn paint_err(self, look: Look, text: impl Display) -> String {
        paint(self.colour_err, look, text)
    }

    /// Prints a line `name  value` of a list of facts.
    pub(crate) fn fact(self, name: &str, value: impl Display) -> Result<(), Failure> {
        let line = format!("  {} {value}", self.paint(Look::Faint, format_args!("{name:<12}")));
        self.line(line.trim_end())
    }
}

fn paint(colour: bool, look: Look, text: impl Display) -> String {
    if !colour {
        return text.to_string();
    }
    let mark = mark();
    format!("{mark}{}{mark}", safe(&text.to_string()).style(look.style()))
}

/// What stands before and after coloured text until it is printed: nobody outside this process can know it.
fn mark() -> &'static str {
    static MARK: LazyLock<String> = LazyLock::new(|| format!("\u{1b}{}\u{1b}", OsDisk.unique()));
    &MARK
}

/// A line as it is printed: all of it is safe, and what was coloured is in colour.
pub(crate) fn shown(line: &str) -> String {
    let parts = line.split(mark()).enumerate();
    parts.map(|(number, part)| if number % 2 == 0 { safe(part) } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_painted_is_in_colour() {
        let painted = paint(true, Look::Good, "in\u{1b}[1mside");
        let line = shown(&format!("\u{1b}[31mred {painted} \n\u{202e}"));
        assert_eq!(line, "\\u{1b}[31mred \u{1b}[32;1min\\u{1b}[1mside\u{1b}[0m \\u{a}\\u{202e}");
        assert_eq!(shown(&paint(false, Look::Good, "\u{1b}")), "\\u{1b}");
    }

    #[test]
    fn exact_bytes_are_for_programs_and_not_for_terminals() {
        let on = |terminal| Ui { json: false, terminal, colour_out: false, colour_err: false };
        let (line, text) = ("{\"a\":\"\u{9b}\u{202e}\"}".as_bytes(), b"a\xff\x1b[2J\nb".as_slice());
        assert_eq!(&*on(false).stored(line), line);
        assert_eq!(&*on(true).stored(line), b"{\"a\":\"\\u009b\\u202e\"}");
        assert_eq!(&*on(false).safe_on_a_terminal(text, text::safe_lines), text);
        let safe = on(true).safe_on_a_terminal(text, text::safe_lines);
        assert_eq!(&*safe, "a\u{fffd}\\u{1b}[2J\nb".as_bytes());
    }
}
