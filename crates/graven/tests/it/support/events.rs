//! Listens to the events of a test's own thread.
//!
//! One subscriber hears every thread and passes on to the thread that listens. One for each listener would not do:
//! `tracing` remembers for each event whether anybody cares, and asks only the thread on which the event first comes
//! up, so that a thread on which nobody listens can silence it for all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

thread_local! {
    /// Where this thread's listener keeps what it hears.
    static HEARD: RefCell<Option<Arc<Mutex<Vec<Heard>>>>> = const { RefCell::new(None) };
}

/// The events of this thread since listening began.
pub(crate) struct Events {
    heard: Arc<Mutex<Vec<Heard>>>,
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
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::subscriber::set_global_default(Listener).unwrap();
            // Call sites that were reached before are asked about again.
            tracing::callsite::rebuild_interest_cache();
        });
        let heard = Arc::default();
        let before = HEARD.replace(Some(Arc::clone(&heard)));
        assert!(before.is_none(), "one listener a thread");
        Events { heard }
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

impl Drop for Events {
    fn drop(&mut self) {
        HEARD.take();
    }
}

impl Heard {
    pub(crate) fn message(&self) -> &str {
        &self.fields["message"]
    }
}

struct Listener;

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
        // A thread that is ending listens no more.
        let heard = HEARD.try_with(|heard| heard.borrow().clone());
        let Ok(Some(heard)) = heard else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        heard.lock().unwrap().push(Heard { level, target, fields: fields.0 });
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
