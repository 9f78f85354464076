//! Life signs: entries that say when a trail was opened and closed, and that it lives while nothing happens.
//!
//! Off by default: [`Settings::life_signs`](crate::Settings::life_signs) and
//! [`Settings::heartbeat`](crate::Settings::heartbeat) turn them on. With them, an opening without a closing before the
//! next opening means that a run ended unexpectedly. With a heartbeat, silence is visible.

use graven_core::entry::system_actions;
use serde_json::json;

use super::shared::Engine;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::seam::clock::milliseconds;

impl Engine {
    /// Queues a heartbeat if one is due. Not while entries wait for storage: once written, they show that the trail
    /// lives, and until then a heartbeat would hide that storage hangs.
    pub(super) fn beat_if_due(&self) {
        let clock = &*self.machine.clock;
        // In this order: once the last heartbeat is answered, the pulse has noted it.
        if self.queue.unanswered().is_empty()
            && let Some(every) = self.pulse.due(clock)
        {
            let detail = self.run.says(json!({"interval_ms": milliseconds(every)}));
            let line = system_line(clock, system_actions::HEARTBEAT, &detail);
            // An ended trail needs no heartbeat.
            let _ended = self.queue.push_system(&mut line.to_queue());
        }
    }

    /// Ends the queue: nothing more is taken from callers, and what is queued will still be written. If life signs are
    /// wanted, the closing is recorded behind all of it.
    pub(crate) fn end_queue(&self) {
        self.end_flood();
        let last = self
            .terms
            .life_signs
            .then(|| system_line(&*self.machine.clock, system_actions::CLOSED, &self.run.says(json!({}))));
        self.queue.close(last.as_ref().map(SystemLine::to_queue).as_mut());
    }
}
