//! Reads what is new, step by step, and hands it over.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use graven::reader::{Reader, Record};
use graven_search::Query;

use super::news::{News, look};
use super::subscription::Follower;
use super::{Inner, Waiting};
use crate::problem::Problem;
use crate::trails::durable_len;

/// How many bytes of hits stay in memory for all followers of a trail together.
const RING_BYTES: usize = 32 << 20;

/// How many entries one step reads at most.
const STEP_ENTRIES: u64 = 4_096;

/// How often in a row reading may fail. A file may be missing for a moment, as when storage is mounted again.
const FAILURES_MAX: u32 = 3;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more at once.
    More,
    /// There is nothing new.
    Idle,
    /// Nobody follows.
    Nobody,
}

/// How far it has come, and who follows.
#[derive(Debug)]
pub(super) struct Reading {
    /// The next entry to hand over. Nothing that is not durable is read.
    next: u64,
    groups: Vec<Group>,
    ring: VecDeque<Arc<News>>,
    ring_bytes: usize,
    failures: u32,
}

/// All who follow one query.
#[derive(Debug)]
struct Group {
    query: Query,
    members: Vec<Weak<Follower>>,
}

impl Reading {
    /// It has not begun.
    pub(super) fn new() -> Reading {
        Reading { next: 0, groups: Vec::new(), ring: VecDeque::new(), ring_bytes: 0, failures: 0 }
    }

    /// Takes in those who have come, and hands over what is new: 4,096 entries at most.
    pub(super) fn step(&mut self, tail: &Inner) -> Step {
        for group in &mut self.groups {
            group.members.retain(|member| member.strong_count() > 0);
        }
        self.groups.retain(|group| !group.members.is_empty());
        let newcomers = tail.newcomers();
        if self.groups.is_empty() && newcomers.is_empty() {
            // Whoever comes later begins at the end that the trail has then.
            *self = Reading::new();
            return Step::Nobody;
        }
        let reader = tail.search.reader();
        self.begin(reader, newcomers);
        match self.read(reader) {
            Ok(step) => {
                self.failures = 0;
                tail.handed.store(self.next, Ordering::Release);
                step
            }
            Err(error) => {
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    self.fail(tail, error);
                }
                Step::Idle
            }
        }
    }

    /// Takes in newcomers. The first of them begins at the end that the trail has now.
    fn begin(&mut self, reader: &Reader, newcomers: Vec<Waiting>) {
        if self.groups.is_empty() {
            match reader.picks().and_then(|picks| durable_len(&picks)) {
                Ok(entries) => self.next = entries,
                Err(error) => {
                    let problem = Problem::from(error);
                    newcomers.iter().for_each(|waiting| waiting.follower.fail(&problem));
                    return;
                }
            }
        }
        for Waiting { follower, query, taken_in } in newcomers {
            let member = Arc::downgrade(&follower);
            match self.groups.iter_mut().find(|group| group.query == query) {
                Some(group) => group.members.push(member),
                None => self.groups.push(Group { query, members: vec![member] }),
            }
            // It fails only when nobody waits any more, and then the follower is dropped too.
            let _ = taken_in.send(self.next);
        }
    }

    /// Hands over what is new and durable.
    fn read(&mut self, reader: &Reader) -> Result<Step, graven::Error> {
        let picks = reader.picks()?;
        let end = durable_len(&picks)?.min(self.next + STEP_ENTRIES);
        if end <= self.next {
            return Ok(Step::Idle);
        }
        let is_full = end - self.next == STEP_ENTRIES;
        for record in picks.entries(self.next..end)? {
            let record = record?;
            self.hand_over(reader, &record);
            self.next = record.index + 1;
        }
        // A few at a time would cost more than it is worth.
        Ok(if is_full { Step::More } else { Step::Idle })
    }

    fn hand_over(&mut self, reader: &Reader, record: &Record) {
        let (finding, hits, entry) = look(reader, record, self.groups.iter().map(|group| &group.query));
        if let Some(finding) = finding {
            let finding = self.keep(finding);
            self.groups.iter().flat_map(Group::now).for_each(|member| member.add(&finding));
        }
        if let Some(entry) = entry {
            let entry = self.keep(entry);
            let hit = hits.into_iter().map(|number| &self.groups[number]);
            hit.flat_map(Group::now).for_each(|member| member.add(&entry));
        }
    }

    /// Puts news into the ring. What is oldest leaves it.
    fn keep(&mut self, news: News) -> Arc<News> {
        let news = Arc::new(news);
        self.ring_bytes += news.bytes();
        self.ring.push_back(Arc::clone(&news));
        while self.ring_bytes > RING_BYTES && self.ring.len() > 1 {
            let old = self.ring.pop_front().expect("it has more than one");
            self.ring_bytes -= old.bytes();
        }
        news
    }

    /// Ends all who follow.
    fn fail(&mut self, tail: &Inner, error: graven::Error) {
        tracing::error!(error = error.chain(), "a trail cannot be followed any more");
        let problem = Problem::from(error);
        self.groups.iter().flat_map(Group::now).for_each(|member| member.fail(&problem));
        tail.newcomers().iter().for_each(|waiting| waiting.follower.fail(&problem));
        *self = Reading::new();
    }
}

impl Drop for Group {
    /// Nobody waits for what will not come, also when reading panicked.
    fn drop(&mut self) {
        self.now().for_each(|member| member.fail(&Problem::fault()));
    }
}

impl Group {
    /// Those who still follow.
    fn now(&self) -> impl Iterator<Item = Arc<Follower>> {
        self.members.iter().filter_map(Weak::upgrade)
    }
}
