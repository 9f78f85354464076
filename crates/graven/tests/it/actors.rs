//! Who acts is said once, and carried into every entry that is recorded below; explicit fields win.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use graven::audit::{AuditCategory, AuditEntry, AuditLog, AuditOutcome};
use graven::{Actor, Agent, Category, Entry, Outcome, Settings, Source, Trail};

use crate::support::patience::must_end;
use crate::support::plain::block_on;

fn open(path: &Path) -> Trail {
    Trail::open(Settings::new(path)).unwrap()
}

fn entry(action: &str) -> Entry {
    Entry::new(Category::Api, action, Outcome::Success)
}

fn who() -> Option<String> {
    Actor::current().and_then(|actor| actor.fields().principal.clone())
}

/// Ready when polled again: an executor may run others meanwhile, or elsewhere.
async fn pause() {
    let mut paused = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn full() -> Actor {
    Actor::new("alice")
        .on_behalf_of("bob")
        .on_behalf_of("carol")
        .agent(Agent { id: Some("a".into()), ..Agent::default() })
        .source(Source { ip: Some("192.0.2.1".into()), ..Source::default() })
        .okr_id("o")
        .okr_run_id("r")
        .relay_id("y")
        .session_id("s")
        .trace_id("t")
        .span_id("p")
        .request_id("q")
}

fn filled(action: &str) -> Entry {
    entry(action)
        .principal("alice")
        .on_behalf_of(["bob", "carol"])
        .agent(Agent { id: Some("a".into()), ..Agent::default() })
        .source(Source { ip: Some("192.0.2.1".into()), ..Source::default() })
        .okr_id("o")
        .okr_run_id("r")
        .relay_id("y")
        .session_id("s")
        .trace_id("t")
        .span_id("p")
        .request_id("q")
}

fn stored(trail: &Trail) -> Vec<Entry> {
    trail.flush_blocking().unwrap();
    let entries = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    entries
        .map(|mut entry| {
            (entry.id, entry.timestamp, entry.duration_ms) = (None, None, None);
            entry
        })
        .collect()
}

#[test]
fn every_way_in_takes_every_field_from_the_actor() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    full()
        .enter(|| {
            trail.record_blocking(entry("record")).unwrap();
            trail.record_batch_blocking(vec![entry("batch 1"), entry("batch 2")]).unwrap();
            trail.emit(entry("emit"));
            trail.flush_blocking().unwrap();
            trail.begin_blocking(entry("act")).unwrap()
        })
        // The result has the actor of the beginning, wherever the act ends.
        .finish_blocking(Outcome::Success, None)
        .unwrap();
    trail.record_blocking(entry("nobody")).unwrap();
    let entries = stored(&trail);
    for (stored, action) in entries.iter().zip(["record", "batch 1", "batch 2", "emit"]) {
        assert_eq!(*stored, filled(action));
    }
    for stored in &entries[4..6] {
        let mut expected = filled("act").phase(stored.phase.unwrap());
        (expected.outcome, expected.intent_id) = (stored.outcome, stored.intent_id.clone());
        assert_eq!(*stored, expected);
    }
    assert_eq!(entries[6], entry("nobody"));
}

#[test]
fn what_an_entry_says_itself_wins() {
    let own = entry("own")
        .principal("zoe")
        .on_behalf_of(["yan"])
        .agent(Agent { id: Some("b".into()), ..Agent::default() })
        .source(Source { host: Some("h".into()), ..Source::default() })
        .okr_id("1")
        .okr_run_id("2")
        .relay_id("3")
        .session_id("4")
        .trace_id("5")
        .span_id("6")
        .request_id("7");
    let mut given = own.clone();
    full().fill(&mut given);
    assert_eq!(given, own);
    // The actor's span is no span of another trace.
    let mut given = entry("own").trace_id("other");
    full().fill(&mut given);
    assert_eq!((given.span_id, given.principal.as_deref()), (None, Some("alice")));
}

#[test]
fn the_actor_is_that_of_the_call_not_of_the_poll() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let (recording, beginning) =
        Actor::new("caller").enter(|| (trail.record(entry("a")), trail.begin(entry("b"))));
    let log = AuditLog::new(128, Some(folder.path().join("log.jsonl")));
    let logging =
        Actor::new("caller").enter(|| log.log(AuditCategory::Api, "c", AuditOutcome::Success, None, None));
    Actor::new("poller").session_id("poller's").enter(|| {
        block_on(recording).unwrap();
        drop(block_on(beginning).unwrap());
        block_on(logging);
    });
    for entry in stored(&trail).iter().chain(&stored(&log.trail().unwrap())) {
        assert_eq!((entry.principal.as_deref(), &entry.session_id), (Some("caller"), &None), "{entry:?}");
    }
}

#[test]
fn tasks_that_take_turns_on_one_thread_keep_their_own_actors() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    for request in 0..8 {
        let name = format!("user {request}");
        let trail = trail.clone();
        local.spawn_local(Actor::new(&name).request_id(&name).scope(async move {
            for round in 0..20 {
                assert_eq!(who().as_deref(), Some(&*name));
                pause().await;
                if round % 5 == 0 {
                    trail.record(entry(&name)).await.unwrap();
                }
            }
        }));
    }
    // One without an actor, in between.
    let nobody = trail.clone();
    local.spawn_local(async move {
        for _ in 0..20 {
            assert_eq!(Actor::current(), None);
            pause().await;
        }
        nobody.record(entry("nobody")).await.unwrap();
    });
    runtime.block_on(local);
    assert_eq!(Actor::current(), None, "nothing stays on the thread");
    let entries = stored(&trail);
    assert_eq!(entries.len(), 8 * 4 + 1);
    for entry in entries {
        let expected = (entry.action != "nobody").then_some(entry.action);
        assert_eq!((&entry.principal, &entry.request_id), (&expected, &expected));
    }
}

#[test]
fn a_task_takes_its_actor_from_thread_to_thread() {
    must_end();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let name = format!("user {n}");
            runtime.spawn(Actor::new(&name).scope(async move {
                let mut threads = std::collections::HashSet::new();
                for _ in 0..200 {
                    assert_eq!(who().as_deref(), Some(&*name));
                    threads.insert(thread::current().id());
                    tokio::task::yield_now().await;
                }
                threads.len()
            }))
        })
        .collect();
    let moved = tasks.into_iter().filter(|_| true).map(|task| runtime.block_on(task).unwrap()).max();
    assert!(moved.is_some());
    // By hand, so that a move between threads is certain.
    let mut task = Box::pin(Actor::new("mover").scope(async {
        let first = who();
        pause().await;
        (first, who())
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(task.as_mut().poll(&mut context).is_pending());
    let elsewhere = thread::spawn(move || block_on(task));
    let both = elsewhere.join().unwrap();
    assert_eq!(both, (Some("mover".into()), Some("mover".into())));
}

#[test]
fn an_inner_actor_counts_alone_and_the_outer_one_is_back_after_it() {
    let outer = Actor::new("outer").session_id("s");
    let told = block_on(outer.scope(async {
        let inner = Actor::new("inner").scope(async { Actor::current().unwrap() }).await;
        let added = Actor::current().unwrap_or_default().request_id("r");
        let within = added.scope(async { Actor::current().unwrap() }).await;
        (inner, within, Actor::current().unwrap())
    }));
    assert_eq!(told, (Actor::new("inner"), outer.clone().request_id("r"), outer.clone()));
    outer.enter(|| {
        Actor::new("inner").enter(|| assert_eq!(who().as_deref(), Some("inner")));
        assert_eq!(who().as_deref(), Some("outer"));
    });
    assert_eq!(Actor::current(), None);
}

#[test]
fn a_panic_puts_the_actor_back() {
    let alice = Actor::new("alice");
    let caught = catch_unwind(AssertUnwindSafe(|| alice.enter(|| panic!("inside"))));
    assert!(caught.is_err());
    assert_eq!(Actor::current(), None);
    let mut future = Box::pin(alice.scope(async { panic!("inside") }));
    let poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let caught = catch_unwind(AssertUnwindSafe(poll));
    assert!(caught.is_err());
    assert_eq!(Actor::current(), None);
}

/// Says who it was dropped as.
struct Dropped(Arc<Mutex<Vec<Option<String>>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(who());
    }
}

#[test]
fn a_cancelled_future_is_dropped_as_its_actor() {
    let seen = Arc::default();
    let dropped = Dropped(Arc::clone(&seen));
    let mut future = Box::pin(Actor::new("alice").scope(async move {
        let _dropped = dropped;
        std::future::pending::<()>().await;
    }));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    Actor::new("canceller").enter(|| drop(future));
    assert_eq!(*seen.lock().unwrap(), [Some("alice".to_owned())]);
}

#[test]
fn what_is_spawned_is_somebody_elses_unless_the_actor_is_carried_along() {
    must_end();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let told = runtime.block_on(Actor::new("alice").scope(async {
        let bare = tokio::spawn(async { who() }).await.unwrap();
        let carried = tokio::spawn(Actor::carry(async {
            tokio::task::yield_now().await;
            who()
        }));
        let blocking = tokio::task::spawn_blocking(Actor::carry_fn(who));
        let thread = thread::spawn(Actor::carry_fn(who));
        (bare, carried.await.unwrap(), blocking.await.unwrap(), thread.join().unwrap())
    }));
    let alice = Some("alice".to_owned());
    assert_eq!(told, (None, alice.clone(), alice.clone(), alice));
    // Without an actor there is none to carry, and the one that polls does not count.
    let nobody = Actor::carry(async { who() });
    assert_eq!(Actor::new("alice").enter(|| block_on(nobody)), None);
}

#[test]
fn a_scope_is_send_when_its_future_is() {
    fn sends<T: Send + 'static>(future: T) -> T {
        future
    }
    let scoped = sends(Actor::new("alice").scope(async { 1 }));
    let pinned: Pin<Box<dyn Future<Output = i32> + Send>> = Box::pin(scoped);
    assert_eq!(block_on(pinned), 1);
    // One that is not can still have an actor.
    let local = std::rc::Rc::new(2);
    assert_eq!(block_on(Actor::new("alice").scope(async move { *local })), 2);
}

#[test]
fn the_contracts_entries_take_the_principal_and_what_else_there_is_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::new(128, Some(folder.path().join("log.jsonl")));
    let own = AuditEntry {
        id: "own".into(),
        timestamp: "2026-01-01T00:00:00Z".parse().unwrap(),
        category: AuditCategory::Auth,
        action: "own".into(),
        principal: Some("zoe".into()),
        outcome: AuditOutcome::Success,
        detail: None,
        duration_ms: None,
    };
    block_on(full().scope(async {
        log.log(AuditCategory::Api, "log", AuditOutcome::Success, None, None).await;
        log.record(own.clone()).await;
        log.try_record(AuditEntry { id: "tried".into(), principal: None, ..own.clone() }).await.unwrap();
        let session = Some("mine".to_owned());
        log.log_with_correlation(
            AuditCategory::Api,
            "c",
            AuditOutcome::Success,
            None,
            None,
            None,
            None,
            None,
            session,
        )
        .await;
    }));
    let entries = stored(&log.trail().unwrap());
    assert_eq!(entries[0], filled("log"));
    assert_eq!((entries[1].principal.as_deref(), entries[1].session_id.as_deref()), (Some("zoe"), Some("s")));
    assert_eq!(entries[2].principal.as_deref(), Some("alice"));
    assert_eq!((entries[3].session_id.as_deref(), entries[3].okr_id.as_deref()), (Some("mine"), Some("o")));
    // In memory too, where there is no file.
    let memory = AuditLog::new(128, None);
    block_on(full().scope(memory.log(
        AuditCategory::Api,
        "not in the scope",
        AuditOutcome::Success,
        None,
        None,
    )));
    block_on(full().scope(async {
        memory.log(AuditCategory::Api, "in it", AuditOutcome::Success, None, None).await;
    }));
    let principals: Vec<_> = block_on(memory.recent(2)).into_iter().map(|entry| entry.principal).collect();
    assert_eq!(principals, [Some("alice".to_owned()), None]);
}
