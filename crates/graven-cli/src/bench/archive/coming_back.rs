//! How fast an archive is verified and restored, beside what any program must do with the same objects.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use graven::reader::Reader;
use graven::{Settings, Trail};
use graven_archive::{Address, Archive, RestoreOptions, ShipOptions, Shipper, State, Verifying};
use sha2::{Digest, Sha256};

use super::super::pairs::Pairs;
use super::super::report::{Bound, Figure, Report};
use super::super::search::skewed::Skewed;
use super::super::stopwatch::Stopwatch;
use super::super::{Bench, disk};
use super::{BATCH, TURNS, failed};
use crate::shared::failure::Failure;

/// Ships a trail to a folder, and measures how it comes back.
pub(super) fn measure(bench: &Bench, entries: u64, report: &mut Report) -> Result<(), Failure> {
    let (dir, bucket) = (bench.path("trail"), bench.path("archive"));
    bench.note("an archive to be verified and restored");
    ship(&dir, &bucket, entries)?;
    disk::remove(&dir)?;
    let archive = Archive::open(&address(&bucket)?).map_err(failed)?;
    let objects = objects(&bucket)?;
    let (mut verified, mut restored) = (Pairs::default(), Pairs::default());
    for _ in 0..TURNS {
        bench.note("verify and restore, beside reading and unpacking");
        let rate = |watch: Stopwatch| entries as f64 / watch.elapsed().as_secs_f64();
        let watch = Stopwatch::start();
        let found = archive.verify(&Verifying::default(), &|_, _| {}).map_err(failed)?;
        let verify = rate(watch);
        if found.exit_code() != 0 {
            return Err(Failure::cannot(format_args!("the bench's own archive is {}", found.report.verdict)));
        }
        let watch = Stopwatch::start();
        each_object(&objects, &|lines, _| hash(lines))?;
        verified.add(verify, rate(watch));

        let (back, copies) = (bench.path("back"), bench.path("copies"));
        let watch = Stopwatch::start();
        archive.restore(&back, &RestoreOptions::default(), &mut |_, _| {}).map_err(failed)?;
        let restore = rate(watch);
        disk::remove(&back)?;
        let watch = Stopwatch::start();
        disk::make(&copies)?;
        each_object(&objects, &|lines, number| copy(lines, &copies.join(number.to_string())))?;
        restored.add(restore, rate(watch));
        disk::remove(&copies)?;
    }
    let peer = format!("reading, unpacking and hashing the same objects, {entries} entries");
    report.add(Figure::beside("verify of an archive", &verified, "1/s", peer).goal(Bound::AtLeast(0.6)));
    let peer = "reading, unpacking and writing the same objects";
    report.add(Figure::beside("restore", &restored, "1/s", peer).goal(Bound::AtLeast(0.5)));
    Ok(())
}

fn address(bucket: &Path) -> Result<Address, Failure> {
    Address::parse(&format!("file://{}", bucket.display())).map_err(failed)
}

/// Records entries, and ships all of them.
fn ship(dir: &Path, bucket: &Path, entries: u64) -> Result<(), Failure> {
    let trail = Trail::open(Settings::new(dir).no_flood_control().segment_bytes(64 << 20))?;
    let mut skewed = Skewed::new(2);
    let mut left = entries;
    while left > 0 {
        let count = left.min(BATCH);
        trail.record_batch_blocking((0..count).map(|_| skewed.entry()).collect())?;
        left -= count;
    }
    trail.close_blocking()?;
    let mut options = ShipOptions::new("bench");
    options.gc = true;
    let status = Shipper::start(Reader::open(dir)?, &address(bucket)?, options).map_err(failed)?.stop();
    if !matches!(status.state, State::Stopped) || status.lag.entries > 0 {
        return Err(Failure::cannot(format_args!("the bench's trail was not shipped: {status:?}")));
    }
    Ok(())
}

/// The packed lines of a trail.
fn objects(bucket: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut objects: Vec<PathBuf> = disk::files(bucket)?.into_iter().map(|(path, _)| path).collect();
    objects.retain(|path| path.extension().is_some_and(|ending| ending == "zst"));
    objects.sort();
    Ok(objects)
}

/// What is done with the lines of an object, which has this number.
type Work<'a> = &'a (dyn Fn(&mut dyn Read, usize) -> io::Result<()> + Sync);

/// Reads and unpacks each object, on all cores.
fn each_object(objects: &[PathBuf], work: Work<'_>) -> Result<(), Failure> {
    let left = Mutex::new(objects.iter().enumerate());
    let next = || left.lock().ok()?.next();
    let all = || {
        while let Some((number, path)) = next() {
            let unpack = || {
                let packed = disk::read(path)?;
                work(&mut zstd::Decoder::with_buffer(&packed[..])?, number)
            };
            unpack().map_err(|error| Failure::file("unpack", path, &error))?;
        }
        Ok(())
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(all)).collect();
        running.into_iter().map(|one| one.join().expect("no work panics")).collect()
    })
}

fn hash(lines: &mut dyn Read) -> io::Result<()> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; 256 << 10];
    loop {
        match lines.read(&mut block)? {
            0 => break,
            read => hasher.update(&block[..read]),
        }
    }
    std::hint::black_box(hasher.finalize());
    Ok(())
}

/// Writes the lines to a file that is on the disk at the end.
fn copy(lines: &mut dyn Read, to: &Path) -> io::Result<()> {
    let mut file: File = disk::create(to)?;
    io::copy(lines, &mut file)?;
    file.flush()?;
    file.sync_data()
}
