//! What the proxy does to which request.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use http::{Method, StatusCode};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The proxy answers, and the server hears nothing.
    Answer(Refusal),
    /// The server answers, and the client waits longer.
    Delay(Duration),
    /// The connection ends before the request reaches the server.
    LostRequest,
    /// The server does it, and the connection ends before the answer.
    LostAnswer,
    /// The connection ends at once, and the request reaches the server later.
    Late(Duration),
    /// The server gets the request twice. The client gets the second answer.
    Twice,
    /// The connection ends in the middle of the answer.
    Cut,
}

/// An answer in the words of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Internal,
    SlowDown,
    ExpiredToken,
    AccessDenied,
    NoSpace,
    NoSuchBucket,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::SlowDown => StatusCode::SERVICE_UNAVAILABLE,
            // S3 answers so. Others answer 403.
            Refusal::ExpiredToken => StatusCode::BAD_REQUEST,
            Refusal::AccessDenied => StatusCode::FORBIDDEN,
            Refusal::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Refusal::NoSuchBucket => StatusCode::NOT_FOUND,
        }
    }

    pub(crate) fn body(self) -> String {
        let (code, message) = match self {
            Refusal::Internal => ("InternalError", "We encountered an internal error. Please try again."),
            Refusal::SlowDown => ("SlowDown", "Please reduce your request rate."),
            Refusal::ExpiredToken => ("ExpiredToken", "The provided token has expired."),
            Refusal::AccessDenied => ("AccessDenied", "Access Denied"),
            Refusal::NoSpace => {
                ("XMinioStorageFull", "Storage backend has reached its minimum free drive threshold.")
            }
            Refusal::NoSuchBucket => ("NoSuchBucket", "The specified bucket does not exist"),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    }
}

/// Which fault the next request gets.
pub(crate) struct Plan {
    next: Mutex<(fastrand::Rng, VecDeque<Fault>)>,
    /// Each fault with its share of a hundred requests.
    shares: Vec<(u32, Fault)>,
    /// Only requests by this method have faults, if it is given.
    method: Option<Method>,
}

impl Plan {
    /// No faults.
    pub(crate) fn none() -> Plan {
        Plan::seeded(0, &[])
    }

    /// Faults by chance, the same for the same seed and order of requests.
    pub(crate) fn seeded(seed: u64, shares: &[(u32, Fault)]) -> Plan {
        assert!(shares.iter().map(|(share, _)| share).sum::<u32>() <= 100);
        let next = Mutex::new((fastrand::Rng::with_seed(seed), VecDeque::new()));
        Plan { next, shares: shares.to_vec(), method: None }
    }

    /// All kinds of faults that pass, for about half of the requests.
    pub(crate) fn rough(seed: u64) -> Plan {
        let short = Duration::from_millis(30);
        Plan::seeded(
            seed,
            &[
                (7, Fault::Answer(Refusal::Internal)),
                (7, Fault::Answer(Refusal::SlowDown)),
                (7, Fault::Delay(short)),
                (7, Fault::LostRequest),
                (7, Fault::LostAnswer),
                (7, Fault::Late(short)),
                (7, Fault::Twice),
                (7, Fault::Cut),
            ],
        )
    }

    /// This fault for every request by this method.
    pub(crate) fn always(method: Method, fault: Fault) -> Plan {
        Plan { method: Some(method), ..Plan::seeded(0, &[(100, fault)]) }
    }

    /// These faults, one a request by this method, and none after them.
    pub(crate) fn once(method: Method, faults: &[Fault]) -> Plan {
        let next = Mutex::new((fastrand::Rng::with_seed(0), faults.iter().copied().collect()));
        Plan { next, shares: Vec::new(), method: Some(method) }
    }

    pub(crate) fn next(&self, method: &Method) -> Fault {
        if self.method.as_ref().is_some_and(|only| only != method) {
            return Fault::None;
        }
        let mut next = self.next.lock().unwrap();
        if let Some(fault) = next.1.pop_front() {
            return fault;
        }
        let mut drawn = next.0.u32(..100);
        for (share, fault) in &self.shares {
            match drawn.checked_sub(*share) {
                None => return *fault,
                Some(rest) => drawn = rest,
            }
        }
        Fault::None
    }
}
