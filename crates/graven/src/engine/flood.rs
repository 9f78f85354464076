//! Flood control: repeats of one emitted entry, beyond a rate, become one entry with their count.
//!
//! Only for [`emit`](crate::Trail::emit). Off by default: [`Settings::flood_control`](crate::Settings::flood_control)
//! turns it on. Two entries are of one *kind* when their lines are the same but for `id`, `timestamp` and
//! `duration_ms`. The first few of a kind in a window are written one by one, the others are counted; at the window's
//! end one entry stands for them, with `count`, the time of the first, and the time from there to the last.
//!
//! Always written one by one: the first of its kind, a denial, an intent or a result, an entry that has a `count` of
//! its own or a detail beside the log, and every entry that is acknowledged.
//!
//! | file | what it is |
//! |---|---|
//! | `kind.rs` | which entries are the same |
//! | `kinds.rs` | what was seen in the windows that are open |
//!
//! Its one lock is held while lines go into the queue: if a flush or a close finds nothing counted, everything is
//! queued already. Under this lock nothing is written, and only the writer is woken.

pub(super) mod gate;
mod kind;
mod kinds;

use std::time::Duration;

use graven_core::entry::{Blob, Entry, Outcome};
use graven_core::hash::leaf_hash;

use crate::engine::queue::{Line, Refused};
use crate::engine::shared::Engine;
use crate::engine::system_entries::complete;
use crate::settings::flood::Flood;
use kind::Kind;
use kinds::{Kinds, Repeats};

/// How a count gets into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Push {
    /// If there is room. Otherwise the count goes on growing.
    IfRoom,
    /// With or without room: for the last time.
    Last,
}

/// Whether repeats of this entry may be counted.
pub(crate) fn may_repeat(entry: &Entry) -> bool {
    let decides = matches!(entry.outcome, Outcome::Denied | Outcome::Pending);
    !decides && entry.phase.is_none() && entry.count.is_none()
}

impl Engine {
    /// Whether this line is a repeat that was only counted. The line is finished, and [`may_repeat`] is true for its
    /// entry.
    pub(crate) fn counts_repeat(&self, line: &[u8], blob: Option<&Blob>) -> bool {
        let (Some(gate), None) = (&self.flood, blob) else {
            return false;
        };
        let Some(kind) = Kind::of(line) else {
            return false;
        };
        let now = self.machine.clock.elapsed();
        let mut state = gate.state();
        if state.ended {
            return false;
        }
        self.write_while(&mut state.kinds, Push::IfRoom, |end| end <= now);
        let counted = state.kinds.see(&kind, line, now);
        drop(state);
        if counted {
            self.watchdog.watch();
        }
        counted
    }

    /// Queues the counts whose window has ended. Returns whether any are left.
    pub(super) fn write_due_repeats(&self) -> bool {
        let Some(gate) = &self.flood else {
            return false;
        };
        let now = self.machine.clock.elapsed();
        let mut state = gate.state();
        self.write_while(&mut state.kinds, Push::IfRoom, |end| end <= now);
        state.kinds.any_repeats()
    }

    /// Queues every count. Returns whether there was room for all. The windows stay open.
    pub(crate) fn write_repeats(&self) -> bool {
        let Some(gate) = &self.flood else {
            return true;
        };
        let mut state = gate.state();
        state.kinds.take_each(|repeats| self.write(repeats, Push::IfRoom))
    }

    /// Queues every count, with or without room, and counts no more: the trail is closing.
    pub(super) fn end_flood(&self) {
        if let Some(gate) = &self.flood {
            let mut state = gate.state();
            state.ended = true;
            self.write_while(&mut state.kinds, Push::Last, |_end| true);
        }
    }

    /// Closes the oldest windows, as long as there is room for their counts.
    fn write_while(&self, kinds: &mut Kinds, push: Push, over: impl Fn(Duration) -> bool) {
        while kinds.oldest_end().is_some_and(&over) {
            if !kinds.close_oldest(|repeats| self.write(repeats, push)) {
                return;
            }
        }
    }

    /// Queues the entry that stands for the repeats; `false` when there is no room. If the trail has ended, they are
    /// counted as lost.
    fn write(&self, repeats: &Repeats, push: Push) -> bool {
        let mut entry = Entry::from_line(&repeats.line).expect("we made this line");
        let mut bytes = Vec::new();
        if repeats.count > 1 {
            entry.id = None;
            entry.timestamp = Some(repeats.first);
            entry.duration_ms = Some(repeats.span_ms());
            entry.count = Some(repeats.count);
            complete(&mut entry, &*self.machine.clock);
            entry.append_line(0, &mut bytes).expect("as well-formed as its repeats, and it fits");
        } else {
            // A single repeat is written as it is.
            bytes.extend_from_slice(&repeats.line);
        }
        let mut line = Line { bytes: &bytes, hash: leaf_hash(&bytes), blob: None };
        let pushed = match push {
            Push::IfRoom => self.queue.push(&mut line, None),
            Push::Last => self.queue.push_emitted(&mut line).map_err(Refused::Ended),
        };
        match pushed {
            Ok(_place) => true,
            Err(Refused::Full) => false,
            Err(Refused::Ended(_why)) => {
                self.lost.add_many(entry.category.as_str(), repeats.count);
                true
            }
        }
    }
}
