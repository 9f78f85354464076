//! The settings that a trail remembers: as a program gives them, and as they hold while the trail is open.

use std::collections::HashMap;
use std::time::Duration;

use graven_core::entry::Category;

use super::WhenFull;
use super::flood::Flood;
use crate::redact::Redaction;

/// What a program gives. What it does not give (`None`) is taken from the trail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub(crate) when_full: Option<WhenFull>,
    /// A category that is not here is not given.
    pub(crate) when_full_by_category: HashMap<Category, WhenFull>,
    pub(crate) life_signs: Option<bool>,
    /// `Some(None)` gives no heartbeat.
    pub(crate) heartbeat: Option<Option<Duration>>,
    pub(crate) redaction: Option<Redaction>,
    /// `Some(None)` gives no flood control.
    pub(crate) flood: Option<Option<Flood>>,
}

/// What holds while a trail is open: the settings given, and for the rest those of the trail.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) when_full: WhenFull,
    /// A category that is not here has the general policy.
    pub(crate) when_full_by_category: HashMap<Category, WhenFull>,
    pub(crate) life_signs: bool,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) redaction: Redaction,
    pub(crate) flood: Option<Flood>,
}
