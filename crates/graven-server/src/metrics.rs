//! What the server counts of requests and entries, and how it is shown to Prometheus.

mod scrape;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::counters::Counters;
use crate::intake::Answer;
use crate::name::TrailName;
use crate::problem::{Kind, Problem};

pub(crate) use scrape::{Scrape, TrailNow};

/// The bounds of the times of requests, in seconds.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What is counted as it happens. Labels are names of ours, so there is a bounded number of series.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    refusals: Family<Reason, Counter>,
    recorded: Family<Of, Counter>,
    recorded_bytes: Family<Of, Counter>,
    duplicates: Family<Of, Counter>,
    refused: Family<OfReason, Counter>,
    waiting: Family<Of, Gauge>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    /// The address as it is listed, with the names of its parts.
    route: String,
    status: u16,
}

/// Where a request went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// A trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    trail: String,
}

/// Why entries were refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    trail: String,
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            refusals: Family::default(),
            recorded: Family::default(),
            recorded_bytes: Family::default(),
            duplicates: Family::default(),
            refused: Family::default(),
            waiting: Family::default(),
        }
    }
}

impl Metrics {
    /// What is counted of a trail.
    pub(crate) fn of(&self, trail: &TrailName) -> Counters {
        let of = Of { trail: trail.to_string() };
        Counters {
            recorded: self.recorded.get_or_create_owned(&of),
            recorded_bytes: self.recorded_bytes.get_or_create_owned(&of),
            duplicates: self.duplicates.get_or_create_owned(&of),
            waiting: self.waiting.get_or_create_owned(&of),
        }
    }

    /// Counts entries that were refused.
    fn refused(&self, trail: &TrailName, problem: &Problem) {
        let labels = OfReason { trail: trail.to_string(), reason: problem.kind().name() };
        self.refused.get_or_create(&labels).inc();
    }

    /// Counts the answers to entries, each with the bytes that its client sent.
    pub(crate) fn answered<'a>(
        &self,
        trail: &TrailName,
        of: &Counters,
        answers: impl Iterator<Item = (&'a Answer, usize)>,
    ) {
        let (mut recorded, mut bytes, mut duplicates) = (0, 0, 0);
        for (answer, length) in answers {
            match answer {
                Answer::Recorded(kept) if kept.duplicate => duplicates += 1,
                Answer::Recorded(_) => {
                    recorded += 1;
                    bytes += length as u64;
                }
                Answer::Refused(problem) => self.refused(trail, problem),
            }
        }
        of.recorded.inc_by(recorded);
        of.recorded_bytes.inc_by(bytes);
        of.duplicates.inc_by(duplicates);
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, method: &'static str, route: String, status: u16, took: Duration) {
        let labels = Route { route };
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { method, route: labels.route, status }).inc();
    }

    /// Counts a request that was refused as a whole.
    pub(crate) fn refusal(&self, kind: Kind) {
        self.refusals.get_or_create(&Reason { reason: kind.name() }).inc();
    }
}
