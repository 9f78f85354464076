//! What earlier runs have recorded: a run that was killed is gone on with, and one that ended is not done again.
//!
//! A run records its mark first, and then the entries in their order, as they were, so with the leaf hashes by which they
//! are known here. Others may record in between, and runs that follow each other go on where the one before ended. So what
//! was recorded is found in that order behind the first mark, and it is the beginning of all that there is to record.

use graven::chain::Chain;
use graven::{Category, Entry};
use graven_core::entry::system_actions;
use graven_core::hash::leaf_hash;
use memchr::memmem::Finder;

use super::again::Again;
use super::place::Place;
use super::{Mark, Summary};
use crate::shared::failure::Failure;
use crate::shared::progress::{Progress, Unit};
use crate::shared::ui::Ui;

/// How often the progress is told.
const TOLD_EVERY: u64 = 4_096;

/// Takes the entries that the chain has already. Returns the marks of earlier runs.
pub(super) fn skip_recorded(
    ui: Ui,
    chain: &Chain,
    place: &Place,
    summary: &Summary,
    again: &mut Again<'_>,
) -> Result<Vec<Mark>, Failure> {
    let (number, mut from) = place.from(chain, summary.first);
    let trails = &chain.links()[number..];
    let total: u64 = trails.iter().map(|link| link.reader().len()).sum::<Result<_, _>>()?;
    let progress = Progress::new(ui, "comparing", Unit::Entries, total);
    let name = Finder::new(system_actions::SALVAGED);
    let (mut marks, mut done) = (Vec::new(), 0);
    for link in trails {
        let mut entries = link.reader().entries(from..)?;
        while let Some((_, line)) = entries.next_line()? {
            done += 1;
            if done % TOLD_EVERY == 0 {
                progress.set(done, total);
            }
            if name.find(line).is_some() {
                marks.extend(mark_of(line).filter(|mark| mark.origin == summary.origin));
            }
            // Before the first mark nothing was salvaged. An equal line there is another entry.
            if !marks.is_empty() && again.peek().is_some_and(|next| next.leaf_hash() == leaf_hash(line)) {
                again.take()?;
            }
        }
        from = 0;
    }
    progress.finish();
    Ok(marks)
}

/// What a line says, if it is the mark of a salvage.
fn mark_of(line: &[u8]) -> Option<Mark> {
    let entry = Entry::from_line(line).ok()?;
    let is_mark = entry.category == Category::Trail && entry.action == system_actions::SALVAGED;
    serde_json::from_str(entry.detail.as_ref().filter(|_| is_mark)?.as_str()).ok()
}
