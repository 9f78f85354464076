//! The answers to the entries of one request: receipts and refusals, in the order in which the entries came.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use graven::Hash;
use serde::{Serialize, Serializer};

use crate::problem::Problem;
use crate::trails::{Kept, Recorded};

/// How long the line of a receipt is, as a rule.
const LINE_BYTES: usize = 160;

/// What became of one entry.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// It is durable.
    Recorded(Kept),
    /// It is not in the trail, unless the problem says otherwise.
    Refused(Problem),
}

/// Answers, in order.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    first: u64,
    answers: Vec<Answer>,
    /// Events that were kept whole and not mapped, by the reason.
    unmapped: BTreeMap<&'static str, u64>,
}

/// One answer, as it stands in JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Recorded {
        index: u64,
        id: &'a str,
        #[serde(serialize_with = "base64")]
        leaf_hash: &'a Hash,
        /// Whether it was there before.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
        /// Whether it is in the archive, if its answer waited for that.
        #[serde(skip_serializing_if = "Option::is_none")]
        archived: Option<bool>,
    },
    Refused {
        at: u64,
        error: &'a Problem,
    },
}

/// All answers, as they stand in JSON.
#[derive(Debug, Serialize)]
struct Receipts<'a> {
    receipts: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unmapped: &'a BTreeMap<&'static str, u64>,
}

impl Answers {
    /// None yet. `first` is the place of the first entry in what the client sent.
    pub(crate) fn new(first: u64) -> Answers {
        Answers { first, answers: Vec::new(), unmapped: BTreeMap::new() }
    }

    /// The same answers, about events of which some could not be mapped.
    pub(super) fn about(self, unmapped: BTreeMap<&'static str, u64>) -> Answers {
        Answers { unmapped, ..self }
    }

    /// What became of each.
    pub(super) fn into_each(self) -> impl Iterator<Item = Recorded> {
        self.answers.into_iter().map(|answer| match answer {
            Answer::Recorded(kept) => Ok(kept),
            Answer::Refused(problem) => Err(problem),
        })
    }

    /// Those that are recorded.
    pub(super) fn kept_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        self.answers.iter_mut().filter_map(|answer| match answer {
            Answer::Recorded(kept) => Some(kept),
            Answer::Refused(_) => None,
        })
    }

    /// Whether all that should be in the archive is there.
    pub(crate) fn all_archived(&self) -> bool {
        !self
            .answers
            .iter()
            .any(|answer| matches!(answer, Answer::Recorded(Kept { archived: Some(false), .. })))
    }

    pub(crate) fn push(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Adds the answers to the next entries: those that were refused before, with their places among them, and what became
    /// of the others. Returns the answers that were added.
    pub(crate) fn add(&mut self, recorded: Vec<Recorded>, refused: Vec<(usize, Problem)>) -> &[Answer] {
        let first = self.answers.len();
        let count = recorded.len() + refused.len();
        let (mut recorded, mut refused) = (recorded.into_iter(), refused.into_iter().peekable());
        let next = |place| match refused.next_if(|(at, _)| *at == place) {
            Some((_, problem)) => Answer::Refused(problem),
            None => {
                let answer = recorded.next().expect("each entry has an answer");
                answer.map_or_else(Answer::Refused, Answer::Recorded)
            }
        };
        self.answers.extend((0..count).map(next));
        &self.answers[first..]
    }

    fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        (self.first..).zip(&self.answers).map(|(at, answer)| match answer {
            Answer::Recorded(Kept { receipt, duplicate, archived }) => Shown::Recorded {
                index: receipt.index,
                id: &receipt.id,
                leaf_hash: &receipt.leaf_hash,
                duplicate: *duplicate,
                archived: *archived,
            },
            Answer::Refused(error) => Shown::Refused { at, error },
        })
    }

    /// Adds them to a text, one a line.
    pub(crate) fn append_lines(&self, out: &mut Vec<u8>) {
        out.reserve(self.answers.len() * LINE_BYTES);
        for shown in self.shown() {
            serde_json::to_writer(&mut *out, &shown).expect("an answer is texts and numbers");
            out.push(b'\n');
        }
    }

    /// The answer to a request in JSON: 201 when all are recorded, 202 when some of them are not in the archive yet, 207 when
    /// some are recorded, and a problem when none is.
    pub(crate) fn into_response(self) -> Response {
        let refused = self.answers.iter().filter_map(|answer| match answer {
            Answer::Refused(problem) => Some(problem),
            Answer::Recorded(_) => None,
        });
        let count = refused.clone().count();
        let receipts = Receipts { receipts: self.shown().collect(), unmapped: &self.unmapped };
        match count {
            0 if self.answers.is_empty() => Json(receipts).into_response(),
            0 if self.all_archived() => (StatusCode::CREATED, Json(receipts)).into_response(),
            0 => (StatusCode::ACCEPTED, Json(receipts)).into_response(),
            some if some < self.answers.len() => (StatusCode::MULTI_STATUS, Json(receipts)).into_response(),
            _ => {
                // What may pass is said first, because then it is worth trying again.
                let first = refused.clone().find(|problem| problem.is_passing()).or(refused.clone().next());
                first.expect("all are refused, and there are some").clone().with(receipts)
            }
        }
    }
}

fn base64<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hash)
}
