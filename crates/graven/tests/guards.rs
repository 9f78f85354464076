//! A guard in `main` closes the trail and the audit log of the process. Each test is a process of its own, because a
//! process has one of each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test makes its own folders")]

#[path = "it/support/patience.rs"]
#[expect(dead_code, reason = "not every wait is needed here")]
mod patience;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use std::{env, thread};

use graven::audit::{self, AuditCategory, AuditLog, AuditOutcome, init_audit_log};
use graven::clock::sim::SimClock;
use graven::disk::sim::{Fault, Op, SimDisk};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{
    Category, Entry, ErrorKind, Guard, LastingTrail, Machine, Outcome, Settings, Trail, WhenFull, block_on,
    init_trail,
};
use graven_core::verdict::Verdict;

/// Set for the process of a test.
const CHILD: &str = "GUARDS_CHILD";

/// Runs what a test does in a process of its own, in a folder of its own. `None` in the process that started it.
fn in_a_process_of_its_own(test: &str) -> Option<PathBuf> {
    patience::must_end();
    if let Some(folder) = env::var_os(CHILD) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{test} is not a test: {said}");
    None
}

fn entry(action: &str) -> Entry {
    Entry::new(Category::Api, action, Outcome::Success)
}

/// Checks that the trail is closed, and that its `entries` entries are under the signed checkpoint.
#[track_caller]
fn check_sealed(machine: &Machine, layout: &Layout, entries: u64) {
    let stats = Reader::open_on(machine, layout.clone()).unwrap().stats().unwrap();
    assert_eq!((stats.entries, stats.sealed, stats.closed), (entries, entries, true));
    let report = fsck::verify(machine, layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
    assert_eq!(report.verdict, Verdict::Intact);
}

#[track_caller]
fn check_dir(dir: &Path, entries: u64) {
    check_sealed(&Machine::os(), &Layout::in_dir(dir), entries);
}

#[test]
fn what_was_emitted_is_sealed_also_in_a_trail_that_came_after_the_guard() {
    let Some(folder) =
        in_a_process_of_its_own("what_was_emitted_is_sealed_also_in_a_trail_that_came_after_the_guard")
    else {
        return;
    };
    let (first, second, dir) = (graven::guard(), graven::guard(), folder.join("trail"));
    // There is nothing to close yet.
    graven::guard().close().unwrap();
    init_trail(Trail::open(Settings::new(&dir)).unwrap()).unwrap();
    let trail = graven::default_trail().unwrap();
    (0..1_000).for_each(|_| trail.emit(entry("emitted")));
    drop(first);
    check_dir(&dir, 1_000);
    assert_eq!(trail.record_blocking(entry("late")).unwrap_err().kind(), ErrorKind::Closed);
    trail.emit(entry("late"));
    // Once more is nothing more.
    second.close().unwrap();
    check_dir(&dir, 1_000);
}

#[test]
fn a_panic_in_main_closes_too() {
    let Some(folder) = in_a_process_of_its_own("a_panic_in_main_closes_too") else { return };
    let dir = folder.join("trail");
    let main = || {
        let _guard = graven::guard();
        init_trail(Trail::open(Settings::new(&dir)).unwrap()).unwrap();
        graven::default_trail().unwrap().emit(entry("emitted"));
        panic!("the program fails");
    };
    let ended: thread::Result<()> = catch_unwind(AssertUnwindSafe(main));
    ended.unwrap_err();
    check_dir(&dir, 1);
}

#[test]
fn the_audit_log_is_closed_and_keeps_its_newest_entries_in_memory() {
    let Some(folder) =
        in_a_process_of_its_own("the_audit_log_is_closed_and_keeps_its_newest_entries_in_memory")
    else {
        return;
    };
    let guard = audit::guard();
    init_audit_log(AuditLog::new(128, Some(folder.join("audit.jsonl")))).unwrap();
    let log = audit::audit_log();
    let record =
        |action: &str| block_on(log.log(AuditCategory::Api, action, AuditOutcome::Success, None, None));
    record("in time");
    drop(guard);
    let layout = Layout::beside_live(folder.join("audit.jsonl"));
    check_sealed(&Machine::os(), &layout, 1);
    let mut late = block_on(log.recent(1)).remove(0);
    assert_eq!(late.action, "in time");
    "late".clone_into(&mut late.action);
    let error = block_on(log.try_record(late)).unwrap_err();
    assert_eq!((error.kind(), log.failures()), (ErrorKind::Closed, 1));
    // In memory only: nothing opens the file again.
    assert_eq!(block_on(log.recent(2))[0].action, "late");
    check_sealed(&Machine::os(), &layout, 1);
    audit::guard().close().unwrap();
}

#[test]
fn the_guard_of_the_trail_closes_the_audit_log_as_well() {
    let Some(folder) = in_a_process_of_its_own("the_guard_of_the_trail_closes_the_audit_log_as_well") else {
        return;
    };
    let guard = graven::guard();
    init_audit_log(AuditLog::new(128, Some(folder.join("audit.jsonl")))).unwrap();
    graven::default_trail().unwrap().emit(entry("emitted"));
    guard.close().unwrap();
    check_sealed(&Machine::os(), &Layout::beside_live(folder.join("audit.jsonl")), 1);
}

#[test]
fn a_log_without_its_file_says_why_it_cannot_be_closed() {
    let Some(folder) = in_a_process_of_its_own("a_log_without_its_file_says_why_it_cannot_be_closed") else {
        return;
    };
    std::fs::write(folder.join("file"), "not a folder").unwrap();
    init_audit_log(AuditLog::new(128, Some(folder.join("file/audit.jsonl")))).unwrap();
    let error = audit::guard().close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    // It is closed for good, so the file is not tried again.
    let late = block_on(async {
        audit::audit_log().log(AuditCategory::Api, "late", AuditOutcome::Success, None, None).await;
        audit::audit_log().recent(1).await.remove(0)
    });
    let error = block_on(audit::audit_log().try_record(late)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
}

/// A machine whose disk can fail and hang.
fn simulated() -> (SimDisk, Machine) {
    let disk = SimDisk::new();
    let machine = Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(1)) };
    (disk, machine)
}

#[test]
fn a_failure_is_the_answer_of_close_unless_the_trail_was_opened_again() {
    let Some(_) =
        in_a_process_of_its_own("a_failure_is_the_answer_of_close_unless_the_trail_was_opened_again")
    else {
        return;
    };
    let (disk, machine) = simulated();
    let trail = Trail::open_on(Settings::new("/t"), machine.clone()).unwrap();
    init_trail(trail.clone()).unwrap();
    let lasting = LastingTrail::from(trail.clone());
    disk.inject(Fault::on(Op::SyncData).forever());
    trail.record_blocking(entry("lost")).unwrap_err();
    let poison = trail.poisoned().unwrap();
    assert_eq!(graven::guard().close().unwrap_err().to_string(), poison.to_string());

    disk.heal();
    block_on(lasting.record(entry("kept"))).unwrap();
    graven::guard().close().unwrap();
    let stats = Reader::open_on(&machine, Layout::in_dir("/t")).unwrap().stats().unwrap();
    assert_eq!((stats.closed, stats.unsealed), (true, 0));
}

#[test]
fn it_waits_for_slow_storage_although_callers_do_not() {
    let Some(_) = in_a_process_of_its_own("it_waits_for_slow_storage_although_callers_do_not") else {
        return;
    };
    let (disk, machine) = simulated();
    let settings = Settings::new("/t").when_full(WhenFull::Wait(Duration::from_millis(1)));
    let trail = Trail::open_on(settings, machine.clone()).unwrap();
    init_trail(trail.clone()).unwrap();
    let gate = disk.hold(|step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
    trail.emit(entry("slow"));
    gate.reached();
    let closing = thread::spawn(|| graven::guard().close());
    // Polled once only: the clock of this trail stands still, so no deadline ends a wait for its storage.
    patience::until("the guard has ended the queue", || {
        let once = pin!(trail.record(entry("late"))).poll(&mut Context::from_waker(Waker::noop()));
        matches!(once, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Closed)
    });
    thread::sleep(Duration::from_millis(50));
    gate.open();
    closing.join().unwrap().unwrap();
    let stats = Reader::open_on(&machine, Layout::in_dir("/t")).unwrap().stats().unwrap();
    assert!(stats.closed && stats.unsealed == 0, "{stats:?}");
}

/// Ends a guard where it is woken, and says how that went.
struct Ends(Mutex<Option<(Guard, mpsc::Sender<Ended>)>>);

/// Whether the thread belongs to a trail, and what closing there says.
type Ended = (bool, Result<(), graven::Error>);

impl Wake for Ends {
    fn wake(self: Arc<Self>) {
        if let Some((guard, ended)) = self.0.lock().unwrap().take() {
            ended.send((graven::on_a_trails_thread(), guard.close())).unwrap();
        }
    }
}

#[test]
fn on_a_thread_of_the_trail_nothing_is_waited_for_and_the_trail_closes_by_itself() {
    let Some(_) = in_a_process_of_its_own(
        "on_a_thread_of_the_trail_nothing_is_waited_for_and_the_trail_closes_by_itself",
    ) else {
        return;
    };
    let (disk, machine) = simulated();
    let trail = Trail::open_on(Settings::new("/t"), machine.clone()).unwrap();
    init_trail(trail.clone()).unwrap();
    let gate = disk.hold(|step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
    let (sender, ended) = mpsc::channel();
    let waker = Waker::from(Arc::new(Ends(Mutex::new(Some((graven::guard(), sender))))));
    let mut recording = pin!(trail.record(entry("recorded")));
    assert!(recording.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    gate.open();
    let (ours, closed) = patience::receive("the guard is ended by a waker", &ended);
    assert!(ours, "the writer wakes");
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::TimedOut);
    patience::until("the trail closes by itself", || disk.contents("/t/closed").is_ok());
}
