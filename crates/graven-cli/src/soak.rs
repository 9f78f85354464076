//! `graven soak`: records, kills, verifies and tampers in a loop, for a given time.
//!
//! Each round is one life of a recorder: a child process that several producers feed. It is killed with SIGKILL at a
//! random moment, or sometimes ends normally. After that the whole trail is verified and compared with the receipts.
//! Then a copy is tampered with, and the verifier must name the tampering.

mod recorder;
mod report;
mod tamper;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use graven::clock::{Clock, OsClock};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Machine, Settings, Trail};
use graven_core::hash::Hash;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::files;
use crate::shared::progress::{Progress, Unit};
use crate::shared::ui::Ui;

use report::Report;
use tamper::{Tampering, Victim};

/// The size of a segment: small, so that one is closed in most rounds.
const SEGMENT_BYTES: u64 = 256 << 10;

/// A trail with more entries than this is replaced by a new one, to keep rounds short and the disk free.
const TRAIL_ENTRIES_MAX: u64 = 50_000;

/// The trail is also exported once in this number of rounds.
const EXPORT_EVERY: u64 = 10;

/// The most entries with a blob that are remembered for tampering.
const BLOBS_MAX: usize = 100;

/// The arguments of `graven soak`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Soak for this number of minutes
    #[arg(long, value_name = "N", default_value_t = 1)]
    minutes: u64,
    /// Soak for this number of rounds instead
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    rounds: Option<u64>,
    /// Repeat the random choices of an earlier soak; the timing of the machine still differs
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Create the working folder in this directory [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit codes: 0 no error, 1 an error was found: then the folder is kept, and the report says where it is.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let base = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("graven-soak-").tempdir_in(&base);
    let mut folder = folder.map_err(|error| Failure::file("make a folder in", &base, &error))?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    if !ui.json() {
        ui.note(format_args!("soaking with --seed {seed} in {}", folder.path().display()));
    }
    let mut soak = Soak::new(folder.path(), seed);
    let ended = soak.run(args, ui);
    if ended.is_err() || !soak.report.all_well {
        folder.disable_cleanup(true);
        soak.report.folder = Some(folder.path().to_string_lossy().into_owned());
    }
    ended?;
    if ui.json() {
        ui.object(&soak.report)?;
    } else {
        soak.report.show(ui)?;
    }
    Ok(if soak.report.all_well { failure::OK } else { failure::FOUND })
}

/// A running soak.
struct Soak {
    folder: PathBuf,
    clock: OsClock,
    random: Rng,
    report: Report,
    /// The current trail.
    trail: PathBuf,
    /// Receipts of entries that are not under a head that the verifier remembers. Later the head protects them.
    receipts: BTreeMap<u64, (String, Hash)>,
    /// The number of entries under the remembered head.
    sealed: u64,
    /// The number of sealed entries in the earlier state of this trail. `None` when no such state is kept.
    old_sealed: Option<u64>,
    /// Sealed entries with a blob.
    blobs: Vec<(u64, String)>,
}

impl Soak {
    fn new(folder: &Path, seed: u64) -> Soak {
        Soak {
            folder: folder.to_owned(),
            clock: OsClock::new(),
            random: Rng::with_seed(seed),
            report: Report { seed, all_well: true, ..Report::default() },
            trail: PathBuf::new(),
            receipts: BTreeMap::new(),
            sealed: 0,
            old_sealed: None,
            blobs: Vec::new(),
        }
    }

    fn run(&mut self, args: &Args, ui: Ui) -> Result<(), Failure> {
        let time = Duration::from_secs(args.minutes * 60);
        let progress = Progress::new(ui, "soaking", Unit::Entries, 0);
        self.new_trail()?;
        // The first error ends the soak, so that the files stay as they are.
        while self.report.all_well
            && args.rounds.map_or_else(|| self.clock.elapsed() < time, |rounds| self.report.rounds < rounds)
        {
            self.round()?;
            progress.set(self.report.acknowledged, 0);
        }
        if self.report.all_well {
            self.end_trail()?;
        }
        progress.finish();
        self.report.seconds = self.clock.elapsed().as_secs_f64();
        Ok(())
    }

    fn round(&mut self) -> Result<(), Failure> {
        self.report.rounds += 1;
        let name = format!("{}-{}", self.report.seed, self.report.rounds);
        let life = recorder::live(&self.trail, &name, &mut self.random)?;
        self.report.kills += u64::from(life.killed);
        self.report.clean_closes += u64::from(!life.killed);
        self.report.acknowledged += life.receipts.len() as u64;
        life.wrong.into_iter().for_each(|wrong| self.report.wrong(wrong));
        for (index, (id, hash)) in life.receipts {
            if let Some((other, _)) = self.receipts.insert(index, (id.clone(), hash)) {
                self.report
                    .wrong(format!("the index {index} was given to {other}, and in a later life to {id}"));
            }
        }
        self.check()?;
        if self.report.all_well {
            self.tamper()?;
        }
        if self.report.rounds.is_multiple_of(EXPORT_EVERY) {
            self.export()?;
        }
        if self.report.all_well && self.sealed > TRAIL_ENTRIES_MAX {
            self.end_trail()?;
            self.new_trail()?;
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        Settings::new(&self.trail).origin("graven.local/soak").segment_bytes(SEGMENT_BYTES)
    }

    fn new_trail(&mut self) -> Result<(), Failure> {
        self.report.trails += 1;
        self.trail = self.folder.join(format!("trail-{}", self.report.trails));
        self.receipts.clear();
        self.blobs.clear();
        (self.sealed, self.old_sealed) = (0, None);
        Trail::open(self.settings())?.close_blocking()?;
        Ok(())
    }

    /// Opens and closes the trail once more. Then all of it is sealed, and must be intact.
    fn end_trail(&mut self) -> Result<(), Failure> {
        Trail::open(self.settings().must_exist())?.close_blocking()?;
        self.check()?;
        if !self.receipts.is_empty() {
            self.report.wrong("some acknowledged entries are not sealed after a clean close");
        }
        if self.report.all_well {
            files::remove_dir(&self.trail)?;
            if self.old_sealed.is_some() {
                files::remove_dir(&self.old())?;
            }
        }
        Ok(())
    }

    fn old(&self) -> PathBuf {
        self.folder.join("old")
    }

    /// Verifies everything, and compares the entries that no earlier round has sealed with their receipts.
    fn check(&mut self) -> Result<(), Failure> {
        let found = self.verify(&self.trail.clone())?;
        if found.verdict.accuses() {
            self.report.false_verdicts += 1;
            self.report
                .wrong(format!("nobody tampered, and verify says {}: {:?}", found.verdict, found.findings));
            return Ok(());
        }
        let reader = Reader::open(&self.trail)?;
        let mut there = BTreeMap::new();
        for record in reader.entries(self.sealed..)? {
            let record = record?;
            let entry = record.entry()?;
            let blob = entry.detail.as_ref().and_then(graven::Detail::blob);
            if let Some(blob) = blob.filter(|_| record.index < found.sealed && self.blobs.len() < BLOBS_MAX) {
                self.blobs.push((record.index, blob.sha256.to_hex()));
            }
            there.insert(record.index, (entry.id.unwrap_or_default(), record.leaf_hash()));
        }
        let lost: Vec<u64> = self
            .receipts
            .iter()
            .filter(|(index, receipt)| there.get(index) != Some(receipt))
            .map(|(index, _)| *index)
            .collect();
        self.report.lost += lost.len() as u64;
        if !lost.is_empty() {
            self.report.wrong(format!("acknowledged entries are missing or changed: {lost:?}"));
        }
        self.sealed = found.sealed;
        self.receipts = self.receipts.split_off(&self.sealed);
        Ok(())
    }

    /// Verifies, and remembers what earlier verifications have seen.
    fn verify(&mut self, trail: &Path) -> Result<fsck::Report, Failure> {
        let options = VerifyOptions { state: Some(self.folder.join("state")), ..VerifyOptions::default() };
        let found = fsck::verify(&Machine::os(), &Layout::in_dir(trail), &options, &|_, _| ())?;
        self.report.verifications += 1;
        self.report.verify_seconds += found.seconds;
        self.report.verify_seconds_max = self.report.verify_seconds_max.max(found.seconds);
        self.report.entries_verified += found.entries;
        Ok(found)
    }

    /// Tampers with a copy that the verifier has seen intact.
    fn tamper(&mut self) -> Result<(), Failure> {
        let copy = self.folder.join(format!("copy-{}", self.report.trails));
        files::copy_dir(&self.trail, &copy)?;
        let before = self.verify(&copy)?.verdict;
        let old = self.old_sealed.filter(|sealed| *sealed < self.sealed).map(|_| self.old());
        let victim = Victim { copy: &copy, old: old.as_deref(), sealed: self.sealed, blobs: &self.blobs };
        let tampering = *self.random.choice(&Tampering::ALL).expect("there are some");
        let Some(expected) = tampering.apply(&victim, &mut self.random)? else {
            return files::remove_dir(&copy);
        };
        let found = self.verify(&copy)?;
        let worst = found.findings.iter().find(|finding| finding.verdict == found.verdict);
        let index = worst.and_then(|finding| finding.index);
        let named =
            found.verdict == expected.verdict && (expected.index.is_none() || index == expected.index);
        let tally = self.report.tampering.entry(tampering).or_default();
        tally.tried += 1;
        tally.named += u64::from(named);
        if !named || before.accuses() {
            let what = format!(
                "{}: expected {expected:?}, and verify says {} at {index:?}; before it said {before}",
                tampering.name(),
                found.verdict
            );
            self.report.wrong(what);
            return Ok(());
        }
        files::remove_dir(&copy)?;
        if self.old_sealed.is_none() && self.sealed > 0 {
            files::copy_dir(&self.trail, &self.old())?;
            self.old_sealed = Some(self.sealed);
        }
        Ok(())
    }

    /// Exports the sealed entries as a static log. The export checks them against the root of the checkpoint.
    fn export(&mut self) -> Result<(), Failure> {
        let out = self.folder.join("export");
        let exported = graven::export::export_tiles(&Reader::open(&self.trail)?, &out)?;
        self.report.exports += 1;
        if exported.size != self.sealed {
            self.report.wrong(format!("{} of {} sealed entries were exported", exported.size, self.sealed));
        }
        files::remove_dir(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soak with a trail of 600 acknowledged entries.
    fn soak(folder: &Path) -> Soak {
        let mut soak = Soak::new(folder, 1);
        soak.new_trail().unwrap();
        let trail = Trail::open(soak.settings()).unwrap();
        for number in 0..600 {
            let entry =
                graven::Entry::new(graven::Category::Api, format!("GET /{number}"), graven::Outcome::Success);
            let receipt = trail.record_blocking(entry).unwrap();
            soak.receipts.insert(receipt.index, (receipt.id, receipt.leaf_hash));
        }
        trail.close_blocking().unwrap();
        soak
    }

    #[test]
    fn a_good_trail_is_all_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut soak = soak(folder.path());
        soak.check().unwrap();
        assert!(soak.report.all_well && soak.receipts.is_empty() && soak.sealed == 600);
    }

    #[test]
    fn a_lost_entry_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut soak = soak(folder.path());
        let (id, hash) = soak.receipts[&599].clone();
        soak.receipts.insert(600, (id, hash));
        soak.receipts.get_mut(&10).unwrap().1 = hash;
        soak.check().unwrap();
        assert!(!soak.report.all_well);
        assert_eq!(soak.report.lost, 2);
    }

    #[test]
    fn a_trail_that_is_accused_is_not_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut soak = soak(folder.path());
        files::write(&soak.trail.join("audit.jsonl"), b"").unwrap();
        soak.check().unwrap();
        assert!(!soak.report.all_well);
        assert_eq!(soak.report.false_verdicts, 1);
    }

    #[test]
    fn each_tampering_that_can_be_done_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut soak = soak(folder.path());
        soak.check().unwrap();
        for _ in 0..40 {
            soak.tamper().unwrap();
            assert!(soak.report.all_well, "{:?}", soak.report.wrong);
        }
        let tried: Vec<_> = soak.report.tampering.keys().collect();
        assert!(tried.len() >= 5, "{tried:?}");
    }
}
