//! `graven serve`: an audit trail for programs in any language, over HTTP.

use graven_server::settings::{Broken, Effective};
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::server::ServerSettings;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: ServerSettings,
    /// Check the settings, say which rule they do not keep, and start nothing
    #[arg(long)]
    check: bool,
}

const AFTER_HELP: &str = "\
The first start prints one token with the role admin, once; `graven token new` makes others. Every setting can also be \
given by a variable GRAVEN_* or in a TOML file: `graven config` shows each as it holds, and docs/SERVER.md lists them.

Off loopback, the server starts only with --insecure, which says that a proxy with TLS stands before it, and when there \
is a token.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let effective = args.settings.effective()?;
    let broken = effective.check();
    if args.check || !broken.is_empty() {
        return told(ui, &broken);
    }
    start(&effective)
}

/// Says which rules the settings do not keep.
fn told(ui: Ui, broken: &[Broken]) -> Ending {
    if ui.json() {
        let rules: Vec<_> = broken
            .iter()
            .map(|Broken { rule, why, add }| json!({"rule": rule, "why": why, "add": add}))
            .collect();
        ui.object(&json!({"ok": broken.is_empty(), "broken": rules}))?;
    } else if broken.is_empty() {
        ui.line(ui.paint(Look::Good, "the settings keep all rules"))?;
    }
    if broken.is_empty() {
        return Ok(failure::OK);
    }
    for Broken { rule, why, add } in broken.iter().filter(|_| !ui.json()) {
        ui.note(format_args!("{} {rule}: {why}", ui.paint_err(Look::Bad, "graven:")));
        add.iter().for_each(|line| ui.note(format_args!("        {}", ui.paint_err(Look::Name, line))));
    }
    Ok(failure::CANNOT)
}

fn start(_effective: &Effective) -> Ending {
    Err(Failure::cannot("this version checks the settings of a server, and starts none yet"))
}
