//! A writer's connection to the simulated bucket. Before and after each request others may take their steps, or the writer
//! may be killed: then its request arrives later, or never.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use graven_archive::{Created, Listed, Store, StoreError, StoreErrorKind};

use super::{Bucket, Request};
use crate::baton;
use crate::canary::Canary;
use crate::disk::{Caller, Shared};

/// The connection of one writer.
pub(crate) struct Connection {
    pub(crate) bucket: Bucket,
    pub(crate) shared: Shared,
    pub(crate) caller: Arc<Caller>,
}

/// How a request fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Fails,
    Refused,
    AnswerLost,
    Late,
    Twice,
}

impl Connection {
    /// Lets others take steps.
    fn pause(&self) {
        let pauses = {
            let state = &mut *self.bucket.lock();
            let pauses = state.pauses;
            pauses > 0 && state.chance.u32(..256) < pauses
        };
        if pauses && !self.caller.is_gone() {
            baton::pause();
        }
    }

    fn fate(&self) -> Fate {
        let state = &mut *self.bucket.lock();
        let weather = state.weather;
        let mut drawn = state.chance.u8(..);
        for (chance, fate) in [
            (weather.fails, Fate::Fails),
            (weather.refused, Fate::Refused),
            (weather.answer_lost, Fate::AnswerLost),
            (weather.late, Fate::Late),
            (weather.twice, Fate::Twice),
        ] {
            if drawn < chance {
                return fate;
            }
            drawn -= chance;
        }
        Fate::Done
    }

    /// Asks for a change. Returns whether it changed anything.
    fn change(&self, request: Request) -> Result<bool, StoreError> {
        self.pause();
        let answer = self.send(&request);
        let said = answer.as_ref().map_or_else(|error| format!("{:?}", error.kind), |new| new.to_string());
        let verb = match &request {
            Request::Create(..) => "create",
            Request::Replace(..) => "replace",
            Request::Remove(_) => "remove",
        };
        self.shared.did(format!("    {}: {verb} {} -> {said}", self.caller.number, request.name()));
        self.pause();
        if self.caller.is_gone() { Err(failed(request.name(), StoreErrorKind::Unavailable)) } else { answer }
    }

    fn send(&self, request: &Request) -> Result<bool, StoreError> {
        let unavailable = || failed(request.name(), StoreErrorKind::Unavailable);
        let fate = self.fate();
        let state = &mut *self.bucket.lock();
        if self.caller.is_gone() {
            // It was killed while it sent this.
            if state.chance.bool() {
                state.on_the_way.push(request.clone());
            }
            return Err(unavailable());
        }
        match fate {
            Fate::Fails => Err(unavailable()),
            Fate::Refused => Err(failed(request.name(), StoreErrorKind::Refused)),
            Fate::Late => {
                state.on_the_way.push(request.clone());
                Err(unavailable())
            }
            Fate::AnswerLost => {
                state.apply(request);
                Err(unavailable())
            }
            Fate::Twice => {
                state.on_the_way.push(request.clone());
                Ok(state.apply(request))
            }
            Fate::Done => Ok(state.apply(request)),
        }
    }

    /// Asks for something that changes nothing.
    fn ask<T>(
        &self,
        name: &str,
        answer: impl FnOnce(&mut super::State) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.pause();
        let fate = self.fate();
        let result = match fate {
            _ if self.caller.is_gone() => Err(StoreErrorKind::Unavailable),
            Fate::Done | Fate::Twice => answer(&mut self.bucket.lock()).ok_or(StoreErrorKind::NotFound),
            Fate::Refused => Err(StoreErrorKind::Refused),
            Fate::Fails | Fate::AnswerLost | Fate::Late => Err(StoreErrorKind::Unavailable),
        };
        let said = result.as_ref().err().map_or_else(|| "there".into(), |kind| format!("{kind:?}"));
        self.shared.did(format!("    {}: ask for {name} -> {said}", self.caller.number));
        self.pause();
        let result = if self.caller.is_gone() { Err(StoreErrorKind::Unavailable) } else { result };
        result.map_err(|kind| failed(name, kind))
    }

    fn canary(&self) -> Option<Canary> {
        self.bucket.lock().canary
    }
}

impl Store for Connection {
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, StoreError> {
        match self.change(Request::Create(name.into(), bytes))? {
            true => Ok(Created::New),
            false if self.canary() == Some(Canary::TrustExisting) => Ok(Created::New),
            false => Ok(Created::Exists),
        }
    }

    fn create_all(&self, objects: Vec<(String, Bytes)>) -> Vec<Result<Created, StoreError>> {
        // In any order.
        let mut order: Vec<usize> = (0..objects.len()).collect();
        self.bucket.lock().chance.shuffle(&mut order);
        let mut answers: Vec<_> =
            order.into_iter().map(|at| (at, self.create(&objects[at].0, objects[at].1.clone()))).collect();
        answers.sort_by_key(|(at, _)| *at);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    fn replace(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.change(Request::Replace(name.into(), bytes)).map(drop)
    }

    fn read(&self, name: &str) -> Result<Bytes, StoreError> {
        self.ask(name, |state| state.objects.get(name).cloned())
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let part = |bytes: &Bytes| {
            let (from, to) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
        };
        self.ask(name, |state| state.objects.get(name).and_then(part))
    }

    fn bytes(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let trusts_list = self.canary() == Some(Canary::TrustList);
        self.ask(name, |state| {
            let bytes = state.objects.get(name).map(|bytes| bytes.len() as u64);
            if !trusts_list {
                return Some(bytes);
            }
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            Some(state.listed(folder).iter().any(|listed| listed == name).then(|| bytes.unwrap_or(1)))
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, StoreError> {
        self.ask(folder, |state| {
            let listed = |state: &super::State, name: String| {
                let bytes = state.objects.get(&name).map_or(1, |bytes| bytes.len() as u64);
                Listed { name, bytes }
            };
            let names = state.listed(folder);
            Some(names.into_iter().map(|name| listed(state, name)).collect())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.change(Request::Remove(name.into())).map(drop)
    }

    fn address(&self, name: &str) -> String {
        format!("sim://bucket/{name}")
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

fn failed(name: &str, kind: StoreErrorKind) -> StoreError {
    let source = io::Error::other("the simulated bucket does not do that now");
    StoreError { kind, what: "cannot use", name: name.into(), source: Box::new(source) }
}
