//! `graven key`: prints the verifier key and nothing else.

use serde_json::json;

use crate::shared::failure::{self, Ending};
use crate::shared::target::Target;
use crate::shared::ui::Ui;

/// The arguments of `graven key`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let reader = args.target.read()?;
    let key = reader.meta().key.to_string();
    if ui.json() {
        ui.object(&json!({"key": key}))?
    } else {
        ui.line(key)?
    }
    Ok(failure::OK)
}
