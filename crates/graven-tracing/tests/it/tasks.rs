//! Futures that are instrumented and wander between threads, and programs that end.

use std::sync::Arc;

use graven::{Outcome, Settings, Trail};
use graven_tracing::{AuditOnly, TrailLayer};
use tokio::sync::Barrier;
use tracing::field::Empty;
use tracing::{Dispatch, Instrument, Span, dispatcher, info, info_span, instrument};
use tracing_subscriber::Registry;
use tracing_subscriber::prelude::*;

use crate::support::{World, actions};

/// A runtime on whose threads everything is heard.
fn runtime(dispatch: Dispatch, threads: usize) -> tokio::runtime::Runtime {
    let listen = move || std::mem::forget(dispatcher::set_default(&dispatch));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .on_thread_start(listen)
        .build()
        .unwrap()
}

#[instrument(target = "audit", skip_all, fields(session_id = session, outcome = Empty))]
async fn work(session: usize, barrier: Arc<Barrier>) {
    info!(target: "audit", "begun");
    // Everybody waits for everybody, and wakes where there is room.
    barrier.wait().await;
    tokio::task::yield_now().await;
    info!(target: "audit", "woken");
    Span::current().record("outcome", "success");
}

#[test]
fn a_span_follows_its_future_from_thread_to_thread() {
    const TASKS: usize = 50;
    let world = World::new();
    let runtime = runtime(Dispatch::new(Registry::default().with(world.layer().with_filter(AuditOnly))), 4);
    let barrier = Arc::new(Barrier::new(TASKS));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let request = info_span!("request", audit = true, principal = n);
                tokio::spawn(work(n, Arc::clone(&barrier)).instrument(request))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    let entries = world.stored();
    for n in 0..TASKS {
        let name = n.to_string();
        let own: Vec<_> =
            entries.iter().filter(|entry| entry.session_id.as_ref() == Some(&name)).cloned().collect();
        assert_eq!(actions(&own), ["begun", "woken", "work"]);
        // `block_on` runs on a thread where nobody listens: the spans around were opened there.
        assert!(own.iter().all(|entry| entry.outcome == Outcome::Success), "{own:?}");
    }
}

#[test]
fn spans_around_a_task_are_carried_with_it() {
    let world = World::new();
    let dispatch = Dispatch::new(Registry::default().with(world.layer().with_filter(AuditOnly)));
    let runtime = runtime(dispatch.clone(), 2);
    dispatcher::with_default(&dispatch, || {
        let request = info_span!("request", audit = true, principal = "alice");
        let task = async { info!(target: "audit", "inside") };
        runtime.block_on(runtime.spawn(task.instrument(request))).unwrap();
    });
    drop(runtime);
    let entries = world.stored();
    assert_eq!(actions(&entries), ["inside", "request"]);
    assert_eq!(entries[0].principal.as_deref(), Some("alice"));
}

#[test]
fn a_cancelled_future_that_owes_its_outcome_is_abandoned() {
    let world = World::new();
    let (entries, _) = world.hears(world.layer(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut work = Box::pin(work(0, Arc::new(Barrier::new(2))));
            std::future::poll_fn(|context| {
                assert!(work.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            drop(work);
        });
    });
    assert_eq!(actions(&entries), ["begun", "work"]);
    assert_eq!((entries[1].outcome, entries[1].reason.as_deref()), (Outcome::Failure, Some("abandoned")));
}

#[test]
fn a_subscriber_that_is_dropped_lets_go_of_the_trail_and_all_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
    let layer = TrailLayer::new(trail).with_filter(AuditOnly);
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        (0..100).for_each(|n| info!(target: "audit", n, "event"));
    });
    // The last handle was the layer's: the trail was closed, and can be opened by anybody.
    let trail = Trail::open(Settings::new(folder.path().join("trail")).must_exist()).unwrap();
    assert_eq!(trail.len(), 100);
}

#[test]
fn after_the_close_events_are_lost_counted_and_harmless() {
    let world = World::new();
    let trail = world.trail.clone();
    for layer in [world.layer(), world.layer().blocking()] {
        let subscriber = Registry::default().with(layer.with_filter(AuditOnly));
        tracing::subscriber::with_default(subscriber, || {
            let _span = info_span!(target: "audit", "span").entered();
            trail.close_blocking().unwrap();
            info!(target: "audit", "late");
        });
    }
    assert_eq!(trail.counters().dropped, 4);
}
