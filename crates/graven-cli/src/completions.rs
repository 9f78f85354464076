//! `graven completions`: prints a completion script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::shared::failure::{self, Ending};
use crate::shared::ui::Ui;

/// The arguments of `graven completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "graven", &mut script);
    if ui.json() {
        let script = String::from_utf8_lossy(&script);
        ui.object(&serde_json::json!({"shell": args.shell.to_string(), "script": script}))?;
    } else {
        ui.bytes(&script)?;
    }
    Ok(failure::OK)
}
