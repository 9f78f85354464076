//! Functions under `#[audited]`: what is recorded of a call, and that the function stays what it was.

// As strict as a program may be: the expansion must be clean too.
#![deny(warnings, clippy::all, clippy::pedantic)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

use graven::{Actor, Category, Entry, Error, Outcome, Phase, Settings, Trail, audited};
use serde::Serialize;
use tempfile::TempDir;

/// A trail of a test's own.
struct Place {
    trail: Trail,
    _folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
        Place { trail, _folder: folder }
    }

    fn entries(&self) -> Vec<Entry> {
        self.trail.flush_blocking().unwrap();
        self.trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap()).collect()
    }

    fn only(&self) -> Entry {
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }

    fn detail(entry: &Entry) -> serde_json::Value {
        serde_json::from_str(entry.detail.as_ref().unwrap().as_str()).unwrap()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// An error of a program's own.
#[derive(Debug)]
enum Trouble {
    Denied,
    Audit(Error),
}

impl Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Denied => f.write_str("access Denied by policy"),
            Trouble::Audit(error) => write!(f, "not on record: {error}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Audit(error)
    }
}

#[audited(
    category = ToolExecution,
    action = "tool:{name}",
    principal = user.to_owned(),
    resource = "{path:?}",
    args(path, count),
    trail = trail
)]
async fn run(
    trail: &Trail,
    name: String,
    path: PathBuf,
    user: &str,
    count: u32,
    secret: &str,
) -> io::Result<usize> {
    // The body consumes what the entry tells of.
    let (name, path) = (drop(name), path.into_os_string());
    let () = name;
    if path.is_empty() {
        return Err(io::Error::other("no path"));
    }
    if count == 0 {
        Err(io::ErrorKind::PermissionDenied)?;
    }
    Ok(path.len() + secret.len())
}

#[audited(category = ToolExecution, action = "{name}", args(name), trail = trail)]
fn long_winded(trail: &Trail, name: &str) -> Result<(), String> {
    Err(name.replace('n', "m"))
}

#[test]
fn texts_that_do_not_fit_the_line_are_whole_beside_the_log() {
    let place = Place::new();
    let name = "née ".repeat(30_000);
    let reason = long_winded(&place.trail, &name).unwrap_err();
    let cut = place.only();
    assert!(cut.action.ends_with("…[cut]") && cut.reason.as_ref().unwrap().ends_with("…[cut]"));
    let whole = place.trail.restored(&cut).unwrap();
    assert!(whole.action == name && whole.reason.as_deref() == Some(&*reason));
    assert_eq!(Place::detail(&whole), serde_json::json!({ "args": { "name": name } }));
}

#[test]
fn a_call_is_one_entry_with_what_was_named_and_nothing_else() {
    let place = Place::new();
    let call = run(&place.trail, "bash".into(), "/tmp".into(), "alice", 3, "hunter2");
    assert_eq!(block_on(call).unwrap(), 11);
    let entry = place.only();
    assert_eq!(
        (&entry.category, &*entry.action, entry.outcome),
        (&Category::ToolExecution, "tool:bash", Outcome::Success)
    );
    assert_eq!((entry.principal.as_deref(), entry.resource.as_deref()), (Some("alice"), Some("\"/tmp\"")));
    assert_eq!(Place::detail(&entry), serde_json::json!({"args": {"path": "/tmp", "count": 3}}));
    assert!(entry.duration_ms.is_some() && entry.reason.is_none() && entry.phase.is_none());
}

#[test]
fn an_error_is_a_failure_and_one_that_says_denied_a_denial() {
    let place = Place::new();
    block_on(run(&place.trail, "bash".into(), "".into(), "alice", 3, "")).unwrap_err();
    block_on(run(&place.trail, "bash".into(), "x".into(), "alice", 0, "")).unwrap_err();
    let entries = place.entries();
    assert_eq!((entries[0].outcome, entries[0].reason.as_deref()), (Outcome::Failure, Some("no path")));
    assert_eq!(
        (entries[1].outcome, entries[1].reason.as_deref()),
        (Outcome::Denied, Some("permission denied"))
    );
}

#[audited(category = Config, trail = trail)]
fn set(trail: &Trail, key: &str) -> Result<(), Trouble> {
    if key == "root" { Err(Trouble::Denied) } else { Ok(()) }
}

#[test]
fn a_function_that_is_not_async_is_recorded_under_its_name() {
    let place = Place::new();
    set(&place.trail, "a").unwrap();
    set(&place.trail, "root").unwrap_err();
    let entries = place.entries();
    assert_eq!((&*entries[0].action, entries[0].outcome), ("set", Outcome::Success));
    assert_eq!(
        (entries[1].outcome, entries[1].reason.as_deref()),
        (Outcome::Denied, Some("access Denied by policy"))
    );
    assert_eq!(entries[0].detail, None, "no argument was named");
}

/// A thing with methods.
struct Store {
    trail: Trail,
    values: Vec<String>,
}

impl Store {
    /// Adds one.
    #[audited(category = "billing", action = "store:add", args(value), trail = &self.trail)]
    fn add<T>(&mut self, value: T) -> &mut String
    where
        T: Into<String> + Serialize,
    {
        self.values.push(value.into());
        self.values.last_mut().unwrap()
    }

    #[audited(category = Session, action = "store:{{first}}", resource = self.values.first(), trail = self.trail.clone())]
    async fn first(&self) -> Option<&str> {
        self.values.first().map(String::as_str)
    }

    #[audited(category = Session, trail = self.trail.clone())]
    async fn consume(mut self) -> Vec<String> {
        self.values.sort();
        self.values
    }
}

#[test]
fn methods_may_borrow_change_and_consume_their_thing() {
    let place = Place::new();
    let mut store = Store { trail: place.trail.clone(), values: vec![] };
    store.add("b").push('!');
    store.add(String::from("a"));
    assert_eq!(block_on(store.first()), Some("b!"));
    assert_eq!(block_on(store.consume()), ["a", "b!"]);
    let entries = place.entries();
    assert_eq!(entries[0].category, Category::custom("billing").unwrap());
    assert_eq!(Place::detail(&entries[1]), serde_json::json!({"args": {"value": "a"}}));
    assert_eq!((&*entries[2].action, entries[2].resource.as_deref()), ("store:{first}", Some("b!")));
    assert_eq!((&*entries[3].action, entries[3].outcome), ("consume", Outcome::Success));
}

#[audited(category = Swarm, trail = trail)]
fn numbers(trail: &Trail, limit: u32) -> impl Iterator<Item = u32> + use<> {
    let _ = trail;
    (0..limit).filter(|n| n % 2 == 0)
}

#[audited(category = Swarm, trail = trail)]
async fn shown<T: Display + Send>(trail: &Trail, what: T) -> Result<impl Display + use<T>, Trouble> {
    let text = what.to_string();
    if text.is_empty() {
        return Err(Trouble::Denied);
    }
    Ok(text)
}

#[audited(category = Swarm, trail = trail)]
async fn boxed(
    trail: &Trail,
    fail: bool,
) -> Result<Box<dyn Display + Send>, Box<dyn std::error::Error + Send + Sync>> {
    // Both are made into what the signature says.
    if fail { Err("no".into()) } else { Ok(Box::new(1)) }
}

#[audited(category = Swarm, trail = trail)]
fn nothing(trail: &Trail, mut n: u32, (a, b): (u32, u32)) {
    n += a + b;
    assert!(n > 0);
}

#[test]
fn return_types_without_a_name_and_patterns_stay_what_they_are() {
    let place = Place::new();
    assert_eq!(numbers(&place.trail, 5).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(block_on(shown(&place.trail, 7)).unwrap().to_string(), "7");
    assert!(block_on(shown(&place.trail, "")).is_err());
    assert_eq!(block_on(boxed(&place.trail, false)).unwrap().to_string(), "1");
    assert!(block_on(boxed(&place.trail, true)).is_err());
    nothing(&place.trail, 0, (1, 2));
    let outcomes: Vec<Outcome> = place.entries().iter().map(|entry| entry.outcome).collect();
    let (good, bad) = (Outcome::Success, Outcome::Failure);
    assert_eq!(outcomes, [good, good, Outcome::Denied, good, bad, good]);
}

/// Says nothing of itself.
struct Mute;

#[audited(category = Swarm, trail = trail)]
fn mute(trail: &Trail) -> Result<(), Mute> {
    let _ = trail;
    Err(Mute)
}

#[audited(category = Swarm, action = String::from("own"), principal = None::<String>, trail = Some(trail.clone()))]
fn generic<T, E>(trail: &Trail, result: Result<T, E>) -> Result<T, E> {
    result
}

#[test]
fn an_error_without_a_text_is_a_failure_all_the_same() {
    let place = Place::new();
    assert!(mute(&place.trail).is_err());
    generic(&place.trail, Err::<(), _>("denied")).unwrap_err();
    generic(&place.trail, Ok::<_, Mute>(1)).ok().unwrap();
    let entries = place.entries();
    let told: Vec<_> = entries.iter().map(|entry| (entry.outcome, entry.reason.as_deref())).collect();
    // Nothing is known there of a type that may be anything.
    assert_eq!(told, [(Outcome::Failure, None), (Outcome::Failure, None), (Outcome::Success, None)]);
}

/// Names that the expansion has, too.
#[audited(category = Auth, action = "{entry} {call}", args(entry, output), trail = act)]
async fn shadows(act: &Trail, entry: u32, call: u32, output: u32, verdict: u32, error: u32) -> u32 {
    let (begin, end) = (entry, call);
    let _ = act;
    begin + end + output + verdict + error
}

#[test]
fn no_name_of_ours_is_in_the_way() {
    let place = Place::new();
    assert_eq!(block_on(shadows(&place.trail, 1, 2, 3, 4, 5)), 15);
    assert_eq!(place.only().action, "1 2");
    assert_eq!(Place::detail(&place.only()), serde_json::json!({"args": {"entry": 1, "output": 3}}));
}

#[test]
fn a_panic_and_a_cancelled_future_are_abandoned_calls() {
    #[audited(category = Auth, trail = trail)]
    async fn hangs(trail: &Trail) {
        std::future::pending::<()>().await;
    }
    #[audited(category = Auth, trail = trail)]
    fn breaks(trail: &Trail, now: bool) -> u32 {
        assert!(!now, "broken");
        1
    }
    let place = Place::new();
    let mut hanging = Box::pin(hangs(&place.trail));
    assert!(hanging.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(hanging);
    catch_unwind(AssertUnwindSafe(|| breaks(&place.trail, true))).unwrap_err();
    for entry in place.entries() {
        assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Failure, Some("abandoned")));
    }
    assert_eq!(place.entries().len(), 2);
}

#[test]
fn who_acts_is_the_actor_of_the_call_unless_it_is_said() {
    let place = Place::new();
    let alice = Actor::new("alice").session_id("s");
    alice.enter(|| set(&place.trail, "a")).unwrap();
    block_on(alice.scope(run(&place.trail, "x".into(), "y".into(), "bob", 1, ""))).unwrap();
    alice.enter(|| generic(&place.trail, Ok::<_, Mute>(1))).ok().unwrap();
    let entries = place.entries();
    let who: Vec<_> = entries.iter().map(|entry| entry.principal.as_deref().unwrap()).collect();
    assert_eq!(who, ["alice", "bob", "alice"]);
    assert!(entries.iter().all(|entry| entry.session_id.as_deref() == Some("s")));
}

#[audited(category = Sandbox, action = "sandbox:{what}", args(what), intent, trail = trail)]
async fn guarded(trail: &Trail, what: &str, ran: &Mutex<u32>) -> Result<u32, Trouble> {
    *lock(ran) += 1;
    // Durable already.
    assert_eq!(trail.len() % 2, 1);
    if what == "rm" {
        return Err(Trouble::Denied);
    }
    Ok(1)
}

#[audited(category = Sandbox, intent, trail = trail)]
fn guarded_here(trail: &Trail, ran: &mut u32) -> Result<u32, Box<dyn std::error::Error>> {
    *ran += 1;
    assert_eq!(trail.len() % 2, 1);
    Ok("12".parse()?)
}

fn lock(number: &Mutex<u32>) -> MutexGuard<'_, u32> {
    number.lock().unwrap()
}

#[test]
fn with_intent_there_is_an_entry_before_and_one_after() {
    let place = Place::new();
    let ran = Mutex::new(0);
    assert_eq!(block_on(guarded(&place.trail, "ls", &ran)).unwrap(), 1);
    assert!(matches!(block_on(guarded(&place.trail, "rm", &ran)), Err(Trouble::Denied)));
    let mut here = 0;
    assert_eq!(guarded_here(&place.trail, &mut here).unwrap(), 12);
    assert_eq!((*lock(&ran), here), (2, 1));
    let entries = place.entries();
    assert_eq!(entries.len(), 6);
    for pair in entries.chunks(2) {
        assert_eq!((pair[0].phase, pair[0].outcome), (Some(Phase::Intent), Outcome::Pending));
        assert_eq!((pair[1].phase, &pair[1].intent_id), (Some(Phase::Result), &pair[0].id));
        assert_eq!(pair[0].action, pair[1].action);
    }
    assert_eq!(Place::detail(&entries[0]), serde_json::json!({"args": {"what": "ls"}}));
    assert_eq!(
        (entries[3].outcome, entries[3].reason.as_deref()),
        (Outcome::Denied, Some("access Denied by policy"))
    );
}

#[test]
fn without_a_durable_intent_nothing_is_run() {
    let place = Place::new();
    let ran = Mutex::new(0);
    place.trail.close_blocking().unwrap();
    let error = block_on(guarded(&place.trail, "ls", &ran)).unwrap_err();
    assert!(matches!(&error, Trouble::Audit(error) if error.kind() == graven::ErrorKind::Closed), "{error}");
    let mut here = 0;
    guarded_here(&place.trail, &mut here).unwrap_err();
    assert_eq!((*lock(&ran), here), (0, 0));
    // Without an intent it is run, and counted as lost.
    set(&place.trail, "a").unwrap();
    assert_eq!(place.trail.counters().dropped, 1);
}

#[test]
fn futures_stay_sendable_and_lazy() {
    fn sends<T: Send>(future: T) -> Pin<Box<T>> {
        Box::pin(future)
    }
    let place = Place::new();
    let ran = Mutex::new(0);
    let (one, two) = (
        sends(run(&place.trail, "x".into(), Path::new("y").into(), "bob", 1, "")),
        sends(guarded(&place.trail, "ls", &ran)),
    );
    assert_eq!(place.trail.len(), 0);
    block_on(one).unwrap();
    drop(two);
    assert_eq!((place.entries().len(), *lock(&ran)), (1, 0));
}
