//! The trail that is asked: recorded by the library, in batches, from a seed.

use std::path::Path;

use graven::{Settings, Trail};

use super::skewed::Skewed;
use crate::shared::failure::Failure;
use crate::shared::progress::{Progress, Unit};
use crate::shared::text::{bytes, count};
use crate::shared::ui::Ui;

/// How many entries are recorded at a time.
const BATCH: u64 = 1_000;

/// The bytes on the disk for an entry: its line, its hashes, and an index.
const ENTRY_BYTES: u64 = 560;

/// Says how much room the trail needs, and refuses when there is less.
pub(super) fn check_room(dir: &Path, entries: u64, ui: Ui) -> Result<(), Failure> {
    let needed = entries.saturating_mul(ENTRY_BYTES);
    let system = rustix::fs::statvfs(dir).map_err(|error| Failure::file("look at", dir, &error.into()))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let (needed_text, free_text) = (bytes(needed), bytes(free));
    let place = dir.display();
    if free < needed {
        let message = format_args!(
            "{} entries need {needed_text} in {place}, and {free_text} are free",
            count(entries)
        );
        return Err(Failure::cannot(message)
            .advise("choose another folder with --dir, or fewer entries with --entries"));
    }
    if !ui.json() {
        ui.note(format_args!(
            "{} entries need {needed_text} in {place}; they are removed afterwards",
            count(entries)
        ));
    }
    Ok(())
}

/// Records the entries.
pub(super) fn record(dir: &Path, entries: u64, seed: u64, ui: Ui) -> Result<(), Failure> {
    let trail = Trail::open(Settings::new(dir).no_flood_control())?;
    let mut skewed = Skewed::new(seed);
    let progress = Progress::new(ui, "recording", Unit::Entries, entries);
    let mut recorded = 0;
    while recorded < entries {
        let batch = (0..BATCH.min(entries - recorded)).map(|_| skewed.entry()).collect();
        recorded += trail.record_batch_blocking(batch)?.len() as u64;
        progress.set(recorded, entries);
    }
    progress.finish();
    Ok(trail.close_blocking()?)
}
