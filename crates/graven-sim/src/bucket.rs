//! The simulated bucket: objects in memory, requests that fail, get lost, arrive late or twice, and lists that lag.
//!
//! Reads are strongly consistent, as those of S3, Google Cloud Storage and Azure are. A request whose writer is dead may
//! still arrive, at any later moment.

pub(crate) mod audit;
pub(crate) mod connection;
mod heads;
pub(crate) mod look;
mod segments;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fastrand::Rng;

use crate::canary::Canary;
use audit::Audit;

/// How old an object is at most, in requests, that a list may leave out; and how long it may name one that was removed.
const LAG: u64 = 200;

/// A bucket. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Bucket(Arc<Mutex<State>>);

/// What is in the bucket, and on the way to it.
pub(crate) struct State {
    pub(crate) objects: Objects,
    /// When each name was created or removed last, in requests.
    changed: BTreeMap<String, u64>,
    requests: u64,
    /// Requests that nobody waits for any more. Each arrives at some later moment, or never.
    pub(crate) on_the_way: Vec<Request>,
    pub(crate) weather: Weather,
    /// The chance that a writer pauses around a request, as a number among 256.
    pub(crate) pauses: u32,
    /// What is checked at each change.
    pub(crate) audit: Audit,
    canary: Option<Canary>,
    chance: Rng,
}

/// The objects by name.
pub(crate) type Objects = BTreeMap<String, Bytes>;

/// A change that is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Create(String, Bytes),
    Replace(String, Bytes),
    Remove(String),
}

/// How requests fare: chances among 256.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// It is not done, and the answer says to try later, or there is none.
    pub(crate) fails: u8,
    /// It is not done, and the answer refuses it.
    pub(crate) refused: u8,
    /// It is done, and the answer gets lost.
    pub(crate) answer_lost: u8,
    /// There is no answer, and it arrives at some later moment, or never.
    pub(crate) late: u8,
    /// It is done, and arrives once more later.
    pub(crate) twice: u8,
}

impl Bucket {
    pub(crate) fn new(seed: u64, canary: Option<Canary>) -> Bucket {
        Bucket(Arc::new(Mutex::new(State {
            objects: Objects::new(),
            changed: BTreeMap::new(),
            requests: 0,
            on_the_way: Vec::new(),
            weather: Weather::default(),
            pauses: 0,
            audit: Audit::default(),
            canary,
            chance: Rng::with_seed(seed),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Does what a request asks for. Returns whether it changed anything.
    pub(crate) fn apply(&mut self, request: &Request) -> bool {
        self.requests += 1;
        let name = match request {
            Request::Create(name, _) if self.objects.contains_key(name) && !self.overwrites() => {
                return false;
            }
            Request::Create(name, bytes) | Request::Replace(name, bytes) => {
                self.audit.change(&self.objects, name, bytes);
                self.objects.insert(name.clone(), bytes.clone());
                name
            }
            Request::Remove(name) => {
                self.audit.remove(name);
                self.objects.remove(name);
                name
            }
        };
        self.changed.insert(name.clone(), self.requests);
        true
    }

    /// For a canary: creations have no condition.
    fn overwrites(&self) -> bool {
        self.canary == Some(Canary::ShipWithoutCondition)
    }

    /// The names that begin with a folder, as a list has them that lags.
    fn listed(&mut self, folder: &str) -> Vec<String> {
        let begin = format!("{folder}/");
        let mut names = Vec::new();
        for (name, at) in self.changed.iter().filter(|(name, _)| name.starts_with(&begin)) {
            let lags = self.requests - at < LAG && self.chance.bool();
            if self.objects.contains_key(name) != lags {
                names.push(name.clone());
            }
        }
        names
    }

    /// Lets one of the requests on the way arrive, or lets it be lost. Says what became of it.
    pub(crate) fn arrive(&mut self, lost: bool) -> Option<String> {
        if self.on_the_way.is_empty() {
            return None;
        }
        let place = self.chance.usize(..self.on_the_way.len());
        let request = self.on_the_way.remove(place);
        let done = !lost && self.apply(&request);
        let name = request.name();
        Some(match (lost, done) {
            (true, _) => format!("a late request for {name} is lost"),
            (false, true) => format!("a late request changes {name}"),
            (false, false) => format!("a late request finds {name}"),
        })
    }
}

impl Request {
    pub(crate) fn name(&self) -> &str {
        match self {
            Request::Create(name, _) | Request::Replace(name, _) | Request::Remove(name) => name,
        }
    }
}

impl Weather {
    /// Draws the weather of some time.
    pub(crate) fn draw(chance: &mut Rng) -> Weather {
        match chance.u8(..8) {
            0..3 => Weather::default(),
            3 => Weather { fails: 60, ..Weather::default() },
            4 => Weather { answer_lost: 60, late: 60, ..Weather::default() },
            5 => Weather { twice: 60, late: 20, ..Weather::default() },
            6 => Weather { fails: 20, refused: 20, answer_lost: 20, late: 20, twice: 20 },
            // It is away.
            _ => Weather { fails: 200, refused: 30, late: 20, ..Weather::default() },
        }
    }
}
