//! What HTTP says of a call: its status.

use graven_core::entry::Outcome;
use http::{Response, StatusCode};

use super::HasOutcome;

impl HasOutcome for StatusCode {
    fn outcome(&self) -> Outcome {
        match self.as_u16() {
            401 | 403 => Outcome::Denied,
            ..=399 => Outcome::Success,
            _ => Outcome::Failure,
        }
    }

    /// The status, such as `403 Forbidden`, unless it is a success.
    fn reason(&self) -> Option<String> {
        (self.outcome() != Outcome::Success).then(|| self.to_string())
    }
}

impl<B> HasOutcome for Response<B> {
    fn outcome(&self) -> Outcome {
        self.status().outcome()
    }

    fn reason(&self) -> Option<String> {
        self.status().reason()
    }
}

impl<B> HasOutcome for (StatusCode, B) {
    fn outcome(&self) -> Outcome {
        self.0.outcome()
    }

    fn reason(&self) -> Option<String> {
        self.0.reason()
    }
}

impl<H, B> HasOutcome for (StatusCode, H, B) {
    fn outcome(&self) -> Outcome {
        self.0.outcome()
    }

    fn reason(&self) -> Option<String> {
        self.0.reason()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_stand_for_outcomes_as_the_contract_says() {
        for (status, expected) in [
            (101, Outcome::Success),
            (200, Outcome::Success),
            (304, Outcome::Success),
            (399, Outcome::Success),
            (400, Outcome::Failure),
            (401, Outcome::Denied),
            (403, Outcome::Denied),
            (404, Outcome::Failure),
            (503, Outcome::Failure),
        ] {
            assert_eq!(StatusCode::from_u16(status).unwrap().outcome(), expected, "{status}");
        }
    }
}
