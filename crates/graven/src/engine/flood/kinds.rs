//! The open windows: the kinds of entries that were seen, and the repeats that were counted of each. Time is passed in.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven_core::hash::Hash;

use super::Flood;
use super::kind::Kind;
use crate::seam::clock::milliseconds;

/// The most bytes of lines that are kept: 4 MiB. A kind whose line does not fit is not counted.
const LINES_BYTES_MAX: usize = 4 << 20;

/// The kinds whose window is open.
#[derive(Debug)]
pub(super) struct Kinds {
    flood: Flood,
    seen: HashMap<Hash, Seen>,
    /// The windows, by their end: all last equally long, so the oldest ends first.
    windows: VecDeque<(Duration, Hash)>,
    /// How many kinds have repeats, and how many bytes their lines have.
    repeated: usize,
    lines_bytes: usize,
}

/// What was seen of one kind since its window began.
#[derive(Debug, Default)]
struct Seen {
    /// How many were written one by one.
    written: u64,
    repeats: Option<Box<Repeats>>,
}

/// Entries that were counted.
#[derive(Debug)]
pub(super) struct Repeats {
    /// The line of the first one counted.
    pub(super) line: Box<[u8]>,
    pub(super) count: u64,
    /// The earliest and the latest of their times.
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
}

impl Kinds {
    pub(super) fn new(flood: Flood) -> Kinds {
        Kinds { flood, seen: HashMap::new(), windows: VecDeque::new(), repeated: 0, lines_bytes: 0 }
    }

    /// Sees one more entry. Returns whether it was counted and must not be written.
    pub(super) fn see(&mut self, kind: &Kind, line: &[u8], now: Duration) -> bool {
        let Some(seen) = self.seen.get_mut(&kind.hash) else {
            if self.seen.len() < self.flood.kinds_max {
                self.seen.insert(kind.hash, Seen { written: 1, repeats: None });
                self.windows.push_back((now.saturating_add(self.flood.window), kind.hash));
            }
            return false;
        };
        if seen.written < self.flood.entries {
            seen.written += 1;
            return false;
        }
        if let Some(repeats) = &mut seen.repeats {
            repeats.count += 1;
            repeats.first = repeats.first.min(kind.at);
            repeats.last = repeats.last.max(kind.at);
            return true;
        }
        if self.lines_bytes + line.len() > LINES_BYTES_MAX {
            return false;
        }
        self.repeated += 1;
        self.lines_bytes += line.len();
        let repeats = Repeats { line: line.into(), count: 1, first: kind.at, last: kind.at };
        seen.repeats = Some(Box::new(repeats));
        true
    }

    /// Whether anything was counted.
    pub(super) fn any_repeats(&self) -> bool {
        self.repeated > 0
    }

    /// When the oldest window ends.
    pub(super) fn oldest_end(&self) -> Option<Duration> {
        self.windows.front().map(|(end, _)| *end)
    }

    /// Closes the oldest window, unless its count cannot be written now. Returns whether it is closed.
    pub(super) fn close_oldest(&mut self, write: impl FnOnce(&Repeats) -> bool) -> bool {
        let Some((_, kind)) = self.windows.front().copied() else {
            return true;
        };
        if !self.take(&kind, write) {
            return false;
        }
        self.windows.pop_front();
        self.seen.remove(&kind);
        true
    }

    /// Writes all counts, the oldest window first. Returns whether all could be written. The windows stay open.
    pub(super) fn take_each(&mut self, mut write: impl FnMut(&Repeats) -> bool) -> bool {
        if !self.any_repeats() {
            return true;
        }
        let windows = std::mem::take(&mut self.windows);
        let all = windows.iter().all(|(_, kind)| self.take(kind, &mut write));
        self.windows = windows;
        all
    }

    /// Writes the count of a kind, if there is one. Returns whether it could be written.
    fn take(&mut self, kind: &Hash, write: impl FnOnce(&Repeats) -> bool) -> bool {
        let seen = self.seen.get_mut(kind).expect("every window has its kind");
        let Some(repeats) = &seen.repeats else {
            return true;
        };
        if !write(repeats) {
            return false;
        }
        self.repeated -= 1;
        self.lines_bytes -= repeats.line.len();
        seen.repeats = None;
        true
    }
}

impl Repeats {
    /// The time from the first to the last, in whole milliseconds.
    pub(super) fn span_ms(&self) -> u64 {
        (self.last - self.first).to_std().map_or(0, milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: u8) -> Kind {
        Kind { hash: Hash::from_bytes([name; 32]), at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_is_not_counted() {
        let mut kinds = Kinds::new(Flood::new(1, Duration::from_secs(1)).kinds_max(2));
        let line = vec![0; LINES_BYTES_MAX - 10];
        // Two kinds are known, the third never is.
        let first: Vec<bool> = (0..3).map(|name| kinds.see(&kind(name), &line, Duration::ZERO)).collect();
        assert_eq!(first, [false; 3]);
        assert!(kinds.see(&kind(0), &line, Duration::ZERO));
        assert!(!kinds.see(&kind(1), &line, Duration::ZERO), "its line finds no place");
        assert!(!kinds.see(&kind(2), b"", Duration::ZERO), "it is not known");
        assert!(kinds.see(&kind(1), b"short", Duration::ZERO));
        assert_eq!((kinds.repeated, kinds.lines_bytes), (2, LINES_BYTES_MAX - 5));
        // What is written makes room.
        assert!(kinds.take_each(|_| true));
        assert_eq!((kinds.any_repeats(), kinds.lines_bytes), (false, 0));
        assert!(kinds.see(&kind(1), &line, Duration::ZERO));
        assert!(kinds.close_oldest(|_| panic!("nothing was counted of the first")));
        assert!(!kinds.see(&kind(2), &line, Duration::ZERO), "now it is known");
        assert_eq!((kinds.seen.len(), kinds.windows.len()), (2, 2));
    }

    #[test]
    fn what_cannot_be_written_now_goes_on_counting() {
        let mut kinds = Kinds::new(Flood::new(1, Duration::from_secs(1)));
        let counted = (0..5).filter(|_| kinds.see(&kind(0), b"line", Duration::ZERO)).count();
        assert_eq!(counted, 4);
        assert!(!kinds.close_oldest(|_| false));
        assert!(!kinds.take_each(|_| false));
        assert!(kinds.see(&kind(0), b"line", Duration::from_secs(9)));
        assert!(kinds.close_oldest(|repeats| repeats.count == 5));
        assert!(kinds.seen.is_empty() && kinds.windows.is_empty() && !kinds.any_repeats());
    }
}
