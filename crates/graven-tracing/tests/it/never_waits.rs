//! Storage that hangs: the traced thread goes on, unless the layer was told to have it wait. A trail's own threads never
//! wait.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use graven::disk::sim::{Op, Step};
use graven::{Category, Entry, Flood, Outcome, WhenFull, on_a_trails_thread};
use graven_tracing::AuditOnly;
use tracing::{Dispatch, dispatcher, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::prelude::*;

use crate::support::{World, actions, until};

fn syncs_live(step: &Step) -> bool {
    step.op == Op::SyncData && step.is_named("audit.jsonl")
}

#[test]
fn a_hanging_disk_does_not_hold_up_the_traced_thread() {
    const EVENTS: usize = 5_000;
    let world = World::with(|settings| settings.queue_bytes(0));
    let gate = world.disk.hold(syncs_live);
    let subscriber = Registry::default().with(world.layer().with_filter(AuditOnly));
    tracing::subscriber::with_default(subscriber, || {
        // On this very thread: were one to wait, nobody would open the gate.
        for n in 0..EVENTS {
            let _span = info_span!(target: "audit", "span", intent = true).entered();
            info!(target: "audit", n, "event");
        }
    });
    gate.reached();
    let dropped = world.trail.counters().dropped as usize;
    assert!(dropped > 0, "it has no room for all of them");
    gate.open();
    assert_eq!(world.stored().len() + dropped, 3 * EVENTS, "what is lost is counted");
}

#[test]
fn a_blocking_layer_has_its_entry_durable_before_the_program_goes_on() {
    let world = World::new();
    let trail = world.trail.clone();
    let (entries, counters) = world.hears(world.layer().blocking(), || {
        for n in 0..10 {
            info!(target: "audit", "event");
            assert_eq!(trail.len(), 2 * n + 1);
            drop(info_span!(target: "audit", "span"));
            assert_eq!(trail.len(), 2 * n + 2);
        }
    });
    assert_eq!((entries.len(), counters.unacknowledged()), (20, 0));
}

#[test]
fn what_a_blocking_layer_has_no_answer_for_is_counted() {
    let wait = WhenFull::Wait(Duration::from_millis(1));
    let world = World::with(|settings| settings.when_full(wait));
    let gate = world.disk.hold(syncs_live);
    let layer = world.layer().blocking();
    let counters = layer.counters();
    let subscriber = Registry::default().with(layer.with_filter(AuditOnly));
    std::thread::scope(|scope| {
        let traced = scope.spawn(|| {
            tracing::subscriber::with_default(subscriber, || info!(target: "audit", "event"));
        });
        gate.reached();
        until(|| {
            world.clock.advance(Duration::from_millis(1));
            traced.is_finished()
        });
    });
    assert_eq!(counters.unacknowledged(), 1);
    gate.open();
    assert_eq!(world.stored().len(), 1, "it was queued, and is recorded once");
}

/// A task that says an audit event when it is woken, and then on whose thread that was.
struct Speaker {
    dispatch: Dispatch,
    woken: Sender<bool>,
}

impl Wake for Speaker {
    fn wake(self: Arc<Self>) {
        let ours = on_a_trails_thread();
        dispatcher::with_default(&self.dispatch, || info!(target: "audit", "woken"));
        self.woken.send(ours).unwrap();
    }
}

#[test]
fn a_waker_that_speaks_on_a_trails_own_thread_is_not_held_up() {
    let world = World::new();
    let layer = world.layer().blocking();
    let counters = layer.counters();
    let dispatch = Dispatch::new(Registry::default().with(layer.with_filter(AuditOnly)));
    let (woken, waking) = mpsc::channel();
    let waker = Waker::from(Arc::new(Speaker { dispatch, woken }));
    let gate = world.disk.hold(syncs_live);
    let mut recording = pin!(world.trail.record(Entry::new(Category::Api, "recorded", Outcome::Success)));
    assert!(recording.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    gate.reached();
    gate.open();
    let mut ours = None;
    until(|| {
        ours = waking.try_recv().ok();
        if ours.is_none() {
            // Were it to wait for its own thread, this would end that, and be counted.
            world.clock.advance(Duration::from_millis(1));
        }
        ours.is_some()
    });
    assert_eq!(ours, Some(true), "woken by the thread that writes");
    assert_eq!(counters.unacknowledged(), 0);
    assert_eq!(actions(&world.stored()), ["recorded", "woken"]);
}

#[test]
fn a_trail_with_flood_control_counts_repeats() {
    let world = World::with(|settings| settings.flood_control(Flood::new(5, Duration::from_secs(1))));
    let (entries, _) = world.hears(world.layer(), || {
        for _ in 0..1_000 {
            drop(info_span!(target: "audit", "span", status = 200));
            info!(target: "audit", outcome = "denied", "denied");
        }
    });
    let count = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count("span"), count("denied")), (6, 1_000));
    assert_eq!(entries.last().unwrap().count, Some(995));
}
