//! How fast an archive is verified and restored, beside what any program must do with the same objects.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use graven::reader::Reader;
use graven::{Entry, Settings, Trail};
use graven_archive::{
    Address, Archive, Objects, RestoreOptions, ShipOptions, Shipper, State, Store, Verifying,
};
use sha2::{Digest, Sha256};

use super::super::pairs::Pairs;
use super::super::report::{Bound, Figure, Report};
use super::super::search::skewed::Skewed;
use super::super::stopwatch::Stopwatch;
use super::super::{Bench, disk, entries};
use super::{BATCH, TURNS, failed};
use crate::shared::failure::Failure;

/// How many entries are shipped to see how large such a trail becomes.
const SIZED: u64 = 500_000;

/// How large the objects of a trail are: of entries that repeat each other as those of an agent server do, and of the skewed
/// ones of `bench search`, in which each word and id is random.
pub(super) fn measure_size(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("how large an archive is");
    let (dir, bucket) = (bench.path("trail"), bench.path("archive"));
    let template = entries::template();
    let mut skewed = Skewed::new(3);
    let kinds: [(_, &mut dyn FnMut(u64) -> Entry); 2] = [
        ("size of all objects, entries of an agent server", &mut |n| entries::entry(&template, n)),
        ("size of all objects, random entries", &mut |_| skewed.entry()),
    ];
    for (name, entry) in kinds {
        ship(&dir, &bucket, SIZED, entry)?;
        let mut sizes = Pairs::default();
        let objects: u64 = disk::files(&bucket)?.iter().map(|(_, bytes)| bytes).sum();
        sizes.add(objects as f64 / 1e6, disk::bytes_of_lines(&dir)? as f64 / 1e6);
        report.add(Figure::beside(name, &sizes, "MB", "the JSON Lines").goal(Bound::AtMost(0.2)));
        disk::remove(&dir)?;
        disk::remove(&bucket)?;
    }
    Ok(())
}

/// Ships a trail to a folder, and measures how it comes back.
pub(super) fn measure(bench: &Bench, entries: u64, report: &mut Report) -> Result<(), Failure> {
    let (dir, bucket) = (bench.path("trail"), bench.path("archive"));
    bench.note("an archive to be verified and restored");
    let mut skewed = Skewed::new(2);
    ship(&dir, &bucket, entries, &mut |_| skewed.entry())?;
    disk::remove(&dir)?;
    let archive = Archive::open(&address(&bucket)?).map_err(failed)?;
    let objects = Fetched { store: address(&bucket)?.open().map_err(failed)?, names: names(&bucket)? };
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
        objects.each(&|bytes, _| hash(bytes))?;
        verified.add(verify, rate(watch));

        let (back, copies) = (bench.path("back"), bench.path("copies"));
        let watch = Stopwatch::start();
        archive.restore(&back, &RestoreOptions::default(), &mut |_, _| {}).map_err(failed)?;
        let restore = rate(watch);
        disk::remove(&back)?;
        let watch = Stopwatch::start();
        disk::make(&copies)?;
        objects.each(&|bytes, number| copy(bytes, &copies.join(number.to_string())))?;
        restored.add(restore, rate(watch));
        disk::remove(&copies)?;
    }
    let peer = format!("fetching, unpacking and hashing the same objects, {entries} entries");
    report.add(Figure::beside("verify of an archive", &verified, "1/s", peer).goal(Bound::AtLeast(0.6)));
    let peer = "fetching, unpacking and writing the same objects";
    report.add(Figure::beside("restore", &restored, "1/s", peer).goal(Bound::AtLeast(0.5)));
    Ok(())
}

fn address(bucket: &Path) -> Result<Address, Failure> {
    Address::parse(&format!("file://{}", bucket.display())).map_err(failed)
}

/// Records entries, and ships all of them.
fn ship(dir: &Path, bucket: &Path, entries: u64, entry: &mut dyn FnMut(u64) -> Entry) -> Result<(), Failure> {
    let trail = Trail::open(Settings::new(dir).no_flood_control().segment_bytes(64 << 20))?;
    let mut next = 0;
    while next < entries {
        let end = entries.min(next + BATCH);
        trail.record_batch_blocking((next..end).map(&mut *entry).collect())?;
        next = end;
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

/// The names of all objects. Nearly all are packed lines or tiles, and both are read and judged.
fn names(bucket: &Path) -> Result<Vec<String>, Failure> {
    let objects = disk::files(bucket)?.into_iter().filter_map(|(path, _)| {
        let name = path.strip_prefix(bucket).ok()?;
        Some(name.to_str()?.to_owned())
    });
    let mut names: Vec<String> = objects.collect();
    names.sort();
    Ok(names)
}

/// The objects of an archive.
struct Fetched {
    store: Objects,
    names: Vec<String>,
}

/// What is done with the unpacked bytes of an object, which has this number.
type Work<'a> = &'a (dyn Fn(&mut dyn Read, usize) -> io::Result<()> + Sync);

impl Fetched {
    /// Fetches and unpacks each object, on all cores.
    fn each(&self, work: Work<'_>) -> Result<(), Failure> {
        let left = Mutex::new(self.names.iter().enumerate());
        let next = || left.lock().ok()?.next();
        let all = || {
            while let Some((number, name)) = next() {
                let bytes = self.store.read(name).map_err(|error| failed(error.into()))?;
                let unpacked = match name.ends_with(".zst") {
                    true => {
                        zstd::Decoder::with_buffer(&bytes[..]).and_then(|mut bytes| work(&mut bytes, number))
                    }
                    false => work(&mut &bytes[..], number),
                };
                unpacked.map_err(|error| Failure::cannot(format_args!("cannot unpack {name}: {error}")))?;
            }
            Ok(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(all)).collect();
            running.into_iter().try_for_each(|one| one.join().expect("no work panics"))
        })
    }
}

fn hash(bytes: &mut dyn Read) -> io::Result<()> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; 256 << 10];
    loop {
        match bytes.read(&mut block)? {
            0 => break,
            read => hasher.update(&block[..read]),
        }
    }
    std::hint::black_box(hasher.finalize());
    Ok(())
}

/// Writes the bytes to a file.
fn copy(bytes: &mut dyn Read, to: &Path) -> io::Result<()> {
    io::copy(bytes, &mut disk::create(to)?).map(drop)
}
