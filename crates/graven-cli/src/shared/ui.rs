//! Prints what a command says: its answer to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use graven::{Redaction, Redactor};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;

use crate::shared::failure::Failure;

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
        Ui { json, colour_out: on(io::stdout().is_terminal()), colour_err: on(io::stderr().is_terminal()) }
    }

    /// Whether the answer must be JSON.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Prints one line of the answer.
    pub(crate) fn line(self, line: impl Display) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{line}").map_err(|error| Failure::output(&error))
    }

    /// Prints the answer as one line of JSON.
    pub(crate) fn object(self, answer: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(answer)
            .map_err(|error| Failure::cannot(format_args!("cannot write the answer as JSON: {error}")))?;
        self.line(line)
    }

    /// Prints bytes of the answer unchanged.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
    }

    /// Prints a line to standard error, for a person. A failure to print it is ignored.
    pub(crate) fn note(self, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{line}");
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
        let safe = |text: &str| {
            redactor.as_ref().map_or_else(String::new, |redactor| redactor.text(text).into_owned())
        };
        let (message, advice) = (safe(&failure.message), failure.advice.as_deref().map(safe));
        if self.json {
            let error = serde_json::json!({"error": message, "advice": advice});
            self.note(error);
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
    if colour { text.style(look.style()).to_string() } else { text.to_string() }
}
