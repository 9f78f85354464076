//! One run: one trail on one disk, over several lives.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use graven::clock::sim::SimClock;
use graven::disk::sim::{SimDisk, Snapshot};
use graven::disk::{Disk, Open};
use graven::durable;
use graven::sim::{Process, Stepped};
use graven::{ErrorKind, Machine};
use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::tree::Tree;
use graven_core::verdict::Verdict;

use crate::canary::Canary;
use crate::clock::FaultyClock;
use crate::disk::{FaultyDisk, Sky};
use crate::head::Head;
use crate::life::Life;
use crate::look::Stored;
use crate::model::Model;
use crate::plan::{Ending, Plan};
use crate::rule::{Broken, Checked, Rule};
use crate::verifier::Verifier;
use crate::weather::Weather;

/// So often an opening may fail before the disk is made to work.
const OPENINGS_UNDER_FAULTS: u32 = 3;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lives that were lived.
    pub lives: u64,
    /// Of these, on a disk that lies.
    pub lives_on_liars: u64,
    /// Entries that were acknowledged.
    pub acknowledged: u64,
    /// Calls of the engine that reached the disk.
    pub calls: u64,
    /// Power cuts and kills.
    pub crashes: u64,
    /// Trails that took nothing more after a failed call.
    pub poisoned: u64,
    /// Closes that went well.
    pub closed: u64,
    /// Segments that were closed.
    pub segments: u64,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// A number that two equal runs share.
    pub trace: u64,
    /// What was counted.
    pub tally: Tally,
    /// The rule that was broken, in which life (counted from 1), how, and the last steps.
    pub broken: Option<(Rule, u64, String, Vec<String>)>,
}

/// Runs what this seed stands for, at most so many lives of it, and keeps so many of the last steps.
pub fn run(seed: u64, lives_max: u64, canary: Option<Canary>, steps_kept: usize) -> Ended {
    let mut run = Run::new(seed, canary, steps_kept);
    let lived = catch_unwind(AssertUnwindSafe(|| run.live(lives_max)));
    let outcome = lived.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Rule::Panic.broken(message.unwrap_or_default())
    });
    let lives = run.tally.lives;
    let above = run.sky.above();
    let tally = Tally { calls: above.trace.calls(), ..run.tally };
    let steps = || above.trace.last_steps();
    let broken = outcome.err().map(|Broken { rule, how }| (rule, lives, how, steps()));
    Ended { trace: above.trace.hash(), tally, broken }
}

/// A run that goes on.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) chance: Rng,
    pub(crate) sky: Sky,
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: FaultyClock,
    pub(crate) model: Model,
    pub(crate) canary: Option<Canary>,
    pub(crate) tally: Tally,
    verifier: Verifier,
    /// The process that goes on, if one does.
    process: Option<Process>,
    /// On a disk that lies: what was signed, and the newest head that the verifier accepted.
    signed: BTreeSet<(u64, [u8; 32])>,
    /// Whether a process was killed in the middle of a call: what it left half done is worth a second blow.
    killed: bool,
    /// Whether somebody has emptied `tiles/`, and no opening has made it again.
    tiles_emptied: bool,
    accepted: Option<Head>,
}

/// What came of an opening.
enum Opened {
    Well(Box<Stepped>),
    /// The machine stopped in it.
    Stopped,
    /// The disk has lost too much, and says so.
    Refused,
}

impl Run {
    fn new(seed: u64, canary: Option<Canary>, steps_kept: usize) -> Run {
        let mut plan = Plan::of(seed);
        // Each is to be found by the rules of its own kind of disk.
        match canary {
            Some(Canary::BlindVerifier) => plan.honest = false,
            Some(_) => plan.honest = true,
            None => {}
        }
        let mut chance = Rng::with_seed(seed ^ 0x6c69_7665);
        let clock = FaultyClock {
            inner: SimClock::new(chance.u64(..)),
            repeats: canary == Some(Canary::RepeatChance),
        };
        let sky = Sky::new(chance.u64(..), plan.layout.clone(), canary, steps_kept);
        let disk = SimDisk::new();
        lay_out(&disk, &plan);
        Run {
            disk: sky.disk(disk),
            verifier: Verifier::new(clock.clone()),
            model: Model::new(),
            tally: Tally::default(),
            process: None,
            signed: BTreeSet::new(),
            killed: false,
            tiles_emptied: false,
            accepted: None,
            plan,
            chance,
            sky,
            clock,
            canary,
        }
    }

    fn live(&mut self, lives_max: u64) -> Checked {
        for _ in 0..self.plan.lives.min(lives_max) {
            self.tally.lives += 1;
            self.tally.lives_on_liars += u64::from(!self.plan.honest);
            self.sky.did(format!("life {}", self.tally.lives));
            if !self.one_life()? {
                self.begin_anew();
            }
        }
        if self.plan.honest { self.last_close() } else { Ok(()) }
    }

    /// The disk has lost too much: another disk, another trail.
    fn begin_anew(&mut self) {
        self.sky.did("another disk");
        let disk = SimDisk::new();
        lay_out(&disk, &self.plan);
        self.disk = self.sky.disk(disk);
        self.sky.above().stopped = false;
        self.model = Model::new();
        self.verifier = Verifier::new(self.clock.clone());
        (self.process, self.accepted) = (None, None);
        self.signed.clear();
    }

    /// One life; `false` when the trail cannot be opened any more.
    fn one_life(&mut self) -> Checked<bool> {
        let start = self.disk.inner.snapshot();
        let mut weather = self.plan.weather(&mut self.chance);
        // Half of what can happen to an opening would hide what can happen after it.
        if self.tiles_emptied && self.chance.bool() {
            weather.crash_in = Some(self.chance.u64(..30));
        }
        let second_blow = std::mem::take(&mut self.killed) && self.chance.bool();
        if second_blow {
            weather = Weather { crash_at_name_in: Some(self.chance.u64(..20)), ..Weather::default() };
        }
        let early = second_blow || self.tiles_emptied || self.chance.bool();
        let late = (!early).then(|| weather.clone());
        self.sky.above().weather = if late.is_some() { Weather::default() } else { weather };
        let space = self.plan.space(&mut self.chance);
        self.disk.inner.set_space(space.map(|more| self.disk.inner.used() + more));
        let things = self.chance.u64(..24);
        let mut ending = self.plan.ending(&mut self.chance);
        let mut clean = false;
        match self.open()? {
            Opened::Refused => return Ok(false),
            Opened::Stopped => ending = Ending::PowerCut,
            Opened::Well(stepped) => {
                if let Some(weather) = late {
                    self.sky.above().weather = weather;
                }
                let mut life = Life::new(self, *stepped);
                life.live(things)?;
                clean = life.finish(&mut ending)?;
            }
        }
        if self.stopped() {
            self.killed = !second_blow && self.chance.bool();
            ending = if self.killed { Ending::Kill } else { Ending::PowerCut };
            clean = false;
        }
        let clean = self.pass_on(ending, clean, &start);
        self.check_rest(clean)?;
        if self.plan.honest && self.chance.u8(..16) == 0 {
            self.remove_tiles();
        }
        Ok(true)
    }

    /// Opens the trail as its operator would: again when it fails, on a disk that works when it fails too often, and
    /// with a repair where it is refused.
    fn open(&mut self) -> Checked<Opened> {
        let before = Stored::look(&self.disk.inner, &self.plan.layout);
        let process = match self.process.take() {
            Some(process) => process,
            None => {
                self.model.new_process(&before);
                Process::new()
            }
        };
        let mut repair = before.is_trail && self.chance.u8(..16) == 0;
        for attempt in 1.. {
            self.sky.did(if repair { "repair" } else { "open" });
            let settings = self.plan.settings.clone();
            let machine = self.machine_on(self.disk.clone());
            let opened =
                if repair { process.repair(settings, machine) } else { process.open(settings, machine) };
            self.hear_heads()?;
            let error = match opened {
                Ok(stepped) if self.stopped() => {
                    drop(stepped);
                    return Ok(Opened::Stopped);
                }
                Ok(stepped) => {
                    self.process = Some(process);
                    self.tiles_emptied = false;
                    if self.plan.honest {
                        self.check_opened(&before)?;
                    }
                    return Ok(Opened::Well(Box::new(stepped)));
                }
                Err(_) if self.stopped() => return Ok(Opened::Stopped),
                Err(error) => error,
            };
            self.sky.did(format!("it does not open: {}", error.chain()));
            self.fits(&error)?;
            if error.kind() == ErrorKind::Data {
                if repair {
                    return Ok(Opened::Refused);
                }
                repair = true;
            }
            if attempt == OPENINGS_UNDER_FAULTS {
                self.heal();
            } else if attempt > OPENINGS_UNDER_FAULTS {
                Rule::Opens.unless(!self.plan.honest, || error.chain())?;
                return Ok(Opened::Refused);
            }
        }
        Ok(Opened::Refused)
    }

    /// What an opening has to leave: all that was there, and what was cut, elsewhere.
    fn check_opened(&mut self, before: &Stored) -> Checked {
        let layout = &self.plan.layout;
        let after = Stored::look(&self.disk.inner, layout);
        let good = self.model.good_lines(before);
        let good = if good == 0 { 0 } else { before.ends[good - 1] };
        Rule::Kept.unless(after.bytes.starts_with(&before.bytes[..good]), || {
            "an opening changed complete lines".into()
        })?;
        let cut = &before.bytes[good..];
        let kept = |path: &Path| self.disk.inner.contents(path).is_ok_and(|bytes| bytes == cut);
        let foreign = self.plan.foreign.is_some_and(|foreign| cut == foreign);
        let mut files = self.disk.inner.files().into_iter();
        let torn = layout.torn();
        Rule::Torn.unless(
            cut.is_empty() || foreign || files.any(|file| file.starts_with(&torn) && kept(&file)),
            || format!("{} bytes were cut and are not in torn/", cut.len()),
        )?;
        self.model.settle(&after, &self.disk.inner, layout)
    }

    /// What is left of the disk, and of the process, when a life has ended like this; whether it is a closed trail.
    fn pass_on(&mut self, ending: Ending, clean: bool, start: &Snapshot) -> bool {
        // A trail that was poisoned or closed is opened again by the same process, or by the next.
        let goes_on = !self.stopped() && (clean || ending == Ending::Close) && self.chance.bool();
        if goes_on {
            if self.canary == Some(Canary::ForgetLosses) {
                self.process = Some(Process::new());
            }
            return clean;
        }
        self.process = None;
        let inner = match ending {
            Ending::PowerCut => {
                let snapshot = self.disk.inner.snapshot();
                let choice = snapshot.crash_choice_drawn(self.chance.u64(..));
                self.sky.did(format!("a power cut leaves {choice:?}"));
                snapshot.crash(&choice)
            }
            Ending::Kill | Ending::Close => {
                self.sky.did("the process is gone");
                self.disk.inner.restart()
            }
        };
        self.tally.crashes += u64::from(!clean);
        let rolled_back = self.canary == Some(Canary::RollBack) && self.chance.bool();
        let inner = if rolled_back { start.restart() } else { inner };
        self.disk = self.sky.disk(inner);
        self.sky.above().stopped = false;
        clean && !rolled_back
    }

    /// What must be true of the files when nobody writes them.
    fn check_rest(&mut self, clean: bool) -> Checked {
        if !self.plan.honest {
            return self.check_verdict("at rest", clean);
        }
        let stored = Stored::look(&self.disk.inner, &self.plan.layout);
        if !stored.is_trail {
            let lost = self.model.acknowledged();
            return Rule::Acknowledged
                .unless(lost == 0, || format!("{lost} entries were acknowledged, and there is no trail"));
        }
        self.model.check_kept(&stored, &self.disk.inner)?;
        if clean {
            self.check_closed(&stored)?;
        }
        self.check_verdict("at rest", clean)
    }

    /// After a clean close everything is answered, counted and signed.
    fn check_closed(&mut self, stored: &Stored) -> Checked {
        self.tally.closed += 1;
        if let Some(number) = self.model.unanswered() {
            return Rule::Answers.broken(format!("nothing was said of attempt {number}"));
        }
        self.model.settle(stored, &self.disk.inner, &self.plan.layout)?;
        self.model.check_losses()?;
        let size = self.model.settled();
        let is_last = |head: &Option<Head>| {
            head.as_ref().is_some_and(|head| head.size == size && self.model.has_signed(size, &head.root))
        };
        Rule::Closed.unless(is_last(&stored.closed) && (size == 0 || is_last(&stored.checkpoint)), || {
            format!("{size} entries, closed at {:?} under {:?}", stored.closed, stored.checkpoint)
        })
    }

    /// What the verifier says.
    pub(crate) fn check_verdict(&mut self, when: &str, clean: bool) -> Checked {
        let report = match self.verifier.verify(&self.disk.inner, &self.plan.layout) {
            Ok(report) => report,
            Err(error) => {
                let no_trail = error.kind() == ErrorKind::NotFound;
                return Rule::Accused
                    .unless(no_trail || !self.plan.honest, || format!("{when}: {}", error.chain()));
            }
        };
        let accuses = report.verdict.accuses();
        if self.plan.honest {
            let emptied = self.tiles_emptied && report.verdict == Verdict::TilesDamaged;
            let right = if clean { report.verdict == Verdict::Intact } else { !accuses || emptied };
            return Rule::Accused.unless(right && report.warnings.is_empty(), || {
                format!("{when}: {}: {:?} {:?}", report.verdict, report.findings, report.warnings)
            });
        }
        // Rot in the version of graven.json leaves a trail of which the verifier says that it cannot tell.
        if report.verdict.exit_code() != 0 && self.canary != Some(Canary::BlindVerifier) {
            return Ok(());
        }
        self.check_called_intact(report.sealed, report.root)
    }

    /// The verifier finds nothing wrong: then nothing below a checkpoint may be missing or changed. Looked at by other code.
    fn check_called_intact(&mut self, sealed: u64, root: Option<Hash>) -> Checked {
        let stored = Stored::look(&self.disk.inner, &self.plan.layout);
        let wrong = |what: String| Rule::CalledIntact.broken(what);
        let below = |size: u64| -> Option<Hash> {
            let lines = stored.lines_from(0).take(size as usize);
            let tree: Tree = lines.map(leaf_hash).collect();
            (tree.size() == size).then(|| tree.root())
        };
        let there = below(sealed);
        if there.is_none() || there != root {
            return wrong(format!("{sealed} entries are said to be sealed, and their root is another"));
        }
        let signed = |root: &Hash| self.signed.contains(&(sealed, *root.as_bytes()));
        if !there.as_ref().is_some_and(signed) {
            return wrong(format!("a root over {sealed} entries that was never signed"));
        }
        if let Some(accepted) = &self.accepted
            && below(accepted.size) != Some(accepted.root)
        {
            return wrong(format!(
                "the {} entries that were accepted before are not there any more",
                accepted.size
            ));
        }
        for line in stored.lines_from(0).take(sealed as usize) {
            let blob = Entry::from_line(line).ok().and_then(|entry| entry.detail?.blob());
            if let Some(blob) = blob {
                let path = self.plan.layout.blob(&blob.sha256.to_hex());
                if !self.disk.inner.contents(&path).is_ok_and(|bytes| sha256(&bytes) == blob.sha256) {
                    return wrong(format!("the detail in {} is gone or changed", path.display()));
                }
            }
        }
        if let Some(root) = there
            && self.accepted.as_ref().is_none_or(|accepted| accepted.size <= sealed)
        {
            self.accepted = Some(Head { size: sealed, root });
        }
        Ok(())
    }

    /// Hears what was signed.
    pub(crate) fn hear_heads(&mut self) -> Checked {
        let heads = std::mem::take(&mut self.sky.above().heads);
        for head in heads {
            if self.plan.honest {
                self.model.signed(&head)?;
            } else {
                self.signed.insert((head.size, *head.root.as_bytes()));
            }
        }
        Ok(())
    }

    /// Whether the machine has stopped.
    pub(crate) fn stopped(&self) -> bool {
        self.sky.above().stopped
    }

    pub(crate) fn machine_on(&self, disk: FaultyDisk) -> Machine {
        Machine { disk: Arc::new(disk), clock: Arc::new(self.clock.clone()) }
    }

    /// From now on the disk works, and has room.
    fn heal(&mut self) {
        let above = &mut *self.sky.above();
        above.weather = Weather {
            crash_in: above.weather.crash_in,
            crash_at_name_in: above.weather.crash_at_name_in,
            ..Weather::default()
        };
        self.disk.inner.set_space(None);
    }

    /// An operator deletes what is derived.
    fn remove_tiles(&mut self) {
        self.sky.did("tiles/ is emptied");
        self.tiles_emptied = true;
        let tiles = self.plan.layout.tiles();
        let disk = &self.disk.inner;
        if self.chance.bool() {
            let away = format!("/srv/old-{}", self.tally.lives);
            // Before the creation was finished there may be no such directory.
            let _ = disk.rename(&tiles, away.as_ref());
            let _ = disk.sync_dir(self.plan.layout.dir());
            return;
        }
        for file in disk.files().iter().filter(|file| file.starts_with(&tiles)) {
            disk.remove_file(file).expect("it was listed");
        }
        let _ = disk.sync_dir(&tiles);
    }

    /// At the end of a run on an honest disk, which works from now on, all is well.
    fn last_close(&mut self) -> Checked {
        self.sky.did("the last close");
        self.sky.above().weather = Weather::default();
        self.disk.inner.set_space(None);
        self.clock.inner.advance(Duration::from_secs(60));
        let Opened::Well(stepped) = self.open()? else {
            return Rule::Opens.broken("not at the end of the run");
        };
        let mut life = Life::new(self, *stepped);
        life.live(3)?;
        let clean = life.close()?;
        Rule::Opens.unless(clean, || "it does not close at the end of the run".into())?;
        let stored = Stored::look(&self.disk.inner, &self.plan.layout);
        self.tally.segments += self
            .disk
            .inner
            .files()
            .iter()
            .filter(|file| file.starts_with(self.plan.layout.segments()))
            .count() as u64;
        self.model.check_kept(&stored, &self.disk.inner)?;
        self.check_closed(&stored)?;
        self.check_verdict("at the end", true)?;
        let foreign = |foreign: &[u8]| {
            self.disk
                .inner
                .files()
                .iter()
                .any(|file| self.disk.inner.contents(file).is_ok_and(|bytes| bytes == foreign))
        };
        Rule::Kept.unless(self.plan.foreign.is_none_or(foreign), || "what somebody else wrote is lost".into())
    }
}

/// What is on the disk before the first life.
fn lay_out(disk: &SimDisk, plan: &Plan) {
    let made = || -> std::io::Result<()> {
        disk.create_dir("/srv".as_ref())?;
        disk.sync_dir("/".as_ref())?;
        if let Some(foreign) = plan.foreign {
            durable::create_dir(disk, plan.layout.live_parent())?;
            let file = disk.open(plan.layout.live(), Open::CreateNew)?;
            durable::write_all_at(&*file, foreign, 0)?;
            file.sync_all()?;
            disk.sync_dir(plan.layout.live_parent())?;
        }
        Ok(())
    };
    made().expect("a new disk works");
}
