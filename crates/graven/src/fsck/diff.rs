//! Compares the lines that are stored with those that were recorded, and says what was done to them.
//!
//! Both are sequences of leaf hashes. They run side by side until they differ; then the nearest place is looked for
//! where they agree again for a while. What lies between is put into words: as many as have a counterpart were altered,
//! the rest of the stored ones inserted, the rest of the recorded ones are missing.

use std::collections::{HashMap, VecDeque};
use std::io;

use graven_core::hash::Hash;

/// How far ahead the sequences are compared when they differ. A hole or an insertion of more lines than this is told
/// as altered lines.
const WINDOW: usize = 65_536;

/// How far ahead is looked first.
const NEAR: usize = 512;

/// So many lines that agree in a row count as being in step again.
const IN_STEP: usize = 16;

/// When at most so many lines are left on both sides, the shortest edit is computed exactly.
const EXACT_MAX: usize = 64;

/// So often a place to go on is searched for, near by and in the whole window; past that only altered lines are told.
const SEARCHES_MAX: u32 = 20_000;
const WIDE_SEARCHES_MAX: u32 = 200;

/// A line that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// Its leaf hash is known.
    Leaf(Hash),
    /// Its leaf hash did not survive: any line may stand there.
    Lost,
}

/// A line that is stored: its offset and its leaf hash.
pub(super) type Stored = (u64, Hash);

/// What was done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) kind: Kind,
    /// The number of the first recorded line concerned; of an inserted one, the place where it stands.
    pub(super) at: u64,
    pub(super) count: u64,
    /// The number and the offset of the first stored line concerned, or of the place where it should be.
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

/// Who hears what the comparison finds.
pub(super) trait Listener {
    fn edit(&mut self, edit: Edit);
    /// A stored line stands where a recorded one was whose hash is lost.
    fn stands_for_lost(&mut self, recorded: u64, stored: Stored);
}

/// Where the comparison ended: after the last recorded line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// How many stored lines were used up, and the offset after them.
    pub(super) lines: u64,
    pub(super) offset: u64,
}

/// Compares. `open_end` says that stored lines after the last recorded one are none of our business.
pub(super) fn diff(
    stored: impl FnMut() -> io::Result<Option<Stored>>,
    recorded: impl FnMut() -> io::Result<Option<Recorded>>,
    end_offset: u64,
    open_end: bool,
    listener: &mut dyn Listener,
) -> io::Result<End> {
    let mut diff = Diff {
        stored: Window::new(stored),
        recorded: Window::new(recorded),
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
                (None, Some(_)) => {
                    self.recorded.fill(WINDOW)?;
                    self.tell(0, self.recorded.items.len());
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

    /// Puts so many stored and so many recorded lines, which do not agree, into words, and leaves them behind.
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
        // One altered line is what happens most, and needs no search.
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
        // Lines that were replaced one for one: some between them may have been left as they were.
        Ok((1..stored).find(|i| self.agreement(*i, *i) > 0).map_or((stored, stored), |i| (i, i)))
    }

    /// How many lines agree in a row from there on, at most [`IN_STEP`].
    fn agreement(&self, stored: usize, recorded: usize) -> usize {
        let stored = self.stored.items.iter().skip(stored);
        let recorded = self.recorded.items.iter().skip(recorded);
        stored
            .zip(recorded)
            .take(IN_STEP)
            .take_while(|(stored, recorded)| agree(**stored, **recorded))
            .count()
    }

    /// The nearest place where the two are in step again, or the one with the longest agreement; and how long that is.
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

    /// For short remainders: what the cheapest edit of all of it leaves before the first agreement. An altered line
    /// costs as much as an inserted or a missing one, and is preferred. Lines left over at an open end cost a little
    /// more than one edit together, so that two swapped last lines are not taken for a missing line and a left-over one.
    fn shortest_edit(&self) -> (usize, usize) {
        const EDIT: usize = 1_000;
        let stored: Vec<Stored> = self.stored.items.iter().copied().collect();
        let recorded: Vec<Recorded> = self.recorded.items.iter().copied().collect();
        let left_over = |lines: usize| match lines {
            0 => 0,
            lines if self.open_end => EDIT + lines,
            lines => EDIT * lines,
        };
        // cost[s][r]: of what is left from stored line s and recorded line r on.
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

/// The next items of a sequence.
struct Window<T, F> {
    next: F,
    items: VecDeque<T>,
    ended: bool,
    /// How many items have been left behind.
    done: u64,
}

impl<T, F: FnMut() -> io::Result<Option<T>>> Window<T, F> {
    fn new(next: F) -> Window<T, F> {
        Window { next, items: VecDeque::new(), ended: false, done: 0 }
    }

    /// Looks ahead, so that at least so many items are there, or all that are left.
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
