//! Listens to the events of a test's own thread.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

/// What was said on this thread since.
pub(crate) struct Events {
    heard: Arc<Mutex<Vec<Heard>>>,
    _guard: DefaultGuard,
}

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) level: Level,
    pub(crate) target: String,
    /// Every field, the message among them.
    pub(crate) fields: BTreeMap<String, String>,
}

impl Events {
    /// Listens until it is dropped.
    pub(crate) fn listen() -> Events {
        let heard = Arc::default();
        let _guard = tracing::subscriber::set_default(Listener { heard: Arc::clone(&heard) });
        Events { heard, _guard }
    }

    /// What was heard of one level, oldest first.
    pub(crate) fn of(&self, level: Level) -> Vec<Heard> {
        self.heard.lock().unwrap().iter().filter(|heard| heard.level == level).cloned().collect()
    }

    /// The ids of the events `audit`, in order.
    pub(crate) fn audited(&self) -> Vec<String> {
        let events = self.of(Level::INFO).into_iter().filter(|heard| heard.message() == "audit");
        events.map(|heard| heard.fields["audit_id"].clone()).collect()
    }
}

impl Heard {
    pub(crate) fn message(&self) -> &str {
        &self.fields["message"]
    }
}

struct Listener {
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        self.heard.lock().unwrap().push(Heard { level, target, fields: fields.0 });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
