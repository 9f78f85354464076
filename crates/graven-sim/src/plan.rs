//! What the seed decides for a run and for each of its lives.

use std::time::Duration;

use fastrand::Rng;
use graven::Settings;
use graven::WhenFull;
use graven::layout::Layout;

use crate::canary::Canary;
use crate::entries::{BLOB_BYTES_MAX, HASTY};
use crate::fault_plan::FaultPlan;

/// The directory of the trail. Before the first life only `/srv` exists.
const DIR: &str = "/srv/data/trail";

/// The live file of a trail with a live file elsewhere.
const LIVE: &str = "/srv/data/audit.log";

/// A signing key outside the trail.
const KEY: &str = "/srv/audit.key";

/// The most lives of one trail.
const LIVES_MAX: u64 = 8;

/// What is the same in all lives of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) lives: u64,
    /// Whether the disk keeps its promises. Then nothing acknowledged may be lost.
    pub(crate) honest: bool,
    /// Whether there are enough entries for segments to be closed.
    pub(crate) tall: bool,
    /// How many processes may have the trail open at once.
    pub(crate) processes: usize,
    /// Whether somebody else changes the files while they are open.
    pub(crate) meddled: bool,
    /// Whether a process beside the others makes an index of the trail.
    pub(crate) follows: bool,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    /// What another program wrote where the live file will be.
    pub(crate) foreign: Option<&'static [u8]>,
}

/// How a life ends, if nothing ends it earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Kill,
    PowerCut,
}

/// The number of lives in the run of this seed.
pub(crate) fn lives(seed: u64) -> u64 {
    Rng::with_seed(seed).u64(1..=LIVES_MAX)
}

/// Whether the run of this seed ships its trail: an eighth of them, all with a canary of shipping, and none with another.
pub(crate) fn ships(seed: u64, canary: Option<Canary>) -> bool {
    match canary {
        Some(canary) => canary.is_of_shipping(),
        None => Rng::with_seed(seed ^ 0x6275_636b_6574).u8(..8) == 0,
    }
}

impl Plan {
    /// The plan of this seed.
    pub(crate) fn of(seed: u64) -> Plan {
        let mut chance = Rng::with_seed(seed);
        let lives = chance.u64(1..=LIVES_MAX);
        let honest = chance.u8(..5) > 0;
        let tall = chance.u8(..4) == 0;
        let beside = chance.u8(..4) == 0;
        let (layout, settings) = if beside {
            (Layout::beside_live(LIVE), Settings::live_file(LIVE))
        } else {
            (Layout::in_dir(DIR), Settings::new(DIR))
        };
        let mut settings = settings
            .segment_bytes(chance.u64(1..40_000))
            .ring_entries(chance.usize(1..60))
            .queue_bytes(0)
            .blob_bytes_max(BLOB_BYTES_MAX)
            .when_full_for(HASTY, WhenFull::Drop);
        if chance.u8(..4) == 0 {
            settings = settings.segment_age(Duration::from_secs(20));
        }
        if chance.u8(..4) == 0 {
            settings = settings.signing_key(KEY);
        }
        settings = settings.life_signs(chance.u8(..4) == 0);
        let processes = if chance.u8(..5) < 2 { 1 } else { chance.usize(2..=4) };
        let meddled = honest && chance.u8(..4) == 0;
        let foreign = (beside && chance.bool()).then_some(&b"what somebody else wrote\n"[..]);
        // Of numbers of its own: so a run without a follower is what it was before there were any. Only a tall one has
        // enough entries for shelves.
        let follows = Rng::with_seed(seed ^ 0x666f_6c6c_6f77).u8(..8) < if tall { 4 } else { 1 };
        Plan { lives, honest, tall, processes, meddled, follows, layout, settings, foreign }
    }

    /// Adds faults that only the follower meets.
    pub(crate) fn index_faults(&self, faults: &mut FaultPlan, chance: &mut Rng) {
        match chance.u8(..8) {
            0..3 => faults.crash_in_index_in = Some(chance.u64(..24)),
            3 => faults.unreadable = Some(["search", "memory-of-the-follower"][chance.usize(..2)]),
            _ => {}
        }
    }

    /// Draws the faults of one life.
    pub(crate) fn faults(&self, chance: &mut Rng) -> FaultPlan {
        let mut faults = FaultPlan::default();
        match chance.u8(..10) {
            0..3 => faults.fail_in = Some(chance.u64(..40) * chance.u64(1..6)),
            3 => faults.failures = chance.u32(..3_000),
            4 => (faults.interruptions, faults.short) = (chance.u32(..20_000), chance.u32(..20_000)),
            5..7 => faults.unreadable = Some(UNREADABLE[chance.usize(..UNREADABLE.len())]),
            _ => {}
        }
        if !self.honest {
            match chance.u8(..5) {
                0 => faults.lies = chance.u32(..40_000),
                1 => faults.misdirections = chance.u32(..4_000),
                2 => faults.rotten_reads = chance.u32(..2_000),
                3 => faults.rot = chance.u32(..300),
                _ => {}
            }
        }
        // An early crash falls into the opening.
        match chance.u8(..4) {
            0 => faults.crash_in = Some(chance.u64(..40) * chance.u64(1..8)),
            1 => faults.crash_at_name_in = Some(chance.u64(..12) * chance.u64(1..4)),
            _ => {}
        }
        faults
    }

    /// The chance that a process pauses before a call in this life, among 256: 0 is for whole steps.
    pub(crate) fn pauses(&self, chance: &mut Rng) -> u32 {
        if self.processes == 1 { 0 } else { [0, 12, 40, 120][chance.usize(..4)] }
    }

    /// How many more bytes the disk takes in this life. `None`: no limit.
    pub(crate) fn space(&self, chance: &mut Rng) -> Option<u64> {
        (chance.u8(..12) == 0).then(|| chance.u64(..20_000))
    }

    /// Draws how a life ends.
    pub(crate) fn ending(&self, chance: &mut Rng) -> Ending {
        [Ending::Close, Ending::Close, Ending::Kill, Ending::PowerCut][chance.usize(..4)]
    }
}

/// Parts of paths: files with one of them may be unreadable for a whole life.
const UNREADABLE: &[&str] = &[
    "audit",
    "segments",
    "tiles",
    "checkpoint",
    "graven.json",
    "closed",
    "signing",
    "blobs",
    "torn",
    "LOCK",
    "trail",
];
