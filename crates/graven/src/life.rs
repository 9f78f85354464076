//! Life signs: entries that say when a trail was opened and closed, and that it lives while nothing happens.
//!
//! Off unless [`Settings::life_signs`](crate::Settings::life_signs) or
//! [`Settings::heartbeat`](crate::Settings::heartbeat) asks for them. With them, an opening without a closing before
//! the next one is a run that ended without a word, and with a heartbeat, silence is visible.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::engine::Engine;
use crate::meta::Meta;
use crate::own::{self, OwnLine, own_line};
use crate::queue::Line;
use crate::seam::clock::{Clock, milliseconds};
use crate::settings::Settings;
use crate::terms::Terms;

/// When the engine last put anything on record, in milliseconds of its clock. Kept only for a heartbeat.
#[derive(Debug)]
pub(crate) struct Pulse {
    every: Option<Duration>,
    last_ms: AtomicU64,
}

impl Pulse {
    /// Nothing was recorded yet; an opening counts as a sign of life.
    pub(crate) fn new(settings: &Settings, clock: &dyn Clock) -> Pulse {
        Pulse { every: settings.heartbeat, last_ms: AtomicU64::new(milliseconds(clock.elapsed())) }
    }

    /// How often to look whether a heartbeat is due: often enough that it is late by a quarter at most.
    pub(crate) fn look_every(&self) -> Option<Duration> {
        self.every.map(|every| every / 4)
    }

    /// Something was recorded.
    pub(crate) fn beat(&self, clock: &dyn Clock) {
        if self.every.is_some() {
            self.last_ms.store(milliseconds(clock.elapsed()), Ordering::Relaxed);
        }
    }

    /// The interval, if nothing was recorded for that long.
    fn due(&self, clock: &dyn Clock) -> Option<Duration> {
        let every = self.every?;
        let quiet = milliseconds(clock.elapsed()).saturating_sub(self.last_ms.load(Ordering::Relaxed));
        (quiet >= milliseconds(every)).then_some(every)
    }
}

impl Engine {
    /// Writes a heartbeat if one is due. Not while something waits for storage: that will be a sign of life itself,
    /// or its absence the truth.
    pub(crate) fn beat_if_due(&self) {
        let clock = &*self.machine.clock;
        if let Some(every) = self.pulse.due(clock)
            && self.queue.unanswered().is_empty()
        {
            let line = own_line(clock, own::HEARTBEAT, &json!({"interval_ms": milliseconds(every)}));
            // An ended trail has no pulse.
            let _ended = self.queue.push_own(&mut line.to_queue());
        }
    }

    /// Takes nothing more from callers, and puts the closing on record behind all that is queued, if life signs are
    /// wanted. What is queued will still be written.
    pub(crate) fn end_queue(&self) {
        self.end_flood();
        let last = self.settings.life_signs.then(|| own_line(&*self.machine.clock, own::CLOSED, &json!({})));
        self.queue.close(last.as_ref().map(OwnLine::to_queue).as_mut());
    }
}

/// What an opening puts on record about itself: other terms than before, and that it took place.
pub(crate) fn opening(
    clock: &dyn Clock,
    before: &Terms,
    terms: &Terms,
    settings: &Settings,
    meta: &Meta,
) -> Vec<OwnLine> {
    let changed = terms.changes_since(before).map(|changes| own_line(clock, own::SETTINGS, &changes));
    let opened = settings.life_signs.then(|| {
        let detail =
            json!({"version": env!("CARGO_PKG_VERSION"), "key": meta.key.to_string(), "settings": terms});
        own_line(clock, own::OPENED, &detail)
    });
    changed.into_iter().chain(opened).collect()
}

impl OwnLine {
    /// The line, for the queue.
    pub(crate) fn to_queue(&self) -> Line<'_> {
        Line { bytes: &self.bytes, hash: self.hash, blob: None }
    }
}
