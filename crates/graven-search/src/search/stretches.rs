//! Goes over a range shelf by shelf: which entries the index names there, and which are to be read one by one.

use std::collections::VecDeque;
use std::ops::Range;

use graven::Outcome;
use graven::prove::SealedHead;
use graven::reader::Picks;
use roaring::RoaringBitmap;
use roaring::bitmap::IntoIter;

use super::answer::IndexUse;
use super::counts::Counts;
use crate::index::shelf::{BLOCK_ENTRIES, Tally, facet};
use crate::index::{Index, Said, Whereabouts};
use crate::order::Order;
use crate::query::{EntryField, Field, Query};

/// A range with fewer entries is read at once.
const FEW: u64 = BLOCK_ENTRIES as u64;

/// The stretches of a range, in order.
pub(super) struct Stretches<'a> {
    index: Option<&'a Index>,
    query: &'a Query,
    head: Option<SealedHead>,
    /// How many entries the snapshot has.
    entries: u64,
    left: Range<u64>,
    order: Order,
    /// What is left of a shelf.
    next: VecDeque<Stretch>,
    /// Whether only this user's own shelves are asked.
    own_only: bool,
    pub(super) used: Used,
}

/// What was used of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// How many shelves were asked.
    pub(super) shelves: u64,
    /// How many of them are not this user's own.
    pub(super) unchecked: u64,
    /// The index after the last entry that one of them speaks of.
    pub(super) to: u64,
}

impl Used {
    /// Which index it is.
    pub(super) fn index(&self) -> IndexUse {
        match (self.shelves, self.unchecked) {
            (0, _) => IndexUse::None,
            (_, 0) => IndexUse::Own,
            _ => IndexUse::Unchecked,
        }
    }
}

/// Some entries in a row.
pub(super) enum Stretch {
    /// All of these are read.
    Scan(Range<u64>),
    /// Of these, the candidates are read.
    Pick(Box<Pick>),
}

/// The candidates of one shelf.
pub(super) struct Pick {
    /// The index of the first entry of the shelf.
    first: u64,
    /// The index after the last entry that the shelf has.
    end: u64,
    range: Range<u64>,
    order: Order,
    entries: RoaringBitmap,
    sure: RoaringBitmap,
    left: IntoIter,
    /// The first one of the next block.
    next: Option<u32>,
    whereabouts: Whereabouts,
}

/// The candidates of one block.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The entries of the block.
    pub(super) block: Range<u64>,
    /// Where they lie in the log, if that is known.
    pub(super) bytes: Option<Range<u64>>,
    /// The candidates, in the order of the log.
    pub(super) entries: Vec<u64>,
}

impl<'a> Stretches<'a> {
    pub(super) fn new(
        index: Option<&'a Index>,
        query: &'a Query,
        head: Option<SealedHead>,
        entries: u64,
        (range, order): (Range<u64>, Order),
    ) -> Stretches<'a> {
        let left = range.start..range.end.max(range.start);
        let (next, used) = (VecDeque::new(), Used::default());
        Stretches { index, query, head, entries, left, order, next, own_only: false, used }
    }

    /// From now on only this user's own shelves are asked.
    pub(super) fn own_only(&mut self) {
        self.own_only = true;
    }

    /// The next stretch; `None` at the end.
    pub(super) fn next(&mut self, picks: &Picks) -> Option<Stretch> {
        if let Some(next) = self.next.pop_front() {
            return Some(next);
        }
        if self.left.is_empty() {
            return None;
        }
        let Some(index) = self.index else {
            return Some(Stretch::Scan(std::mem::replace(&mut self.left, 0..0)));
        };
        let size = index.shelf_entries();
        let range = match self.order {
            Order::NewestFirst => {
                let first = (self.left.end - 1) / size * size;
                first.max(self.left.start)..self.left.end
            }
            Order::OldestFirst => {
                let end = (self.left.start / size + 1).saturating_mul(size);
                self.left.start..end.min(self.left.end)
            }
        };
        match self.order {
            Order::NewestFirst => self.left.end = range.start,
            Order::OldestFirst => self.left.start = range.end,
        }
        let first = range.start / size * size;
        let asked = range.end - range.start > FEW;
        let said = asked.then(|| index.ask(first, self.query, self.head, (self.entries, picks))).flatten();
        match said.filter(|said| said.own || !self.own_only) {
            None => Some(Stretch::Scan(range)),
            Some(said) => {
                self.take(first, range, said);
                self.next.pop_front()
            }
        }
    }

    /// Counts what is left of a shelf and surely is a hit from its columns. What could be counted is left no longer.
    pub(super) fn count(&self, pick: &mut Pick, counts: &mut Counts) {
        if let Some(index) = self.index {
            pick.count(index, counts);
        }
    }

    /// Puts what the index says, and what it does not speak of, in order.
    fn take(&mut self, first: u64, range: Range<u64>, said: Said) {
        let Said { candidates, end, own, whereabouts } = said;
        self.used.shelves += 1;
        self.used.unchecked += u64::from(!own);
        self.used.to = self.used.to.max(end.min(self.entries));
        let within = end.clamp(range.start, range.end);
        let (known, rest) = (range.start..within, within..range.end);
        let number = |index: u64| u32::try_from(index - first).unwrap_or(u32::MAX);
        let mut entries = candidates.entries;
        entries.remove_range(..number(known.start));
        entries.remove_range(number(known.end)..);
        let order = self.order;
        let pick = Pick::new((first, end), known, order, entries, candidates.sure, whereabouts);
        self.next.push_back(Stretch::Pick(Box::new(pick)));
        if !rest.is_empty() {
            self.next.push_back(Stretch::Scan(rest));
        }
        if order == Order::NewestFirst {
            self.next.make_contiguous().reverse();
        }
    }
}

impl Pick {
    fn new(
        (first, end): (u64, u64),
        range: Range<u64>,
        order: Order,
        entries: RoaringBitmap,
        sure: RoaringBitmap,
        whereabouts: Whereabouts,
    ) -> Pick {
        let left = entries.clone().into_iter();
        let mut pick = Pick { first, end, range, order, entries, sure, left, next: None, whereabouts };
        pick.next = pick.step();
        pick
    }

    /// The entries that it is about.
    pub(super) fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// How many entries of the whole shelf have each category and outcome; `None` when its columns do not say it exactly, or
    /// when it is about a part of the shelf.
    pub(super) fn kinds(&self) -> Option<Vec<(String, Outcome, u64)>> {
        let Whereabouts::Shelf(opened) = &self.whereabouts else { return None };
        let shelf = &opened.shelf;
        if self.range != (self.first..self.first + u64::from(shelf.count())) {
            return None;
        }
        let (mut kinds, mut counted) = (Vec::new(), 0);
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending] {
            let sure = shelf.candidates(&Query::of_value(EntryField::Outcome, outcome.as_str())).ok()?.sure;
            let category = Field::Entry(EntryField::Category);
            let mut add = |category: &str, found: Tally| {
                counted += found.entries;
                kinds.push((category.to_owned(), outcome, found.entries));
            };
            if !facet(shelf, &category, &sure, &mut add).ok()?.is_empty() {
                return None;
            }
        }
        (counted == u64::from(shelf.count())).then_some(kinds)
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// Whether an entry is a hit by what the index says.
    pub(super) fn is_sure(&self, index: u64) -> bool {
        index
            .checked_sub(self.first)
            .and_then(|number| u32::try_from(number).ok())
            .is_some_and(|number| self.sure.contains(number))
    }

    /// Counts what is left and surely is a hit from the columns of the shelf. What could be counted is left no longer.
    fn count(&mut self, index: &Index, counts: &mut Counts) {
        let Some(next) = self.next else { return };
        let _gone = match self.order {
            Order::NewestFirst => self.entries.remove_range(next.saturating_add(1)..),
            Order::OldestFirst => self.entries.remove_range(..next),
        };
        let sure = &self.entries & &self.sure;
        if sure.is_empty() {
            return;
        }
        self.entries -= &sure;
        self.entries |= match &self.whereabouts {
            Whereabouts::Shelf(opened) => counts.add_sure(&opened.shelf, sure),
            Whereabouts::Growing(_, seed) => {
                let rest = index.in_the_making(*seed, |builder| counts.add_sure(builder, sure.clone()));
                rest.unwrap_or(sure)
            }
        };
        self.left = self.entries.clone().into_iter();
        self.next = self.step();
    }

    fn step(&mut self) -> Option<u32> {
        match self.order {
            Order::NewestFirst => self.left.next_back(),
            Order::OldestFirst => self.left.next(),
        }
    }

    /// The candidates of the next block that has some; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Wanted> {
        let number = self.next?;
        let block = number / BLOCK_ENTRIES;
        let mut entries = Vec::new();
        while let Some(next) = self.next.filter(|next| next / BLOCK_ENTRIES == block) {
            entries.push(self.first + u64::from(next));
            self.next = self.step();
        }
        if self.order == Order::NewestFirst {
            entries.reverse();
        }
        let first = self.first + u64::from(block * BLOCK_ENTRIES);
        let bytes = self.whereabouts.block(number);
        Some(Wanted { block: first..(first + FEW).min(self.end), bytes, entries })
    }
}
