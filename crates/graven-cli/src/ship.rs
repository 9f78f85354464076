//! `graven ship`: puts a trail into object storage while it grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chrono::TimeDelta;
use graven::{ErrorKind, Machine, Trail};
use graven_archive::{Address, ArchiveError, Fenced, ShipOptions, Shipper, State, Status};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::shared::archive::machine_name;
use crate::shared::failure::{Ending, FOUND, Failure, OK};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{bytes, count, counted, duration};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven ship`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The archive: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER
    #[arg(value_name = "URL", value_parser = Address::parse)]
    url: Address,
    /// Go on with what is recorded from now on, until the command is ended
    #[arg(long)]
    follow: bool,
    /// Remove tail objects that a closed segment has replaced
    #[arg(long)]
    gc: bool,
    /// Take the trail over from another writer, which can ship nothing more then; this trail must be a continuation of
    /// what is in the archive
    #[arg(long)]
    take_over: bool,
    /// What this writer is called in the archive [default: the name of the machine]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How long entries wait for others before they are shipped, in seconds; a MiB goes at once
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    every: Duration,
}

const AFTER_HELP: &str = "\
Everything under the checkpoint is shipped: entries, large details, hashes and signed heads, and no private key. \
Credentials come from the environment, from files or from the role of the machine: AWS_ACCESS_KEY_ID and others for S3, \
GOOGLE_APPLICATION_CREDENTIALS for Google, AZURE_STORAGE_ACCOUNT_NAME and others for Azure.

A prefix holds one trail, and one machine ships it at a time. Which one it is, the archive itself decides: a copy of this \
machine, or an old one that comes back, is fenced. It is told who writes now, an entry in its trail says so, and it goes on \
recording.

With --follow it goes on when the archive is away, says so, and catches up.

Exit codes: 0 everything sealed is shipped (with --follow: until it was ended), 1 fenced, 2 no answer.";

/// How often it looks how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// How long a command without `--follow` waits for an archive that is away.
const AWAY_MAX: TimeDelta = TimeDelta::seconds(30);

/// The longest time between two heads: what was recorded meanwhile is lost with the machine.
const EVERY_MAX: Duration = Duration::from_secs(3_600);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, such as 1 or 0.5".to_owned())?;
    let every = Duration::try_from_secs_f64(seconds).map_err(|_| "a number of seconds above 0".to_owned())?;
    if every < LOOK || every > EVERY_MAX {
        return Err("from 0.1 to 3600 seconds".to_owned());
    }
    Ok(every)
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let reader = args.target.read()?;
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))
            .map_err(|error| Failure::cannot(format_args!("cannot wait for signals: {error}")))?;
    }
    let (sealed, _) = reader.checkpoint()?;
    let mut options = ShipOptions::new(args.name.clone().unwrap_or_else(machine_name));
    (options.take_over, options.every, options.gc) = (args.take_over, args.every, args.gc);
    let shipper = Shipper::start(reader, &args.url, options).map_err(|error| failed(&error))?;
    let progress = Progress::new(ui, "shipping", Unit::Entries, sealed.size.max(1));
    let mut told = Told::default();
    let clock = Machine::os().clock;
    loop {
        let status = shipper.status();
        progress.set(status.shipped.min(sealed.size), sealed.size);
        told.tell(ui, &status);
        let done = !args.follow && matches!(status.state, State::Shipping) && status.shipped >= sealed.size;
        let over = matches!(status.state, State::Fenced(_) | State::Refused(_) | State::Stopped);
        // A command that somebody waits for does not wait for ever.
        let away = !args.follow
            && matches!(status.state, State::Failing { since, .. } if clock.now() - since >= AWAY_MAX);
        if done || over || away || ended.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(LOOK);
    }
    let status = shipper.stop();
    progress.finish();
    end(args, ui, &status)
}

/// What was said of failures: each change once.
#[derive(Debug, Default)]
struct Told {
    failing: bool,
}

impl Told {
    fn tell(&mut self, ui: Ui, status: &Status) {
        let failing = match &status.state {
            State::Failing { error, .. } if !self.failing => {
                let lag = counted(status.lag.entries, "entry", "entries");
                ui.warn(format_args!(
                    "{}: trying again; {lag} recorded here are not in the archive",
                    error.chain()
                ));
                true
            }
            State::Failing { .. } => true,
            _ if self.failing => {
                ui.note("graven: the archive answers again");
                false
            }
            _ => false,
        };
        self.failing = failing;
    }
}

/// Says how it ended.
fn end(args: &Args, ui: Ui, status: &Status) -> Ending {
    let exit = match &status.state {
        State::Fenced(by) => {
            record_fenced(args, ui, by);
            FOUND
        }
        State::Refused(error) => return Err(failed(error)),
        State::Failing { error, .. } => return Err(failed(error)),
        _ => OK,
    };
    let Status { state, epoch, shipped, removed, lag, .. } = status;
    if ui.json() {
        let fenced = match state {
            State::Fenced(by) => {
                json!({"archive": by.address, "writer": by.other, "first_differing": by.first_differing})
            }
            _ => json!(null),
        };
        let lag = json!({"entries": lag.entries, "bytes": lag.bytes, "seconds": lag.time.as_secs_f64()});
        ui.object(&json!({
            "archive": args.url.to_string(), "epoch": epoch, "shipped": shipped, "lag": lag, "removed": removed,
            "fenced": fenced,
        }))?;
        return Ok(exit);
    }
    match state {
        State::Fenced(by) => ui.line(format_args!("{}: {by}", ui.paint(Look::Bad, "✗ fenced")))?,
        _ => ui.line(format_args!("{} to {}", ui.paint(Look::Good, "✓ shipped"), args.url))?,
    }
    ui.fact("entries", format_args!("{} under a head there", count(*shipped)))?;
    if lag.entries > 0 {
        let (lines, time) = (bytes(lag.bytes), duration(lag.time));
        let entries = counted(lag.entries, "entry", "entries");
        ui.fact("only here", format_args!("{entries}, {lines}, for up to {time}"))?;
    }
    if args.gc {
        ui.fact("removed", counted(*removed, "tail object", "tail objects"))?;
    }
    Ok(exit)
}

/// Records in the trail itself that it is shipped no more, and why. The command fails either way.
fn record_fenced(args: &Args, ui: Ui, by: &Fenced) {
    let recorded = Trail::open(args.target.settings())
        .and_then(|trail| trail.record_blocking(by.entry()).and_then(|_| trail.close_blocking()));
    match recorded {
        Ok(()) => {}
        // A restored copy, for example.
        Err(error) if error.kind() == ErrorKind::Invalid => {}
        Err(error) => ui.warn(format_args!("cannot record that this trail is fenced: {}", error.chain())),
    }
}

fn failed(error: &ArchiveError) -> Failure {
    Failure::cannot(error.chain())
}
