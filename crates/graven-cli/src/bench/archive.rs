//! `graven bench archive`: what shipping costs a recorder, how far the archive is behind, how large it is, and how fast it
//! is verified and restored.

mod coming_back;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use graven::reader::Reader;
use graven::{Settings, Trail};
use graven_archive::{Address, ArchiveError, ShipOptions, Shipper, State};

use super::pairs::Pairs;
use super::report::{Bound, Figure, Report};
use super::search::skewed::Skewed;
use super::stopwatch::Stopwatch;
use super::{Bench, disk};
use crate::shared::failure::{Ending, Failure, OK};
use crate::shared::ui::Ui;

/// How many entries the recorder records a second, and how many at a time.
const PACE: u64 = 50_000;
const BATCH: u64 = 500;

/// How often a recorder with shipping beside it and one without take turns.
const TURNS: u32 = 3;

/// How often it looks how far the archive is behind.
const LOOK: Duration = Duration::from_millis(50);

/// The arguments of `graven bench archive`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the trails to be shipped in this directory. They are removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Ship to this archive, which must be empty: objects are left in it, and their size, verification and restoring are
    /// not measured [default: a folder in --dir, which is removed]
    #[arg(long, value_name = "URL", value_parser = Address::parse)]
    url: Option<Address>,
    /// Record for this number of seconds in each turn
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
    /// Verify and restore an archive of this many entries
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    entries: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let folder = tempfile::Builder::new()
        .prefix("graven-bench-")
        .tempdir_in(&args.dir)
        .map_err(|error| Failure::file("create a folder in", &args.dir, &error))?;
    let bench =
        Bench { folder: folder.path().to_owned(), time: Duration::from_secs(args.seconds.max(1)), ui };
    let bucket = bench.path("bucket");
    let url = match &args.url {
        Some(url) => url.clone(),
        None => Address::parse(&format!("file://{}", bucket.display())).map_err(failed)?,
    };
    let mut report = Report::new();
    let (mut rates, mut lag) = (Pairs::default(), Duration::ZERO);
    for turn in 0..TURNS {
        bench.note("a recorder with shipping beside it");
        let to = Address::parse(&format!("{url}/{turn}")).map_err(failed)?;
        let with = record(&bench, Some(&to))?;
        let without = record(&bench, None)?;
        rates.add(with.rate, without.rate);
        lag = lag.max(with.lag);
    }
    let name = "a recorder at 50,000/s with shipping beside it";
    report.add(Figure::beside(name, &rates, "1/s", "the same without it").goal(Bound::AtLeast(0.9)));
    let figure =
        Figure::absolute("lag of the archive behind it", lag.as_secs_f64(), "s", "the most in all turns");
    report.add(figure.goal(Bound::AtMost(2.0)));
    if args.url.is_none() {
        disk::remove(&bucket)?;
        coming_back::measure_size(&bench, &mut report)?;
        coming_back::measure(&bench, args.entries.max(1), &mut report)?;
    }
    report.print(ui)?;
    Ok(OK)
}

fn failed(error: ArchiveError) -> Failure {
    Failure::cannot(error.chain())
}

/// What a recorder did.
struct Recording {
    /// Entries a second.
    rate: f64,
    /// The longest that the oldest entry waited which was not in the archive.
    lag: Duration,
}

/// Records at a pace, and ships beside it.
fn record(bench: &Bench, to: Option<&Address>) -> Result<Recording, Failure> {
    let dir = bench.path("shipped");
    let trail = Trail::open(Settings::new(&dir).no_flood_control().segment_bytes(64 << 20))?;
    let mut options = ShipOptions::new("bench");
    options.gc = true;
    let start = |to| Shipper::start(Reader::open(&dir)?, to, options);
    let shipper = to.map(start).transpose().map_err(failed)?.map(Arc::new);
    let over = Arc::new(AtomicBool::new(false));
    let watching = shipper.clone().map(|shipper| {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let mut lag = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                lag = lag.max(shipper.status().lag.time);
                thread::sleep(LOOK);
            }
            lag
        })
    });
    let mut skewed = Skewed::new(1);
    let (watch, mut recorded) = (Stopwatch::start(), 0);
    while watch.elapsed() < bench.time {
        let batch = (0..BATCH).map(|_| skewed.entry()).collect();
        recorded += trail.record_batch_blocking(batch)?.len() as u64;
        let due = Duration::from_secs_f64(recorded as f64 / PACE as f64);
        thread::sleep(due.saturating_sub(watch.elapsed()));
    }
    let rate = recorded as f64 / watch.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    let lag = watching.map_or(Duration::ZERO, |watching| watching.join().unwrap_or(Duration::MAX));
    trail.close_blocking()?;
    drop(trail);
    if let Some(shipper) = shipper.and_then(Arc::into_inner) {
        let status = shipper.stop();
        if !matches!(status.state, State::Stopped) || status.lag.entries > 0 {
            return Err(Failure::cannot(format_args!("the bench's trail was not shipped: {status:?}")));
        }
    }
    disk::remove(&dir)?;
    Ok(Recording { rate, lag })
}
