//! A progress bar for tasks that take longer than a second, shown only on a terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shared::ui::Ui;

/// How long a task may take before a bar appears.
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
    /// Whether standard error is a terminal and the answer is not JSON.
    watched: bool,
    shown: AtomicBool,
}

impl Progress {
    /// A bar that is hidden for the first second. `total` is 0 when the end is not known.
    pub(crate) fn new(ui: Ui, what: &'static str, unit: Unit, total: u64) -> Progress {
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::hidden());
        bar.set_message(what);
        let watched = std::io::stderr().is_terminal() && !ui.json();
        Progress { bar, clock: OsClock::new(), unit, watched, shown: AtomicBool::new(false) }
    }

    /// Sets how much is done, and the total.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if !self.watched {
            return;
        }
        if !self.shown.load(Ordering::Relaxed) {
            if self.clock.elapsed() < PATIENCE {
                return;
            }
            // The first drawing needs the numbers.
            self.update(done, total);
            self.show(total > 0);
        }
        self.update(done, total);
    }

    fn update(&self, done: u64, total: u64) {
        if total > 0 {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Removes the bar.
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
        self.bar.set_style(style.expect("it is one of four templates, and a test draws each"));
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
