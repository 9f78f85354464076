//! What the layer keeps with a span, from its opening to its close.

use std::time::Duration;

use graven::{Actor, Redactor};

use crate::fields::Fields;
use crate::known::actor_of;

/// An audit span that is open. Kept in the registry, as the span's extension.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) fields: Fields,
    /// Who acts, as the fields say it: for the events in the span.
    pub(crate) actor: Actor,
    /// Who acted where the span was opened.
    pub(crate) opener: Option<Actor>,
    /// When it was opened, by the layer's clock.
    pub(crate) opened: Duration,
    /// The id of its intent, if it has one.
    pub(crate) intent: Option<String>,
}

impl Open {
    /// Takes over what the span learns.
    pub(crate) fn learn(&mut self, fields: Fields, redactor: &Redactor) {
        self.fields.extend(fields);
        self.actor = actor_of(&self.fields, redactor);
    }
}
