//! `graven prove`: writes the proof that an entry is in the trail, as a C2SP tlog-proof file.

#[cfg(feature = "remote")]
mod remote;

use std::path::PathBuf;

use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::files;
use crate::shared::target::{Target, Which};
use crate::shared::text::counted;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven prove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    which: Which,
    /// Write the proof to this file instead of standard output
    #[arg(long, value_name = "FILE.tlog-proof")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    let reader = args.target.read()?;
    let record = args.which.find(&reader, &args.target.path)?;
    let (checkpoint, note) = reader.checkpoint()?;
    if record.index >= checkpoint.size {
        return Err(not_sealed(record.index, checkpoint.size, &args.target));
    }
    let proof = graven::prove::prove(&reader, record.index, &note)?;
    let trail = args.target.path.display().to_string();
    let key = format!("\"$(graven key {trail})\"");
    written(args, ui, proof.index, checkpoint.size, &proof.tlog_proof.to_string(), &trail, &key)
}

/// Writes the proof, and says how it is verified.
fn written(args: &Args, ui: Ui, index: u64, size: u64, text: &str, trail: &str, key: &str) -> Ending {
    let Some(out) = &args.out else {
        if ui.json() {
            ui.object(&json!({"index": index, "size": size, "proof": text}))?;
        } else {
            ui.bytes(text.as_bytes())?;
        }
        return Ok(failure::OK);
    };
    files::write(out, text.as_bytes())?;
    if ui.json() {
        ui.object(&json!({"index": index, "size": size, "file": out.to_string_lossy()}))?;
        return Ok(failure::OK);
    }
    ui.line(format_args!(
        "{} entry {} is in the tree of {}: {}",
        ui.paint(Look::Good, "proved"),
        index,
        counted(size, "entry", "entries"),
        out.display()
    ))?;
    let proof_file = out.display();
    ui.line("verify it anywhere, without the trail:")?;
    ui.line(format_args!("  graven show {trail} --index {index} --raw > entry.json"))?;
    ui.line(format_args!("  graven verify --proof {proof_file} --entry entry.json --key {key}"))?;
    Ok(failure::OK)
}

/// The entry is not under a checkpoint yet. This command only reads, so it cannot seal the entry.
fn not_sealed(index: u64, size: u64, target: &Target) -> Failure {
    let covered = match size {
        0 => "the checkpoint covers no entry yet".to_owned(),
        _ => format!("the checkpoint covers entries 0 to {}", size - 1),
    };
    Failure::cannot(format_args!("entry {index} is not sealed yet: {covered}")).advise(format_args!(
        "a running program seals it soon: try again. After a crash, the next program that opens {} to record seals it",
        target.path.display()
    ))
}
