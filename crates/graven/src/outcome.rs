//! What a returned value says of the call that returned it.

use graven_core::entry::Outcome;

/// A value that says how the call ended that returned it. `#[audited]` asks it, also inside `Ok` and `Err`.
///
/// With the feature `http`: `StatusCode`, `http::Response` and the tuples that axum answers with, by their status. 401
/// and 403 are denials, the others below 400 successes, the rest failures. Implement it for types of your own.
///
/// ```
/// use graven::{HasOutcome, Outcome};
///
/// enum Answer {
///     Done,
///     Forbidden,
/// }
///
/// impl HasOutcome for Answer {
///     fn outcome(&self) -> Outcome {
///         match self {
///             Answer::Done => Outcome::Success,
///             Answer::Forbidden => Outcome::Denied,
///         }
///     }
/// }
/// # assert_eq!((Answer::Done.outcome(), Answer::Forbidden.outcome()), (Outcome::Success, Outcome::Denied));
/// ```
pub trait HasOutcome {
    /// How the call ended.
    fn outcome(&self) -> Outcome;

    /// Why it ended so, for the entry's `reason`. Default: `None`.
    fn reason(&self) -> Option<String> {
        None
    }
}

#[cfg(feature = "http")]
mod of_http {
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
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use http::StatusCode;

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
