//! `graven config`: the settings of a server as they hold, and where each came from.

use graven::{Redaction, Redactor};
use graven_server::settings::{Source, Value};
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::server::ServerSettings;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven config`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: ServerSettings,
}

const AFTER_HELP: &str = "\
Give it what `graven serve` is given: it prints the settings that such a server would have. A flag counts before a \
variable GRAVEN_*, a variable before the file, and the file before the default. What looks like a secret is masked.";

/// Between the items of a list.
const COMMA: &str = ",";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let effective = args.settings.effective()?;
    let redactor = Redactor::new(Redaction::default())?;
    // No setting is a secret, but somebody may have put one where it does not belong.
    let shown = |value: &Value| -> Vec<String> {
        value.items.iter().map(|item| redactor.text(item).into_owned()).collect()
    };
    if ui.json() {
        let settings: Vec<_> = effective
            .values
            .iter()
            .map(|value| {
                let items = shown(value);
                let text = if value.row.default.is_some() { json!(items.concat()) } else { json!(items) };
                json!({"key": value.row.key, "value": text, "source": source(&value.source)})
            })
            .collect();
        ui.object(&json!({"settings": settings}))?;
        return Ok(failure::OK);
    }
    let rows: Vec<_> = effective
        .values
        .iter()
        .map(|value| (value.row.key, shown(value).join(COMMA), &value.source))
        .collect();
    let width = |of: fn(&(&str, String, &Source)) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (keys, values) = (width(|row| row.0.len()), width(|row| row.1.chars().count()));
    for (key, value, source) in &rows {
        line(ui, &format!("{key:<keys$}"), &format!("{value:<values$}"), source)?;
    }
    Ok(failure::OK)
}

fn line(ui: Ui, key: &str, value: &str, source: &Source) -> Result<(), Failure> {
    let look = if *source == Source::Default { Look::Faint } else { Look::Strong };
    ui.line(format_args!("{}  {value}  {}", ui.paint(Look::Name, key), ui.paint(look, source)))
}

/// Where a value came from, for a program.
fn source(source: &Source) -> serde_json::Value {
    match source {
        Source::Flag(flag) => json!({"flag": flag}),
        Source::Variable(name) => json!({"variable": name}),
        Source::File { path, line } => json!({"file": path, "line": line}),
        Source::Default => json!("default"),
    }
}
