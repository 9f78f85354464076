//! The sessions of the hits: when, how much, who.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use graven::Outcome;
use graven_core::hash::{Hash, sha256};
use serde::{Deserialize, Serialize};

use crate::line::Line;

/// How many sessions are listed.
const SESSIONS_LISTED: usize = 1_000;

/// How many sessions are kept apart. Those that come later are only counted.
const SESSIONS_MAX: usize = 10_000;

/// How many more are counted.
const SESSIONS_COUNTED_MAX: usize = 100_000;

/// How many names a session lists.
const NAMES_MAX: usize = 100;

/// One session, as far as its entries are hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The earliest time of its hits.
    pub first: Option<DateTime<Utc>>,
    /// The latest one.
    pub last: Option<DateTime<Utc>>,
    /// How many hits it has.
    pub entries: u64,
    /// How many of them were denied.
    pub denied: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Who acted, at most a hundred.
    pub principals: BTreeSet<String>,
    /// Which agents acted, at most a hundred.
    pub agents: BTreeSet<String>,
    /// Its newest hit: in which trail of a chain, and where.
    #[serde(skip)]
    newest: (usize, u64),
}

impl Session {
    pub(super) fn new(id: &str) -> Session {
        Session {
            id: id.to_owned(),
            first: None,
            last: None,
            entries: 0,
            denied: 0,
            failed: 0,
            principals: BTreeSet::new(),
            agents: BTreeSet::new(),
            newest: (0, 0),
        }
    }

    /// Adds a hit of a trail, of which a later one is a newer one.
    pub(super) fn add(&mut self, trail: usize, line: &Line<'_>) {
        let entry = line.entry();
        if let Some(time) = entry.timestamp {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        self.entries += 1;
        self.denied += u64::from(entry.outcome == Outcome::Denied);
        self.failed += u64::from(entry.outcome == Outcome::Failure);
        self.newest = self.newest.max((trail, line.index()));
        let agent = entry.agent.as_ref().and_then(|agent| agent.id.as_ref());
        for (names, name) in [(&mut self.principals, entry.principal.as_ref()), (&mut self.agents, agent)] {
            if let Some(name) = name.filter(|_| names.len() < NAMES_MAX) {
                names.insert(name.clone());
            }
        }
    }
}

/// Collects sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: HashMap<String, Session>,
    /// The hashes of the ids of sessions that are not kept apart, as far as there is room.
    left_out: BTreeSet<Hash>,
}

impl Sessions {
    pub(super) fn add(&mut self, trail: usize, line: &Line<'_>) {
        let Some(id) = &line.entry().session_id else { return };
        if let Some(session) = self.sessions.get_mut(id) {
            return session.add(trail, line);
        }
        if self.sessions.len() >= SESSIONS_MAX {
            if self.left_out.len() < SESSIONS_COUNTED_MAX {
                self.left_out.insert(sha256(id.as_bytes()));
            }
            return;
        }
        self.sessions.entry(id.clone()).or_insert_with(|| Session::new(id)).add(trail, line);
    }

    /// The sessions, that with the newest hit first, and how many are not among them.
    pub(super) fn finish(self) -> (Vec<Session>, u64) {
        let mut sessions: Vec<Session> = self.sessions.into_values().collect();
        sessions.sort_unstable_by_key(|session| std::cmp::Reverse(session.newest));
        let others = sessions.split_off(sessions.len().min(SESSIONS_LISTED));
        (sessions, (others.len() + self.left_out.len()) as u64)
    }
}
