//! A progress bar for what takes longer than a second, shown only where a person can see it.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shared::ui::Ui;

/// How long something may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes, with a rate in bytes a second.
    Bytes,
    /// Entries, with a rate in entries a second.
    Entries,
}

/// The progress of one long task.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    clock: OsClock,
    unit: Unit,
    /// Whether a person watches.
    watched: bool,
    shown: AtomicBool,
}

impl Progress {
    /// A bar that stays hidden for the first second. `total` 0 means that the end is not known.
    pub(crate) fn new(ui: Ui, what: &'static str, unit: Unit, total: u64) -> Progress {
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::hidden());
        bar.set_message(what);
        let watched = std::io::stderr().is_terminal() && !ui.json();
        Progress { bar, clock: OsClock::new(), unit, watched, shown: AtomicBool::new(false) }
    }

    /// How much is done, of how much.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if !self.watched {
            return;
        }
        if !self.shown.load(Ordering::Relaxed) {
            if self.clock.elapsed() < PATIENCE {
                return;
            }
            // Before it is drawn for the first time.
            self.tell(done, total);
            self.show(total > 0);
        }
        self.tell(done, total);
    }

    fn tell(&self, done: u64, total: u64) {
        if total > 0 {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, end_known: bool) {
        self.shown.store(true, Ordering::Relaxed);
        let counts = match (self.unit, end_known) {
            (Unit::Bytes, true) => "{bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left",
            (Unit::Bytes, false) => "{bytes}  {binary_bytes_per_sec}",
            (Unit::Entries, true) => "{human_pos}/{human_len}  {per_sec}  {eta} left",
            (Unit::Entries, false) => "{human_pos}  {per_sec}",
        };
        let bar = if end_known { "{wide_bar:.cyan} " } else { "{spinner} " };
        let style = ProgressStyle::with_template(&format!("{{msg}} {bar}{counts}"));
        self.bar.set_style(style.expect("the template is one of four, and a test draws each"));
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::ui::Colours;

    #[test]
    fn every_template_can_be_drawn() {
        for unit in [Unit::Bytes, Unit::Entries] {
            for end_known in [true, false] {
                let progress = Progress::new(Ui::new(false, Colours::Never), "checking", unit, 10);
                progress.show(end_known);
            }
        }
    }
}
