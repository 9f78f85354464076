//! A plain model beside the engine: what was recorded and what the caller was told; and one function that holds a
//! whole trail against it.

use std::collections::BTreeSet;
use std::sync::Arc;

use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::sim::{SimDisk, Snapshot};
use graven::disk::{Disk, Open};
use graven::durable;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Error, Machine, Outcome, Receipt, Settings, Trail};
use graven_core::verdict::Verdict;

use crate::support::patience::must_end;

/// Where the trails of these tests lie. Only `/var` is there before.
pub(crate) const DIR: &str = "/var/lib/trail";

/// The live file of a trail that has one of its own name, and what stood there before.
pub(crate) const LIVE: &str = "/var/lib/audit.log";
pub(crate) const FOREIGN: &[u8] = b"what somebody else wrote\n";

/// The two ways in which a trail can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everything in [`DIR`].
    InDir,
    /// The live file is [`LIVE`], where a file that is not ours stands at first; the rest is beside it.
    BesideLive,
}

impl Place {
    pub(crate) fn layout(self) -> Layout {
        match self {
            Place::InDir => Layout::in_dir(DIR),
            Place::BesideLive => Layout::beside_live(LIVE),
        }
    }

    /// The settings: segments so small that a few hundred entries fill one.
    pub(crate) fn settings(self) -> Settings {
        let settings = match self {
            Place::InDir => Settings::new(DIR),
            Place::BesideLive => Settings::live_file(LIVE),
        };
        settings.origin("graven.local/test").segment_bytes(20_000).ring_entries(50)
    }

    /// An empty disk for such a trail.
    pub(crate) fn disk(self) -> SimDisk {
        let disk = SimDisk::new();
        disk.create_dir("/var".as_ref()).unwrap();
        disk.sync_dir("/".as_ref()).unwrap();
        if self == Place::BesideLive {
            disk.create_dir("/var/lib".as_ref()).unwrap();
            disk.sync_dir("/var".as_ref()).unwrap();
            let file = disk.open(LIVE.as_ref(), Open::CreateNew).unwrap();
            durable::write_all_at(&*file, FOREIGN, 0).unwrap();
            file.sync_all().unwrap();
            disk.sync_dir("/var/lib".as_ref()).unwrap();
        }
        disk
    }

    /// The file that was there before is still somewhere, whole.
    fn check_foreign(self, disk: &SimDisk) -> Result<(), String> {
        let kept = || disk.files().iter().any(|path| disk.contents(path).is_ok_and(|bytes| bytes == FOREIGN));
        if self == Place::InDir || kept() {
            Ok(())
        } else {
            Err("the file that was there before is lost".into())
        }
    }
}

/// The id of the entry that [`check`] records to see whether the trail takes one.
pub(crate) const PROBE: &str = "entry-1000000";

/// The largest detail that is kept, as in the settings.
const BLOB_BYTES_MAX: u64 = 16 << 20;

/// Everything that was recorded, in order, and what came of it. One recorder at a time.
#[derive(Debug, Default, Clone)]
pub(crate) struct Model {
    attempts: Vec<Attempt>,
}

#[derive(Debug, Clone)]
struct Attempt {
    line: Vec<u8>,
    told: Told,
}

/// What the caller knows of an entry.
#[derive(Debug, Clone)]
enum Told {
    /// It is durable, at this place; `calls` is how many calls the disk had seen when we were told.
    Recorded { receipt: Receipt, calls: usize },
    /// It may be recorded.
    Unknown,
    /// It is not recorded.
    Refused,
}

impl Model {
    /// Records one entry and remembers what comes of it.
    pub(crate) fn record(&mut self, disk: &SimDisk, trail: &Trail, entry: Entry) -> Result<Receipt, Error> {
        let line = line_of(&entry);
        let result = trail.record_blocking(entry);
        let told = match &result {
            Ok(receipt) => Told::Recorded { receipt: receipt.clone(), calls: disk.calls_made() },
            Err(error) if error.may_be_recorded() => Told::Unknown,
            Err(_) => Told::Refused,
        };
        self.attempts.push(Attempt { line, told });
        result
    }

    /// Records several entries at once and remembers what comes of them.
    pub(crate) fn record_batch(
        &mut self,
        disk: &SimDisk,
        trail: &Trail,
        entries: Vec<Entry>,
    ) -> Result<Vec<Receipt>, Error> {
        let lines: Vec<_> = entries.iter().map(line_of).collect();
        let result = trail.record_batch_blocking(entries);
        let calls = disk.calls_made();
        match &result {
            Ok(receipts) => {
                let told = receipts.iter().map(|receipt| Told::Recorded { receipt: receipt.clone(), calls });
                self.attempts.extend(lines.into_iter().zip(told).map(|(line, told)| Attempt { line, told }));
            }
            Err(_) => {
                let told = Told::Unknown;
                self.attempts.extend(lines.into_iter().map(|line| Attempt { line, told: told.clone() }));
            }
        }
        result
    }

    /// What the caller knew when the disk had seen this number of calls.
    pub(crate) fn at(&self, calls: usize) -> Model {
        let mut model = self.clone();
        for attempt in &mut model.attempts {
            if matches!(&attempt.told, Told::Recorded { calls: told, .. } if *told > calls) {
                attempt.told = Told::Unknown;
            }
        }
        model
    }

    /// How many entries are known to be recorded.
    pub(crate) fn recorded(&self) -> usize {
        self.attempts.iter().filter(|attempt| matches!(attempt.told, Told::Recorded { .. })).count()
    }

    /// Nothing acknowledged is missing or changed, nothing is there that nobody recorded, and all is in order.
    pub(crate) fn check_entries(&self, lines: &[Vec<u8>]) -> Result<(), String> {
        for Attempt { line, told } in &self.attempts {
            if let Told::Recorded { receipt, .. } = told
                && lines.get(receipt.index as usize) != Some(line)
            {
                let line = String::from_utf8_lossy(line);
                return Err(format!("entry {} was acknowledged and is not there: {line}", receipt.index));
            }
        }
        let mut attempts = self.attempts.iter();
        for (index, line) in lines.iter().enumerate() {
            let entry = Entry::from_line(line).map_err(|error| format!("entry {index}: {error}"))?;
            if entry.category == Category::Trail {
                continue;
            }
            let found = attempts
                .by_ref()
                .find(|attempt| attempt.line == *line && !matches!(attempt.told, Told::Refused));
            if found.is_none() {
                let line = String::from_utf8_lossy(line);
                return Err(format!(
                    "entry {index} was never recorded, or twice, or refused, or before: {line}"
                ));
            }
        }
        Ok(())
    }
}

/// A machine in memory. Its clock stands still, so no deadline passes: the test must end in another way.
pub(crate) fn machine(disk: &SimDisk, clock: &SimClock) -> Machine {
    must_end();
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock.clone()) }
}

/// The n-th entry: id and time set, so that its line is known beforehand.
pub(crate) fn entry(clock: &SimClock, n: u64) -> Entry {
    let mut entry = Entry::new(Category::ToolExecution, format!("tool:{n}"), Outcome::Success)
        .detail(serde_json::json!({"n": n, "text": "x".repeat((n * 7 % 40) as usize)}));
    entry.id = Some(format!("entry-{n}"));
    entry.timestamp = Some(clock.now());
    entry
}

fn line_of(entry: &Entry) -> Vec<u8> {
    let mut line = Vec::new();
    entry.append_line(BLOB_BYTES_MAX, &mut line).unwrap();
    line
}

/// Holds everything about a trail on this disk against the model: what a verifier says of it as it lies, that it
/// opens, what it holds, that it takes a new entry, that a power cut right after that loses nothing, and that it
/// closes and verifies.
pub(crate) fn check(disk: &SimDisk, place: Place, model: &Model) -> Result<(), String> {
    place.check_foreign(disk)?;
    let clock = SimClock::new(99);
    clock.advance(std::time::Duration::from_secs(3_600));
    let machine = machine(disk, &clock);
    let is_trail = disk.metadata(&place.layout().meta()).is_ok();
    if is_trail {
        verdict(disk, place, "as it lies", |verdict| !verdict.accuses())?;
    } else if model.recorded() > 0 {
        return Err(format!("{} entries were acknowledged and there is no trail", model.recorded()));
    }
    let trail = Trail::open_on(place.settings(), machine)
        .map_err(|error| format!("does not open: {}", error.chain()))?;
    let found = lines(disk, place)?;
    model.check_entries(&found)?;
    let mut model = model.clone();
    let probe = entry(&clock, 1_000_000);
    model.record(disk, &trail, probe).map_err(|error| format!("takes no new entry: {}", error.chain()))?;
    let snapshot = disk.snapshot();
    check_after_power_cut(&snapshot, place, &found, &model)?;
    trail.close_blocking().map_err(|error| format!("does not close: {}", error.chain()))?;
    model.check_entries(&lines(disk, place)?)?;
    verdict(disk, place, "after closing", |verdict| verdict == Verdict::Intact)
}

/// What was found at opening, and the entry recorded since, survive a cut that loses all that was not synced.
fn check_after_power_cut(
    snapshot: &Snapshot,
    place: Place,
    found: &[Vec<u8>],
    model: &Model,
) -> Result<(), String> {
    let after = snapshot.crash(&snapshot.crash_choice_nothing());
    let left = lines(&after, place)?;
    if !left.starts_with(found) {
        return Err(format!(
            "a second power cut took some of the {} entries found: {} left",
            found.len(),
            left.len()
        ));
    }
    model.check_entries(&left)?;
    place.check_foreign(&after)?;
    verdict(&after, place, "after a second power cut", |verdict| !verdict.accuses())
}

/// Every complete line of the trail, as a reader without a lock gives them.
pub(crate) fn lines(disk: &SimDisk, place: Place) -> Result<Vec<Vec<u8>>, String> {
    let machine = machine(disk, &SimClock::new(0));
    let reader = Reader::open_on(&machine, place.layout()).map_err(|error| error.chain())?;
    let records = reader.entries(..).map_err(|error| error.chain())?;
    records.map(|record| record.map(|record| record.line).map_err(|error| error.chain())).collect()
}

/// What the verifier says of the trail.
fn verdict(disk: &SimDisk, place: Place, when: &str, good: impl Fn(Verdict) -> bool) -> Result<(), String> {
    let machine = machine(disk, &SimClock::new(0));
    let report = fsck::verify(&machine, &place.layout(), &VerifyOptions::default(), &|_, _| {})
        .map_err(|error| format!("{when}, verify fails: {}", error.chain()))?;
    if good(report.verdict) {
        return Ok(());
    }
    let findings: BTreeSet<String> = report.findings.iter().map(|finding| format!("{finding:?}")).collect();
    Err(format!("{when}, verify says {}: {findings:#?}", report.verdict))
}
