//! What the index must keep: with it a search answers as without it, and its shelves are what the log says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use graven::clock::Clock;
use graven::disk::sim::SimDisk;
use graven::{ErrorKind, Machine};
use graven_core::hash::sha256;
use graven_search::{
    Answer, Ask, Checked as Compared, Field, IndexError, Moment, Order, Query, Search, SearchError,
    SearchOptions, Where, Wrong,
};

use super::World;
use crate::follower::{self, Errand, Told};
use crate::index_files::is_shelf;
use crate::rule::{Checked, Rule};

/// After this number of polls on a disk that works, a follower has no error any more.
const LAST_POLLS: u32 = 10;

/// The entries of a shelf in a run.
const SHELF_ENTRIES: u64 = 256;

impl World {
    /// Checks the index while no process writes the trail. What the check makes is on a disk that is thrown away.
    pub(crate) fn check_index_at_rest(&mut self) -> Checked {
        if !self.plan.follows {
            return Ok(());
        }
        let disk = self.disk.snapshot().restart();
        let search = match self.open_search(&disk, follower::options(self.canary)) {
            Ok(search) => search,
            Err(SearchError::Trail(error)) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return self.check_search_error(&error),
        };
        let compared = match search.check_index(&mut |_, _| ()) {
            Ok(compared) => compared,
            Err(error) => return self.check_index_error(&error),
        };
        if self.plan.honest {
            self.check_shelves(&compared, &disk)?;
        }
        self.compare(&search, &disk, 2)
    }

    /// Checks at the end of a run on an honest disk that the index can be made whole.
    pub(crate) fn check_index_at_end(&mut self) -> Checked {
        if !self.plan.follows {
            return Ok(());
        }
        self.check_follower_goes_on()?;
        let disk = self.disk.snapshot().restart();
        let opened = self.open_search(&disk, follower::options(self.canary));
        let search = opened.or_else(|error| Rule::Shelves.broken(error.to_string()))?;
        let made = || -> Result<_, IndexError> {
            let mut keeper = search.keeper(Where::Trail).expect("it uses an index");
            let built = keeper.build(&mut |_, _| ())?;
            if !self.spoiled.is_empty() {
                keeper.clear()?;
                keeper.build(&mut |_, _| ())?;
            }
            // First the comparison: what is the same is this user's own from then on.
            let compared = search.check_index(&mut |_, _| ())?;
            Ok((built, search.index_state()?, compared))
        };
        let (built, state, compared) = made().or_else(|error| Rule::Shelves.broken(error.to_string()))?;
        let whole = built.left_out == 0 && state.missing == 0 && state.own == state.shelves;
        let right = compared.different.is_empty() && compared.unusable.is_empty();
        let all = state.sealed / SHELF_ENTRIES;
        Rule::Shelves.unless(whole && right && compared.same == all, || {
            format!("{all} shelves can be made; {built:?}, {state:?}, {compared:?}")
        })?;
        let left: Vec<_> = disk.files().into_iter().filter(|path| is_half(path)).collect();
        Rule::Shelves.unless(left.is_empty(), || format!("{left:?} is left of what was half made"))?;
        self.compare(&search, &disk, 3)
    }

    /// A follower that is still there goes on without an error, as soon as the disk works and some time has passed.
    fn check_follower_goes_on(&mut self) -> Checked {
        let Some(mut follower) = self.follower.take().filter(|follower| follower.search().is_some()) else {
            return Ok(());
        };
        self.did("the follower goes on");
        let mut told = None;
        for _ in 0..LAST_POLLS {
            self.clock.inner.advance(Duration::from_secs(61));
            follower.caller.calls.store(0, Ordering::Relaxed);
            told = Some(follower.take(Errand::Poll));
        }
        match told {
            Some(Told::Made(Err(error))) => {
                Rule::Shelves.broken(format!("the follower does not go on: {error}"))
            }
            _ => Ok(()),
        }
    }

    /// Asks this number of questions of a search with an index, and of one without it.
    pub(crate) fn compare(&mut self, search: &Search, disk: &SimDisk, questions: u32) -> Checked {
        let mut options = SearchOptions::default();
        options.no_index = true;
        let plain = match self.open_search(disk, options) {
            Ok(plain) => plain,
            Err(error) => return self.check_search_error(&error),
        };
        for _ in 0..questions {
            let (query, ask) = self.question();
            self.tally.questions += 1;
            match (search.query(&query, &ask), plain.query(&query, &ask)) {
                (Err(error), _) | (_, Err(error)) => self.check_search_error(&error)?,
                (Ok(found), Ok(expected)) => {
                    let counts = self.plan.honest;
                    Rule::Search.unless(is_same(&found, &expected, counts), || {
                        format!(
                            "{query} with {ask:?}: {}\nwithout an index: {}",
                            said(&found),
                            said(&expected)
                        )
                    })?;
                }
            }
        }
        if self.plan.honest && self.chance.u8(..4) == 0 {
            self.compare_sums(search, &plain)?;
        }
        Ok(())
    }

    /// Compares what is said of all entries.
    fn compare_sums(&self, search: &Search, plain: &Search) -> Checked {
        let sums = |search: &Search| Ok((search.tally(&mut |_| ())?, search.pending(&mut |_| ())?));
        match (sums(search), sums(plain)) {
            (Err(error), _) | (_, Err(error)) => self.check_search_error(&error),
            (Ok(found), Ok(expected)) => Rule::Search
                .unless(found == expected, || format!("{found:?} with an index, {expected:?} without one")),
        }
    }

    /// Checks that each hit of an answer is the entry at its index.
    pub(crate) fn check_hits(&self, answer: &Answer) -> Checked {
        if !self.is_judged() {
            return Ok(());
        }
        let known = |index| self.model.known_line(index);
        let other = answer
            .hits
            .iter()
            .find(|hit| known(hit.index).is_some_and(|line| line != hit.line.as_bytes()))
            .map(|hit| hit.index);
        Rule::Search.unless(other.is_none(), || format!("entry {other:?} is found as something else"))
    }

    /// Checks what the follower says of its shelves. On a disk with faults a shelf may be one that cannot be read.
    pub(crate) fn check_compared(&self, compared: &Compared) -> Checked {
        if !self.plan.honest || self.is_meddled() {
            return Ok(());
        }
        let spoiled = |wrong: &Wrong| self.spoiled.iter().any(|(path, _)| *path == wrong.file);
        let different = compared.different.iter().find(|wrong| !spoiled(wrong));
        Rule::Shelves.unless(different.is_none(), || format!("{different:?}"))
    }

    /// Checks what a comparison with the log says on a disk without faults.
    fn check_shelves(&self, compared: &Compared, disk: &SimDisk) -> Checked {
        let spoiled = |wrong: &Wrong| {
            let bytes = disk.contents(&wrong.file).unwrap_or_default();
            self.spoiled.contains(&(wrong.file.clone(), sha256(&bytes)))
        };
        let different = compared.different.iter().find(|wrong| !spoiled(wrong));
        let unusable = compared.unusable.iter().find(|wrong| !spoiled(wrong) && !self.tiles_emptied);
        Rule::Shelves
            .unless(different.is_none() && unusable.is_none(), || format!("{different:?} {unusable:?}"))
    }

    /// Checks that an error of the index has a fitting kind.
    pub(crate) fn check_index_error(&self, error: &IndexError) -> Checked {
        match error {
            IndexError::Trail(error) => self.check_error(error),
            IndexError::Folder { .. } => Ok(()),
            IndexError::Contradiction if !self.plan.honest || self.is_meddled() => Ok(()),
            IndexError::Contradiction => Rule::Accused.broken(error.to_string()),
            _ => Rule::Answers.broken(error.to_string()),
        }
    }

    /// The same for a search.
    pub(crate) fn check_search_error(&self, error: &SearchError) -> Checked {
        match error {
            SearchError::Trail(error) => self.check_error(error),
            _ => Rule::Answers.broken(error.to_string()),
        }
    }

    /// Draws a question. Many of them find something.
    pub(crate) fn question(&mut self) -> (Query, Ask) {
        let chance = &mut self.chance;
        let n = chance.usize(..self.model.next().max(1));
        let m = n + chance.usize(..300);
        let texts = [
            String::new(),
            "outcome:denied".into(),
            "category:api".into(),
            "category:trail".into(),
            "principal:alice@example.com".into(),
            "-has:principal".into(),
            "text".into(),
            "aa*".into(),
            "eve".into(),
            "\"one of two\"".into(),
            "absent".into(),
            format!("detail.n:>{n}"),
            format!("detail.n:{n}..{m} -outcome:denied"),
            format!("action:\"sim:{n}\""),
            format!("id:given-{n} OR id:given-{m}"),
            format!("any:{n}"),
            format!("index:{n}..{m} has:detail"),
            "outcome:failure -category:tool_execution".into(),
            "category:auth OR category:swarm".into(),
            "since:24h".into(),
        ];
        let moment = Moment::utc(self.clock.now());
        let text = &texts[chance.usize(..texts.len())];
        let query = Query::parse(text, &moment).expect("it is a query");
        let mut ask = Ask::new(moment);
        ask.limit = [3, 20, 200][chance.usize(..3)];
        ask.order = [Order::NewestFirst, Order::OldestFirst][chance.usize(..2)];
        match chance.u8(..6) {
            0 | 1 => ask.count = true,
            2 => ask.facets.extend(["category", "outcome"].map(|name| Field::parse(name).expect("a field"))),
            3 => ask.histogram = true,
            _ => {}
        }
        (query, ask)
    }

    /// A search of the trail on a disk without faults.
    fn open_search(&self, disk: &SimDisk, options: SearchOptions) -> Result<Search, SearchError> {
        let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(self.clock.clone()) };
        follower::search(&machine, &self.plan.layout, options)
    }
}

/// Whether two answers are the same. `counts`: also in what they count, and in what they find wrong.
fn is_same(found: &Answer, expected: &Answer, counts: bool) -> bool {
    let hits = |answer: &Answer| -> Vec<_> {
        answer.hits.iter().map(|hit| (hit.index, hit.state, hit.leaf_hash, hit.line.clone())).collect()
    };
    let sums = |answer: &Answer| {
        let histogram = answer.histogram.as_ref().map(|histogram| format!("{histogram:?}"));
        (format!("{:?} {:?}", answer.count, answer.facets), histogram, answer.findings.clone())
    };
    hits(found) == hits(expected) && found.next == expected.next && (!counts || sums(found) == sums(expected))
}

/// What matters of an answer, for a report.
fn said(answer: &Answer) -> String {
    let hits: Vec<u64> = answer.hits.iter().map(|hit| hit.index).collect();
    let Answer { count, facets, histogram, findings, coverage, next, .. } = answer;
    format!("{hits:?} {next:?} {count:?} {facets:?} {histogram:?} {findings:?} {coverage:?}")
}

/// Whether a file is one under which a shelf was written.
fn is_half(path: &Path) -> bool {
    is_shelf(path, true) && !is_shelf(path, false)
}
