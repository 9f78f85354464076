//! `graven init`: creates a trail.

use clap::builder::RangedU64ValueParser;
use graven::Trail;
use graven::disk::{Disk, Kind, Metadata, OsDisk};
use serde_json::json;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::target::Target;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory to create, or the live file when the path ends in `.jsonl`
    #[command(flatten)]
    target: Target,
    /// Set the name of the log in its checkpoints and key, such as example.com/audit [default: graven.local/ and a
    /// random part]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// Close a segment after this number of bytes [default: 256 MiB]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    segment_bytes: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let mut settings = args.target.settings_for_new();
    if let Some(origin) = &args.origin {
        settings = settings.origin(origin);
    }
    if let Some(bytes) = args.segment_bytes {
        settings = settings.segment_bytes(bytes);
    }
    let path = args.target.path.display();
    let beside = graven::layout::Layout::beside_live(&args.target.path);
    if [args.target.layout().meta(), beside.meta()].iter().any(|meta| OsDisk.metadata(meta).is_ok()) {
        return Err(Failure::cannot(format_args!("there is already a trail at {path}"))
            .advise(format_args!("see what is in it with `graven stats {path}`")));
    }
    // An empty one beside a checkpoint is left from an attempt that was cut short.
    let begun = OsDisk.metadata(&beside.checkpoint()).is_ok();
    let is_taken = |found: Metadata| found.kind == Kind::File && (found.bytes > 0 || !begun);
    if OsDisk.metadata(&args.target.path).is_ok_and(is_taken) {
        return Err(Failure::cannot(format_args!("{path} is a file, and not a trail's: it stays as it is"))
            .advise("to import a JSON Lines file: `graven init NEW`, then `graven import NEW FILE`"));
    }
    let trail = Trail::open(settings)?;
    let key = trail.verifier_key().to_string();
    let layout = trail.layout().clone();
    trail.close_blocking()?;
    let origin = key.split('+').next().unwrap_or_default();
    if ui.json() {
        ui.object(&json!({
            "trail": layout.dir().to_string_lossy(),
            "live": layout.live().to_string_lossy(),
            "origin": origin,
            "key": key,
        }))?;
        return Ok(failure::OK);
    }
    ui.line(format_args!("{} a trail at {path}", ui.paint(Look::Good, "created")))?;
    ui.fact("origin", origin)?;
    ui.fact("live file", layout.live().display())?;
    ui.fact("key", ui.paint(Look::Name, &key))?;
    ui.line("")?;
    ui.line("Give the key to those who will verify the trail: with it, `graven verify --key` trusts nothing on this")?;
    ui.line("machine. The signing key is in the trail's keys/: keep it secret.")?;
    Ok(failure::OK)
}
