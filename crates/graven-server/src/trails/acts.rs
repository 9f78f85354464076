//! The results of acts: each act of the log has one, from whatever client it comes.

use graven::reader::{Reader, Record};
use graven::{Category, Entry, Phase};
use graven_core::entry::stored_id;
use graven_search::{Ask, Moment, Query, Search};

use super::Served;
use super::recording::{Recorded, refresh};
use crate::auth::Caller;
use crate::blocking::Blocking;
use crate::problem::{Kind, Problem};

/// The intent of an act, as it is in the log.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) index: u64,
    pub(crate) entry: Entry,
}

impl Served {
    /// The intent with this id that the caller handed in. Somebody who may speak for others may end the acts of others.
    ///
    /// # Errors
    /// `UnknownAct` when there is none.
    pub(crate) async fn intent(
        &self,
        blocking: &Blocking,
        caller: &Caller,
        id: &str,
    ) -> Result<Intent, Problem> {
        let trail = refresh(self.recordable()?).await?;
        self.catch_up().await?;
        let stored = stored_id(&self.without_secrets(id)).into_owned();
        let (place, reader) = {
            let window = self.window();
            (window.find(window.keys().of(&caller.name, &stored)), self.search().reader().clone())
        };
        let (name, any) = (caller.name.clone(), caller.assert_principal);
        if let Some(index) = place {
            let (reader, name, stored) = (reader.clone(), name.clone(), stored.clone());
            let read =
                move || Ok(reader.record(index)?.map(|record| intent(&reader, &record, &stored, &name, any)));
            if let Some(Some(intent)) = blocking.look(read).await? {
                return intent;
            }
        }
        // An old one, or one of somebody else: it may read the whole log.
        let find = move || {
            let record = reader.find(&stored)?.filter(|record| record.index < trail.len());
            Ok(record.and_then(|record| intent(&reader, &record, &stored, &name, any)))
        };
        blocking.search(find).await?.unwrap_or_else(|| Err(unknown()))
    }

    /// Records the result of an act, unless it has one.
    ///
    /// # Errors
    /// `ActEnded` when it has a result; as [`record`](Served::record).
    pub(crate) async fn finish(
        &self,
        blocking: &Blocking,
        caller: &Caller,
        intent: &Intent,
        result: Entry,
        moment: Moment,
    ) -> Recorded {
        let id = intent.entry.id.clone().unwrap_or_default();
        let key = self.window().keys().of_result(&id);
        // Two results at the same moment: the second one finds the first.
        let _claim = self.claims.claim(vec![key]).await;
        refresh(self.recordable()?).await?;
        self.catch_up().await?;
        let (known, first) = {
            let window = self.window();
            (window.result(key), window.first())
        };
        let ended = match known {
            Some(index) => Some(index),
            // The result stands behind the intent.
            None if intent.index >= first => None,
            None => {
                let (search, from) = (self.search().clone(), intent.index);
                blocking.search(move || result_of(&search, &id, from, moment)).await?
            }
        };
        if let Some(index) = ended {
            let message = format!("entry {index} is the result of this act: an act has one");
            return Err(Problem::new(Kind::ActEnded, message).about(index));
        }
        self.record(&caller.name, vec![result]).await.pop().unwrap_or_else(|| Err(Problem::fault()))
    }
}

fn unknown() -> Problem {
    Problem::new(Kind::UnknownAct, "the trail has no intent with this id that this token may end")
}

/// The intent that a record is, if it has this id and this caller may end it.
fn intent(
    reader: &Reader,
    record: &Record,
    id: &str,
    name: &str,
    any: bool,
) -> Option<Result<Intent, Problem>> {
    let entry = match record.entry().and_then(|entry| reader.restored(&entry)) {
        Ok(entry) => entry,
        Err(error) => return Some(Err(Problem::from(error))),
    };
    let may_end = any || entry.recorded_by.as_deref() == Some(name);
    let is_it = entry.phase == Some(Phase::Intent) && entry.id.as_deref() == Some(id);
    (is_it && may_end && entry.category != Category::Trail)
        .then_some(Ok(Intent { index: record.index, entry }))
}

/// The index of the result of an act, looked for in the log behind its intent.
fn result_of(search: &Search, id: &str, from: u64, moment: Moment) -> Result<Option<u64>, Problem> {
    let mut ask = Ask::new(moment);
    (ask.limit, ask.whole) = (1, false);
    let answer = search.query(&Query::of_result(id, from), &ask)?;
    Ok(answer.hits.first().map(|hit| hit.index))
}
