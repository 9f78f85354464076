//! Compares the stored lines with the recorded ones, and reports the edits.
//!
//! Both are sequences of leaf hashes. They are compared side by side until they differ. Then a search finds the nearest
//! place where several lines in a row agree again. The lines before that place are reported: those that have a
//! counterpart as altered, further stored lines as inserted, further recorded lines as missing.

use std::collections::{HashMap, VecDeque};
use std::io;

use graven_core::hash::Hash;

/// How many lines ahead the wide search looks. A hole or an insertion of more lines than this is reported as altered
/// lines.
const WINDOW: usize = 65_536;

/// How many lines ahead the first search looks.
const NEAR: usize = 512;

/// This many lines in a row must agree before the sequences count as in step again.
const IN_STEP: usize = 16;

/// The shortest edit is computed exactly when at most this many lines are left on both sides.
const EXACT_MAX: usize = 64;

/// The most searches in all; after that every difference is reported as one altered line.
const SEARCHES_MAX: u32 = 20_000;
/// The most searches in the whole window; after that only the near search is done.
const WIDE_SEARCHES_MAX: u32 = 200;

/// A recorded line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// Its leaf hash is known.
    Leaf(Hash),
    /// Its leaf hash is lost: any stored line counts as the same.
    Lost,
}

/// A stored line: its offset and its leaf hash.
pub(super) type Stored = (u64, Hash);

/// One edit; edits are reported in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) kind: Kind,
    /// The number of the first recorded line that it changes; for inserted lines, of the recorded line after them.
    pub(super) at: u64,
    pub(super) count: u64,
    /// The number and the offset of the first stored line that it concerns, or of the place where it should be.
    pub(super) line: u64,
    pub(super) offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Altered,
    Inserted,
    Missing,
    /// Missing, with nothing stored after it.
    CutOff,
}

/// Receives what the comparison finds.
pub(super) trait Listener {
    fn edit(&mut self, edit: Edit);
    /// A stored line stands in the place of a recorded line whose hash is lost.
    fn stands_for_lost(&mut self, recorded: u64, stored: Stored);
}

/// Where the comparison ended: after the last recorded line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The number of stored lines before that place, and the offset after them.
    pub(super) lines: u64,
    pub(super) offset: u64,
}

/// Compares stored lines with recorded ones, of which there are `total`. `open_end` allows stored lines after the last
/// recorded one.
pub(super) fn diff(
    stored: impl FnMut() -> io::Result<Option<Stored>>,
    recorded: impl FnMut() -> io::Result<Option<Recorded>>,
    total: u64,
    end_offset: u64,
    open_end: bool,
    listener: &mut dyn Listener,
) -> io::Result<End> {
    let mut diff = Diff {
        stored: Window::new(stored),
        recorded: Window::new(recorded),
        total,
        end_offset,
        open_end,
        searches: 0,
        wide_searches: 0,
        listener,
    };
    diff.run()
}

struct Diff<'a, S, R> {
    stored: Window<Stored, S>,
    recorded: Window<Recorded, R>,
    /// How many recorded lines there are.
    total: u64,
    end_offset: u64,
    open_end: bool,
    searches: u32,
    wide_searches: u32,
    listener: &'a mut dyn Listener,
}

impl<S, R> Diff<'_, S, R>
where
    S: FnMut() -> io::Result<Option<Stored>>,
    R: FnMut() -> io::Result<Option<Recorded>>,
{
    fn run(&mut self) -> io::Result<End> {
        loop {
            self.stored.fill(1)?;
            self.recorded.fill(1)?;
            match (self.stored.items.front().copied(), self.recorded.items.front().copied()) {
                (Some(stored), Some(recorded)) if agree(stored, recorded) => {
                    if recorded == Recorded::Lost {
                        self.listener.stands_for_lost(self.recorded.done, stored);
                    }
                    self.stored.drop_front(1);
                    self.recorded.drop_front(1);
                }
                (Some(_), Some(_)) => {
                    let (stored, recorded) = self.next_agreement()?;
                    self.tell(stored, recorded);
                }
                // All the others are cut off. They are not read: a root may vouch for any number of them.
                (None, Some(_)) => {
                    let (at, line, offset) = (self.recorded.done, self.stored.done, self.offset());
                    let count = self.total - at;
                    self.listener.edit(Edit { kind: Kind::CutOff, at, count, line, offset });
                    return Ok(End { lines: line, offset });
                }
                (Some(_), None) if !self.open_end => {
                    self.stored.fill(WINDOW)?;
                    self.tell(self.stored.items.len(), 0);
                }
                (_, None) => return Ok(End { lines: self.stored.done, offset: self.offset() }),
            }
        }
    }

    /// The offset of the next stored line.
    fn offset(&self) -> u64 {
        self.stored.items.front().map_or(self.end_offset, |(offset, _)| *offset)
    }

    /// Reports the next `stored` and `recorded` lines, which do not agree, and goes on behind them.
    fn tell(&mut self, stored: usize, recorded: usize) {
        let altered = stored.min(recorded);
        self.tell_one(Kind::Altered, altered, altered, altered);
        self.tell_one(Kind::Inserted, stored - altered, stored - altered, 0);
        let kind =
            if self.stored.ended && self.stored.items.is_empty() { Kind::CutOff } else { Kind::Missing };
        self.tell_one(kind, recorded - altered, 0, recorded - altered);
    }

    fn tell_one(&mut self, kind: Kind, count: usize, stored: usize, recorded: usize) {
        if count > 0 {
            let (at, line, offset) = (self.recorded.done, self.stored.done, self.offset());
            self.listener.edit(Edit { kind, at, count: count as u64, line, offset });
            self.stored.drop_front(stored);
            self.recorded.drop_front(recorded);
        }
    }

    /// How many stored and how many recorded lines lie before the place where the two agree again.
    fn next_agreement(&mut self) -> io::Result<(usize, usize)> {
        // One altered line is the most common case, and needs no search.
        self.stored.fill(1 + IN_STEP)?;
        self.recorded.fill(1 + IN_STEP)?;
        self.searches += 1;
        if self.agreement(1, 1) == IN_STEP || self.searches > SEARCHES_MAX {
            return Ok((1, 1));
        }
        self.stored.fill(NEAR)?;
        self.recorded.fill(NEAR)?;
        let (stored, recorded) = (self.stored.items.len(), self.recorded.items.len());
        if stored <= EXACT_MAX && recorded <= EXACT_MAX && self.stored.ended && self.recorded.ended {
            return Ok(self.shortest_edit());
        }
        let (mut place, mut length) = self.search(NEAR);
        if length < IN_STEP && self.wide_searches < WIDE_SEARCHES_MAX {
            self.wide_searches += 1;
            self.stored.fill(WINDOW)?;
            self.recorded.fill(WINDOW)?;
            (place, length) = self.search(WINDOW);
        }
        let (stored, recorded) = match place {
            _ if length > 0 => place,
            _ => {
                let both = self.stored.items.len().min(self.recorded.items.len());
                (both, both)
            }
        };
        if stored != recorded {
            return Ok((stored, recorded));
        }
        // The lines were replaced one for one: some between them may be unchanged.
        Ok((1..stored).find(|i| self.agreement(*i, *i) > 0).map_or((stored, stored), |i| (i, i)))
    }

    /// How many lines in a row agree from these places on, at most [`IN_STEP`].
    fn agreement(&self, stored: usize, recorded: usize) -> usize {
        let stored = self.stored.items.iter().skip(stored);
        let recorded = self.recorded.items.iter().skip(recorded);
        stored
            .zip(recorded)
            .take(IN_STEP)
            .take_while(|(stored, recorded)| agree(**stored, **recorded))
            .count()
    }

    /// The nearest place where both are in step again, else the one where most lines agree; and how many lines agree.
    fn search(&self, window: usize) -> ((usize, usize), usize) {
        let mut places = HashMap::new();
        for (place, recorded) in self.recorded.items.iter().enumerate().take(window) {
            if let Recorded::Leaf(hash) = recorded {
                places.entry(*hash).or_insert(place);
            }
        }
        let (mut best, mut best_length) = ((0, 0), 0);
        for (stored, (_, hash)) in self.stored.items.iter().enumerate().take(window) {
            if best_length == IN_STEP && stored > best.0 + best.1 {
                break;
            }
            let Some(recorded) = places.get(hash).copied() else {
                continue;
            };
            let length = self.agreement(stored, recorded);
            if length > best_length || length == best_length && stored + recorded < best.0 + best.1 {
                (best, best_length) = ((stored, recorded), length);
            }
        }
        (best, best_length)
    }

    /// Like [`next_agreement`](Diff::next_agreement), exact, for short remainders: the lines before the first agreement
    /// in the cheapest edit of the whole remainder. An altered line costs as much as an inserted or a missing one, and
    /// is preferred. All lines left over at an open end cost together a little more than one edit: otherwise two
    /// swapped last lines would look like a missing line and a left-over one.
    fn shortest_edit(&self) -> (usize, usize) {
        const EDIT: usize = 1_000;
        let stored: Vec<Stored> = self.stored.items.iter().copied().collect();
        let recorded: Vec<Recorded> = self.recorded.items.iter().copied().collect();
        let left_over = |lines: usize| match lines {
            0 => 0,
            lines if self.open_end => EDIT + lines,
            lines => EDIT * lines,
        };
        // cost[s][r]: the cost of the rest, from stored line s and recorded line r on.
        let mut cost = vec![vec![0; recorded.len() + 1]; stored.len() + 1];
        for s in (0..=stored.len()).rev() {
            for r in (0..=recorded.len()).rev() {
                cost[s][r] = match (stored.get(s), recorded.get(r)) {
                    (None, _) => EDIT * (recorded.len() - r),
                    (_, None) => left_over(stored.len() - s),
                    (Some(a), Some(b)) if agree(*a, *b) => cost[s + 1][r + 1],
                    _ => EDIT + cost[s + 1][r + 1].min(cost[s][r + 1]).min(cost[s + 1][r]),
                };
            }
        }
        let (mut s, mut r) = (0, 0);
        while s < stored.len() && r < recorded.len() && !agree(stored[s], recorded[r]) {
            let next = cost[s][r] - EDIT;
            (s, r) = match next {
                _ if cost[s + 1][r + 1] == next => (s + 1, r + 1),
                _ if cost[s][r + 1] == next => (s, r + 1),
                _ => (s + 1, r),
            };
        }
        if s == stored.len() {
            r = recorded.len();
        } else if r == recorded.len() && !self.open_end {
            s = stored.len();
        }
        (s, r)
    }
}

fn agree((_, stored): Stored, recorded: Recorded) -> bool {
    match recorded {
        Recorded::Leaf(hash) => hash == stored,
        Recorded::Lost => true,
    }
}

/// A look ahead into a sequence.
struct Window<T, F> {
    next: F,
    items: VecDeque<T>,
    ended: bool,
    /// How many items were dropped from the front.
    done: u64,
}

impl<T, F: FnMut() -> io::Result<Option<T>>> Window<T, F> {
    fn new(next: F) -> Window<T, F> {
        Window { next, items: VecDeque::new(), ended: false, done: 0 }
    }

    /// Looks ahead until there are at least `count` items, or all that are left.
    fn fill(&mut self, count: usize) -> io::Result<()> {
        while self.items.len() < count && !self.ended {
            match (self.next)()? {
                Some(item) => self.items.push_back(item),
                None => self.ended = true,
            }
        }
        Ok(())
    }

    fn drop_front(&mut self, count: usize) {
        self.items.drain(..count);
        self.done += count as u64;
    }
}

#[cfg(test)]
mod tests;
