//! The report of a soak.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::tamper::Tampering;
use crate::shared::failure::Failure;
use crate::shared::text::{count, counted, duration};
use crate::shared::ui::{Look, Ui};

/// The most errors that are kept in full.
const WRONG_MAX: usize = 20;

/// Everything that was counted.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) rounds: u64,
    /// How many trails were made. A large one is replaced by a new one.
    pub(super) trails: u64,
    pub(super) kills: u64,
    pub(super) clean_closes: u64,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) false_verdicts: u64,
    pub(super) verifications: u64,
    /// How long all verifications took together, and how long the slowest took.
    pub(super) verify_seconds: f64,
    pub(super) verify_seconds_max: f64,
    pub(super) entries_verified: u64,
    pub(super) exports: u64,
    pub(super) tampering: BTreeMap<Tampering, Tally>,
    /// What went wrong.
    pub(super) wrong: Vec<String>,
    pub(super) all_well: bool,
    pub(super) seconds: f64,
    /// Where the files are, when something went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<String>,
}

/// How often an act of tampering was tried, and how often verify named it correctly.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    pub(super) tried: u64,
    pub(super) named: u64,
}

impl Report {
    /// Notes something that went wrong.
    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.all_well = false;
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(format!("round {}: {}", self.rounds, what.into()));
        }
    }

    /// Prints the report for a person.
    pub(super) fn show(&self, ui: Ui) -> Result<(), Failure> {
        let (look, word) =
            if self.all_well { (Look::Good, "✓ all well") } else { (Look::Bad, "✗ something is wrong") };
        let time = duration(Duration::from_secs_f64(self.seconds));
        ui.line(format_args!(
            "{}: {} in {time}",
            ui.paint(look, word),
            counted(self.rounds, "round", "rounds")
        ))?;
        ui.fact(
            "kills",
            format_args!(
                "{}, and {}",
                count(self.kills),
                counted(self.clean_closes, "clean close", "clean closes")
            ),
        )?;
        ui.fact(
            "acknowledged",
            format_args!(
                "{} entries in {}",
                count(self.acknowledged),
                counted(self.trails, "trail", "trails")
            ),
        )?;
        ui.fact("lost", self.lost)?;
        ui.fact("accused", format_args!("{} times falsely", self.false_verdicts))?;
        ui.fact(
            "verified",
            format_args!(
                "{} times, {} entries in {}; the slowest took {}",
                count(self.verifications),
                count(self.entries_verified),
                duration(Duration::from_secs_f64(self.verify_seconds)),
                duration(Duration::from_secs_f64(self.verify_seconds_max)),
            ),
        )?;
        ui.fact("exported", counted(self.exports, "time", "times"))?;
        let sum = |of: fn(&Tally) -> u64| self.tampering.values().map(of).sum::<u64>();
        ui.fact(
            "tampered",
            format_args!(
                "{} times, {} of them named",
                count(sum(|tally| tally.tried)),
                count(sum(|tally| tally.named))
            ),
        )?;
        for (tampering, tally) in &self.tampering {
            let look = if tally.named == tally.tried { Look::Good } else { Look::Bad };
            let named =
                ui.paint(look, format_args!("{:>6} of {:<6}", count(tally.named), count(tally.tried)));
            ui.line(format_args!("    {named} {}", tampering.name()))?;
        }
        for wrong in &self.wrong {
            ui.line(format_args!("  {} {wrong}", ui.paint(Look::Bad, "✗")))?;
        }
        if let Some(folder) = &self.folder {
            ui.line(format_args!("all files are kept in {folder}"))?;
        }
        Ok(())
    }
}
