//! A run: one opening of a trail by one process. The entries about the life of a trail name it.
//!
//! Several processes may write one trail, so an opening, a closing and a heartbeat say to which run they belong.

use serde::{Serialize, Serializer};

use crate::seam::clock::Clock;

/// The random name of a run: 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run(u64);

/// A detail with the name of a run as its first member.
#[derive(Debug, Serialize)]
pub(crate) struct OfRun<D> {
    run: Run,
    #[serde(flatten)]
    detail: D,
}

impl Run {
    /// Names a new run.
    pub(crate) fn new(clock: &dyn Clock) -> Run {
        Run(clock.random())
    }

    /// A detail that says to which run it belongs.
    pub(crate) fn says<D: Serialize>(self, detail: D) -> OfRun<D> {
        OfRun { run: self, detail }
    }
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_first_member_and_always_16_digits() {
        let detail = serde_json::json!({"interval_ms": 5});
        let text = serde_json::to_string(&Run(0xab).says(&detail)).unwrap();
        assert_eq!(text, r#"{"run":"00000000000000ab","interval_ms":5}"#);
    }
}
