//! `graven export viewer`: writes the page that checks one entry offline, and says its SHA-256.

use std::path::PathBuf;

use graven_core::hash::sha256;
use serde_json::json;

use crate::shared::failure::{self, Ending};
use crate::shared::files;
use crate::shared::text::bytes;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven export viewer`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The file to write; an existing one is replaced
    #[arg(value_name = "OUT.html")]
    out: PathBuf,
}

const AFTER_HELP: &str = "\
The page needs no server and no network: open it from your disk, and give it the entry, its proof and the key of the log.

  graven show TRAIL --index N --raw > entry.json
  graven prove TRAIL --index N --out N.tlog-proof
  graven key TRAIL

Code that comes from a server can say what the server likes. This page does not come from there: compare its SHA-256 with \
the one in the documentation (docs/PAGE-CHECKING.md), and keep the file. The page says what a proof does not prove.";

pub(super) fn run(args: &Args, ui: Ui) -> Ending {
    let html = graven_server::viewer::html();
    let digest = sha256(html.as_bytes()).to_hex();
    files::write(&args.out, html.as_bytes())?;
    if ui.json() {
        let file = args.out.to_string_lossy();
        ui.object(&json!({"file": file, "sha256": digest, "bytes": html.len()}))?;
        return Ok(failure::OK);
    }
    ui.line(format_args!(
        "{} the viewer to {}, {}",
        ui.paint(Look::Good, "wrote"),
        args.out.display(),
        bytes(html.len() as u64)
    ))?;
    ui.fact("sha256", &digest)?;
    ui.line("open it in a browser, and give it an entry, its proof and the key of the log:")?;
    ui.line("  graven show TRAIL --index N --raw > entry.json")?;
    ui.line("  graven prove TRAIL --index N --out N.tlog-proof")?;
    ui.line("  graven key TRAIL")?;
    Ok(failure::OK)
}
