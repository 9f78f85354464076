//! How an action ended, and whether the entry stands before or after it.

use std::fmt;
use std::str::FromStr;

use super::EntryError;

/// How the action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and failed.
    Failure,
    /// It was not allowed.
    Denied,
    /// It has not ended: only an entry of [`Phase::Intent`] may say so.
    Pending,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Denied => "denied",
            Outcome::Pending => "pending",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = EntryError;

    fn from_str(name: &str) -> Result<Outcome, EntryError> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name).ok_or(EntryError::Outcome)
    }
}

/// On which side of the action the entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before: what is about to be done.
    Intent,
    /// After: how it went. `intent_id` names the entry before.
    Result,
}

impl Phase {
    const ALL: [Phase; 2] = [Phase::Intent, Phase::Result];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Intent => "intent",
            Phase::Result => "result",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Phase {
    type Err = EntryError;

    fn from_str(name: &str) -> Result<Phase, EntryError> {
        Phase::ALL.into_iter().find(|phase| phase.as_str() == name).ok_or(EntryError::Phase)
    }
}
