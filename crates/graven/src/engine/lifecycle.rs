//! Life signs: entries that say when a trail was opened and closed, and that it lives while nothing happens.
//!
//! Off unless [`Settings::life_signs`](crate::Settings::life_signs) or
//! [`Settings::heartbeat`](crate::Settings::heartbeat) asks for them. With them, an opening without a closing before
//! the next one is a run that ended without a word, and with a heartbeat, silence is visible.

use serde_json::json;

use super::shared::Engine;
use crate::engine::system_entries::{self, SystemLine, system_line};
use crate::seam::clock::milliseconds;

impl Engine {
    /// Writes a heartbeat if one is due. Not while something waits for storage: that will be a sign of life itself,
    /// or its absence the truth.
    pub(crate) fn beat_if_due(&self) {
        let clock = &*self.machine.clock;
        // In this order: once the last heartbeat is answered, the pulse has noted it.
        if self.queue.unanswered().is_empty()
            && let Some(every) = self.pulse.due(clock)
        {
            let line =
                system_line(clock, system_entries::HEARTBEAT, &json!({"interval_ms": milliseconds(every)}));
            // An ended trail has no pulse.
            let _ended = self.queue.push_system(&mut line.to_queue());
        }
    }

    /// Takes nothing more from callers, and puts the closing on record behind all that is queued, if life signs are
    /// wanted. What is queued will still be written.
    pub(crate) fn end_queue(&self) {
        self.end_flood();
        let last = self
            .settings
            .life_signs
            .then(|| system_line(&*self.machine.clock, system_entries::CLOSED, &json!({})));
        self.queue.close(last.as_ref().map(SystemLine::to_queue).as_mut());
    }
}
