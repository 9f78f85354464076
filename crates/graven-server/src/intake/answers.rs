//! The answers to the entries of one request: receipts and refusals, in the order in which the entries came.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use graven::Receipt;
use serde::Serialize;

use crate::problem::Problem;
use crate::trails::Kept;

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
}

/// One answer, as it stands in JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Recorded {
        #[serde(flatten)]
        receipt: &'a Receipt,
        /// Whether it was there before.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
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
}

impl Answers {
    /// None yet. `first` is the place of the first entry in what the client sent.
    pub(crate) fn new(first: u64) -> Answers {
        Answers { first, answers: Vec::new() }
    }

    pub(crate) fn push(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        (self.first..).zip(&self.answers).map(|(at, answer)| match answer {
            Answer::Recorded(Kept { receipt, duplicate }) => {
                Shown::Recorded { receipt, duplicate: *duplicate }
            }
            Answer::Refused(error) => Shown::Refused { at, error },
        })
    }

    /// Adds them to a text, one a line.
    pub(crate) fn append_lines(&self, out: &mut Vec<u8>) {
        for shown in self.shown() {
            serde_json::to_writer(&mut *out, &shown).expect("an answer is texts and numbers");
            out.push(b'\n');
        }
    }

    /// The answer to a request in JSON: 201 when all are recorded, 207 when some are, and a problem when none is.
    pub(crate) fn into_response(self) -> Response {
        let refused = self.answers.iter().filter_map(|answer| match answer {
            Answer::Refused(problem) => Some(problem),
            Answer::Recorded(_) => None,
        });
        let count = refused.clone().count();
        let receipts = Receipts { receipts: self.shown().collect() };
        match count {
            0 if self.answers.is_empty() => Json(receipts).into_response(),
            0 => (StatusCode::CREATED, Json(receipts)).into_response(),
            some if some < self.answers.len() => (StatusCode::MULTI_STATUS, Json(receipts)).into_response(),
            _ => {
                // What may pass is said first, because then it is worth trying again.
                let first = refused.clone().find(|problem| problem.is_passing()).or(refused.clone().next());
                first.expect("all are refused, and there are some").clone().with(receipts)
            }
        }
    }
}
