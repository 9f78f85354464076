//! One who follows: the hits that wait for it, bounded, and what ended it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::Inner;
use super::news::News;
use crate::problem::Problem;

/// How many hits may wait for one follower.
const WAITING_MAX: usize = 4_096;

/// What is handed to one follower. The task that reads and the follower share it.
#[derive(Debug, Default)]
pub(super) struct Follower {
    hits: Mutex<Hits>,
    /// Rings when there is something to take.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Hits {
    /// Places in the ring: what has left it cannot be taken any more.
    waiting: VecDeque<Weak<News>>,
    /// What comes behind them, if it is the end.
    end: Option<Got>,
}

/// What a follower takes.
#[derive(Debug, Clone)]
pub(crate) enum Got {
    /// Something new.
    News(Arc<News>),
    /// It was too slow: what comes next is lost to it, and nothing more will come.
    Lagged,
    /// The trail cannot be read, and nothing more will come.
    Failed(Problem),
}

/// A place among those who follow, until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    follower: Arc<Follower>,
    start: u64,
    tail: Arc<Inner>,
}

impl Follower {
    /// Adds a hit, unless too many wait already.
    pub(super) fn add(&self, news: &Arc<News>) {
        let mut hits = self.hits();
        if hits.end.is_some() {
            return;
        }
        if hits.waiting.len() < WAITING_MAX {
            hits.waiting.push_back(Arc::downgrade(news));
        } else {
            hits.end = Some(Got::Lagged);
        }
        drop(hits);
        self.bell.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn fail(&self, problem: &Problem) {
        self.hits().end.get_or_insert_with(|| Got::Failed(problem.clone()));
        self.bell.notify_one();
    }

    /// What is next; `None` when nothing waits.
    pub(super) fn take(&self) -> Option<Got> {
        let mut hits = self.hits();
        match hits.waiting.pop_front() {
            Some(place) => Some(match place.upgrade() {
                Some(news) => Got::News(news),
                None => {
                    hits.waiting.clear();
                    hits.end = Some(Got::Lagged);
                    Got::Lagged
                }
            }),
            None => hits.end.clone(),
        }
    }

    fn hits(&self) -> MutexGuard<'_, Hits> {
        // A thread that panicked left a list, and it is whole.
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(super) fn new(follower: Arc<Follower>, start: u64, tail: Arc<Inner>) -> Subscription {
        tail.followers.fetch_add(1, Ordering::Relaxed);
        Subscription { follower, start, tail }
    }

    /// The first entry that it hears of.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// What is next. Nothing is lost when this is given up half way.
    pub(crate) async fn next(&self) -> Got {
        loop {
            if let Some(got) = self.follower.take() {
                return got;
            }
            self.follower.bell.notified().await;
        }
    }

    /// The index before which it has taken everything; `None` when something waits.
    pub(crate) fn behind(&self) -> Option<u64> {
        // First this: all hits before it were added before it was written.
        let handed = self.tail.handed();
        let hits = self.follower.hits();
        (hits.waiting.is_empty() && hits.end.is_none()).then_some(handed.max(self.start))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.tail.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::news::Said;
    use super::*;

    fn news(index: u64) -> Arc<News> {
        Arc::new(News { index, said: Said::Entry, json: String::new() })
    }

    #[test]
    fn too_many_waiting_end_it_behind_those_that_wait() {
        let follower = Follower::default();
        let ring: Vec<_> = (0..WAITING_MAX as u64 + 2).map(news).collect();
        ring.iter().for_each(|news| follower.add(news));
        for index in 0..WAITING_MAX as u64 {
            assert!(matches!(follower.take(), Some(Got::News(news)) if news.index == index));
        }
        for _ in 0..2 {
            assert!(matches!(follower.take(), Some(Got::Lagged)));
        }
        // There is a gap: nothing comes behind it.
        follower.add(&ring[0]);
        assert!(matches!(follower.take(), Some(Got::Lagged)));
    }

    #[test]
    fn what_has_left_the_ring_ends_it() {
        let follower = Follower::default();
        let (old, new) = (news(0), news(1));
        follower.add(&old);
        follower.add(&new);
        drop(old);
        for _ in 0..2 {
            assert!(matches!(follower.take(), Some(Got::Lagged)));
        }
    }
}
