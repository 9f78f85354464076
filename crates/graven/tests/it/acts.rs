//! An act: its intent is durable before it begins, and whatever ends it is recorded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Op, SimDisk, Step};
use graven::reader::Reader;
use graven::{
    Act, Actor, Agent, Category, Entry, ErrorKind, Machine, Outcome, Phase, Settings, Source, Trail, WhenFull,
};
use serde_json::json;

use crate::support::lines;
use crate::support::patience::{must_end, receive};
use crate::support::plain::block_on;

fn open(path: &Path) -> Trail {
    Trail::open(Settings::new(path)).unwrap()
}

fn intent(action: &str) -> Entry {
    Entry::intent(Category::ToolExecution, action)
}

fn syncs_live(step: &Step) -> bool {
    step.op == Op::SyncData && step.is_named("audit.jsonl")
}

/// Everything in the trail, oldest first.
fn stored(trail: &Trail) -> Vec<Entry> {
    trail.flush_blocking().unwrap();
    trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap()).collect()
}

/// The only result in the trail, which must be that of this act.
fn abandoned(trail: &Trail, id: &str) -> Entry {
    let mut results = stored(trail);
    results.retain(|entry| entry.phase == Some(Phase::Result));
    assert_eq!(results.len(), 1, "{results:?}");
    let result = results.remove(0);
    assert_eq!(result.intent_id.as_deref(), Some(id));
    assert_eq!((result.outcome, result.reason.as_deref()), (Outcome::Failure, Some("abandoned")));
    result
}

#[test]
fn the_intent_is_stored_when_begin_answers_and_the_result_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let line = String::from_utf8(lines(&folder.path().join("audit.jsonl")).remove(0)).unwrap();
    assert!(line.contains(r#""outcome":"pending""#) && line.contains(r#""phase":"intent""#), "{line}");
    assert!(line.contains(act.id()) && act.receipt().index == 0, "{line}");
    let id = act.id().to_owned();
    let receipt = act.finish_blocking(Outcome::Success, Some(json!({"exit_code": 0}))).unwrap();
    let result = stored(&trail).pop().unwrap();
    assert_eq!(receipt.index, 1);
    assert_eq!((result.phase, result.outcome), (Some(Phase::Result), Outcome::Success));
    assert_eq!(result.intent_id, Some(id.clone()));
    assert_ne!(result.id, Some(id), "a result has its own id");
    assert_eq!(result.detail.unwrap().as_str(), r#"{"exit_code":0}"#);
    assert!(result.duration_ms.is_some());
}

#[test]
fn the_result_says_who_acted_on_what_as_the_intent_does_and_nothing_of_its_moment() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let given = intent("tool:bash")
        .id("my own")
        .principal("alice")
        .resource("/tmp/x")
        .okr_id("o")
        .okr_run_id("r")
        .relay_id("y")
        .session_id("s")
        .trace_id("t")
        .span_id("p")
        .request_id("q")
        .source(Source { ip: Some("192.0.2.1".into()), ..Source::default() })
        .agent(Agent { id: Some("a".into()), ..Agent::default() })
        .on_behalf_of(["bob"])
        .reason("asked for")
        .detail("of the intent");
    let act = trail.begin_blocking(given.clone()).unwrap();
    act.finish_blocking(Outcome::Denied, None).unwrap();
    let result = stored(&trail).pop().unwrap();
    let mut expected = given;
    expected.id.clone_from(&result.id);
    expected.timestamp = result.timestamp;
    expected.duration_ms = result.duration_ms;
    expected.detail = None;
    expected.reason = None;
    expected.outcome = Outcome::Denied;
    expected.phase = Some(Phase::Result);
    expected.intent_id = Some("my own".into());
    assert_eq!(result, expected);
}

#[test]
fn any_entry_becomes_an_intent_and_a_result_stays_one_whatever_is_said_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let act = trail.begin_blocking(Entry::new(Category::Config, "set", Outcome::Success)).unwrap();
    let id = act.id().to_owned();
    let say = |result: Entry| result.reason("why").resource("key").phase(Phase::Intent).intent_id("forged");
    act.finish_with_blocking(Outcome::Failure, say).unwrap();
    let entries = stored(&trail);
    assert_eq!((entries[0].phase, entries[0].outcome), (Some(Phase::Intent), Outcome::Pending));
    assert_eq!((entries[1].phase, entries[1].intent_id.as_deref()), (Some(Phase::Result), Some(&*id)));
    assert_eq!((entries[1].reason.as_deref(), entries[1].resource.as_deref()), (Some("why"), Some("key")));
}

#[test]
fn the_duration_is_the_clocks_from_the_answer_of_begin_to_the_call_of_finish() {
    must_end();
    let clock = SimClock::new(1);
    let machine = Machine { disk: Arc::new(SimDisk::new()), clock: Arc::new(clock.clone()) };
    let trail = Trail::open_on(Settings::new("/t"), machine).unwrap();
    let act = trail.begin_blocking(intent("tool:sleep")).unwrap();
    clock.advance(Duration::from_millis(1_234));
    let finishing = act.finish(Outcome::Success, None);
    // Neither the time of day nor what passes after the call counts.
    clock.set_now("2001-01-01T00:00:00Z".parse().unwrap());
    clock.advance(Duration::from_secs(60));
    block_on(finishing).unwrap();
    assert_eq!(trail.recent(1)[0].duration_ms, Some(1_234));
}

#[test]
fn a_dropped_act_is_abandoned_with_the_time_it_took() {
    must_end();
    let clock = SimClock::new(1);
    let machine = Machine { disk: Arc::new(SimDisk::new()), clock: Arc::new(clock.clone()) };
    let trail = Trail::open_on(Settings::new("/t"), machine).unwrap();
    let act = trail.begin_blocking(intent("tool:bash").principal("alice")).unwrap();
    let id = act.id().to_owned();
    clock.advance(Duration::from_millis(7));
    drop(act);
    let result = abandoned(&trail, &id);
    assert_eq!((result.duration_ms, result.principal.as_deref()), (Some(7), Some("alice")));
}

#[test]
fn a_panic_abandons_the_act() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let id = act.id().to_owned();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _held = act;
        panic!("the tool is broken");
    }));
    assert!(caught.is_err());
    abandoned(&trail, &id);
}

/// A listener that panics at each event.
struct Panics;

impl tracing::Subscriber for Panics {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        panic!("no events, please");
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn dropping_never_panics_even_in_a_panic_under_a_listener_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let id = act.id().to_owned();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _listening = tracing::subscriber::set_default(Panics);
        let _held = act;
        // Two panics at once would end the process.
        panic!("the tool is broken");
    }));
    assert!(caught.is_err());
    abandoned(&trail, &id);
}

#[test]
fn a_cancelled_task_abandons_its_act_on_the_executors_thread() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (begun, is_begun) = mpsc::channel();
    let inner = trail.clone();
    let task = tokio.spawn(async move {
        let act = inner.begin(intent("tool:bash")).await.unwrap();
        begun.send(act.id().to_owned()).unwrap();
        std::future::pending::<()>().await;
        act.finish(Outcome::Success, None).await.unwrap();
    });
    let id = receive("the act is begun", &is_begun);
    task.abort();
    assert!(tokio.block_on(task).unwrap_err().is_cancelled());
    abandoned(&trail, &id);
}

/// A task that is dropped where it is woken, as an executor may. Says on which thread that was.
struct DropsWhenWoken(Mutex<Option<Act>>, mpsc::Sender<Option<String>>);

impl Wake for DropsWhenWoken {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
        self.1.send(std::thread::current().name().map(str::to_owned)).unwrap();
    }
}

#[test]
fn an_act_may_be_dropped_on_the_engines_own_thread() {
    must_end();
    let (disk, clock) = (SimDisk::new(), SimClock::new(1));
    let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock) };
    let trail = Trail::open_on(Settings::new("/t"), machine).unwrap();
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let id = act.id().to_owned();
    let (woken, is_woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(DropsWhenWoken(Mutex::new(Some(act)), woken)));
    // Held until the task waits: so the writer must wake it.
    let gate = disk.hold(syncs_live);
    let mut recording = Box::pin(trail.record(Entry::new(Category::Api, "GET /", Outcome::Success)));
    assert!(recording.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    gate.open();
    let woken_on = receive("the task is woken", &is_woken);
    assert_eq!(woken_on.as_deref(), Some("graven-write"));
    abandoned(&trail, &id);
}

#[test]
fn a_begin_that_nobody_waits_for_any_more_is_abandoned_once_it_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    // Never polled: nothing happened.
    drop(trail.begin(intent("tool:never")));
    let mut beginning = Box::pin(trail.begin(intent("tool:bash").id("i")));
    let polled = beginning.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(polled);
    drop(beginning);
    abandoned(&trail, "i");
    assert_eq!(trail.len(), 2);
}

#[test]
fn a_finish_that_nobody_waits_for_is_recorded_as_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    drop(act.finish(Outcome::Denied, Some(json!("no"))));
    let result = stored(&trail).pop().unwrap();
    assert_eq!((result.outcome, result.reason), (Outcome::Denied, None));
    assert_eq!(result.detail.unwrap().as_str(), "\"no\"");
    assert_eq!(trail.len(), 2);
}

#[test]
fn a_result_that_cannot_be_recorded_as_given_leaves_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).blob_bytes_max(100_000)).unwrap();
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let id = act.id().to_owned();
    let error = act.finish_blocking(Outcome::Success, Some(json!("x".repeat(200_000)))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let result = stored(&trail).pop().unwrap();
    assert_eq!((result.outcome, result.intent_id), (Outcome::Success, Some(id)));
    assert!(result.reason.unwrap().contains("100000"), "it says why the detail is not there");
    let pending = Reader::open(folder.path()).unwrap().pending(&mut |_| {}).unwrap();
    assert!(pending.is_empty(), "{pending:?}");
}

#[test]
fn begin_fails_when_the_intent_is_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let error = trail.begin_blocking(Entry::intent(Category::Trail, "mine")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    trail.close_blocking().unwrap();
    assert_eq!(trail.begin_blocking(intent("late")).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn an_act_that_outlives_its_trails_close_stays_pending_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let (left, finished) =
        (trail.begin_blocking(intent("left")).unwrap(), trail.begin_blocking(intent("finished")).unwrap());
    trail.close_blocking().unwrap();
    let error = finished.finish_blocking(Outcome::Success, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    drop(left);
    let pending = Reader::open(folder.path()).unwrap().pending(&mut |_| {}).unwrap();
    let actions: Vec<&str> = pending.iter().map(|intent| &*intent.action).collect();
    assert_eq!(actions, ["left", "finished"]);
    // The abandoned result is counted in the trail, as nobody was told of it. The other's caller knows.
    let again = open(folder.path());
    let gap = stored(&again).pop().unwrap();
    assert_eq!(gap.action, "trail.gap");
    assert_eq!(gap.detail.unwrap().as_str(), r#"{"categories":{"tool_execution":1},"dropped":1}"#);
}

#[test]
fn a_poisoned_trail_leaves_the_act_pending() {
    must_end();
    let (disk, clock) = (SimDisk::new(), SimClock::new(1));
    let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock) };
    let trail = Trail::open_on(Settings::new("/t"), machine.clone()).unwrap();
    let acts: Vec<Act> = (0..2).map(|_| trail.begin_blocking(intent("tool:bash")).unwrap()).collect();
    disk.set_space(Some(0));
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success)).unwrap_err();
    assert!(trail.poisoned().is_some());
    let mut acts = acts.into_iter();
    let error = acts.next().unwrap().finish_blocking(Outcome::Success, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(acts);
    assert_eq!(trail.counters().dropped, 1);
    disk.set_space(None);
    drop(trail);
    let again = Trail::open_on(Settings::new("/t"), machine.clone()).unwrap();
    assert_eq!(
        Reader::open_on(&machine, again.layout().clone()).unwrap().pending(&mut |_| {}).unwrap().len(),
        2
    );
}

#[test]
fn dropping_waits_for_nothing_when_the_queue_is_full() {
    must_end();
    let (disk, clock) = (SimDisk::new(), SimClock::new(1));
    let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(clock) };
    let settings = Settings::new("/t").queue_bytes(0).when_full_for(Category::Api, WhenFull::Drop);
    let trail = Trail::open_on(settings, machine.clone()).unwrap();
    let act = trail.begin_blocking(intent("tool:bash")).unwrap();
    let gate = disk.hold(syncs_live);
    trail.emit(Entry::new(Category::Api, "in the writer's hand", Outcome::Success));
    gate.reached();
    // Until there is no room for a line that is shorter than the result's.
    for bytes in [1 << 14, 1] {
        let dropped = trail.counters().dropped;
        while trail.counters().dropped == dropped {
            trail.emit(Entry::new(Category::Api, "x".repeat(bytes), Outcome::Success));
        }
    }
    // Storage hangs: if this waited for it, it would wait for ever.
    drop(act);
    gate.open();
    trail.flush_blocking().unwrap();
    let gap = stored(&trail).into_iter().find(|entry| entry.action == "trail.gap").unwrap();
    assert!(gap.detail.unwrap().as_str().contains("\"tool_execution\":1"));
    let pending = Reader::open_on(&machine, trail.layout().clone()).unwrap().pending(&mut |_| {}).unwrap();
    assert_eq!(pending.len(), 1, "{pending:?}");
}

#[test]
fn acts_and_their_futures_may_go_to_any_thread() {
    fn sends<T: Send + 'static>(_: &T) {}
    fn shares<T: Send + Sync + 'static>(_: &T) {}
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    let beginning = trail.begin(intent("x"));
    sends(&beginning);
    let act = block_on(beginning).unwrap();
    shares(&act);
    let finishing = act.finish(Outcome::Success, None);
    sends(&finishing);
    let mut finishing = Box::pin(Actor::new("a").scope(finishing));
    sends(&finishing);
    let _polled: Poll<_> = Pin::new(&mut finishing).poll(&mut Context::from_waker(Waker::noop()));
}
