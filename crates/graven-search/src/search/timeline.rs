//! One session from its first entry to its last: what was to be done joined to how it went.

use std::collections::HashMap;

use graven::Phase;
use graven_core::verdict::Finding;
use serde::Serialize;

use super::Ask;
use super::answer::{Answer, Coverage, Hit};
use super::sessions::Session;
use crate::error::SearchError;
use crate::line::Line;
use crate::order::Order;

/// The most entries of one timeline.
const ENTRIES_MAX: usize = 100_000;

/// The most bytes of its lines.
const BYTES_MAX: usize = 64 << 20;

/// The timeline of a session.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The session as a whole.
    pub session: Session,
    /// Its entries, the oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Whether it has more entries than the timeline; then these are the oldest ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What does not fit.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    #[serde(skip_serializing_if = "super::answer::is_zero")]
    pub findings_left_out: u64,
    /// What the answer covers.
    pub coverage: Coverage,
    /// How long it took.
    pub took_ms: f64,
}

/// One entry of a timeline.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TimelineEntry {
    /// The entry.
    #[serde(flatten)]
    pub hit: Hit,
    /// For the result of an act: the index of its intent in this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<u64>,
    /// The origin of the trail of that intent, if it is another one than that of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent_origin: Option<String>,
    /// For an intent: the index of its result in this session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<u64>,
    /// The origin of the trail of that result, if it is another one than that of the intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_origin: Option<String>,
}

/// Hands over the hits of the session, one by one.
type Each<'a> =
    dyn FnMut(&Ask, &mut dyn FnMut(Hit) -> Result<bool, SearchError>) -> Result<Answer, SearchError> + 'a;

/// Reads the timeline of a session. `newest` is the origin of the trail whose hits do not name it.
pub(super) fn read(id: &str, newest: &str, ask: &Ask, each: &mut Each<'_>) -> Result<Timeline, SearchError> {
    let ask = Ask { order: Order::OldestFirst, cursor: None, ..ask.clone() };
    let mut session = Session::new(id);
    let mut timeline: Vec<TimelineEntry> = Vec::new();
    let mut cut = false;
    let mut bytes = 0;
    // The intents that have no result yet, by their id.
    let mut open: HashMap<String, usize> = HashMap::new();
    let answer = each(&ask, &mut |hit| {
        bytes += hit.line.len();
        if timeline.len() == ENTRIES_MAX || bytes > BYTES_MAX {
            cut = true;
            return Ok(false);
        }
        session.add(0, &Line::of_entry(hit.index, hit.entry.clone()));
        let mut moment =
            TimelineEntry { hit, intent: None, intent_origin: None, result: None, result_origin: None };
        let entry = &moment.hit.entry;
        if let Some(at) = entry.intent_id.as_ref().and_then(|intent| open.remove(intent)) {
            let before = &mut timeline[at];
            (moment.intent, before.result) = (Some(before.hit.index), Some(moment.hit.index));
            if before.hit.origin != moment.hit.origin {
                let named = |hit: &Hit| hit.origin.clone().unwrap_or_else(|| newest.to_owned());
                (moment.intent_origin, before.result_origin) =
                    (Some(named(&before.hit)), Some(named(&moment.hit)));
            }
        }
        if let (Some(Phase::Intent), Some(id)) = (entry.phase, &entry.id) {
            open.insert(id.clone(), timeline.len());
        }
        timeline.push(moment);
        Ok(true)
    })?;
    let Answer { findings, findings_left_out, coverage, took_ms, .. } = answer;
    Ok(Timeline { session, timeline, cut, findings, findings_left_out, coverage, took_ms })
}
