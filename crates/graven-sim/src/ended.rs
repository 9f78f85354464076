//! How a run ended.

use std::any::Any;

use crate::rule::Rule;
use crate::tally::Tally;

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// A number that two equal runs share.
    pub trace: u64,
    /// The counts of the run.
    pub tally: Tally,
    /// The rule that was broken, in which life (counted from 1), how, and the last steps.
    pub broken: Option<(Rule, u64, String, Vec<String>)>,
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<String>().cloned();
    message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
