//! Real processes: one that was stopped, one that was killed, one that repairs, and a program of version 0.1.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use graven::disk::OsDisk;
use graven::layout::Layout;
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, Trail, WhenFull};

use super::another_disk::AnotherDisk;
use crate::support::locking::hold;
use crate::support::patience::{must_end, receive};
use crate::support::{another_process, assert_intact};

/// Names the trail to the other process.
const OTHER: &str = "GRAVEN_TEST_OTHER_WRITER";

/// Before each line for the first process.
const MARK: &str = "@ ";

fn entry() -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success)
}

/// Another process, which runs the same test and does as it is told.
struct Other {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Other {
    fn start(test: &str, dir: &Path) -> Other {
        must_end();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(OTHER, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (send, answers) = channel();
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some(answer) = line.strip_prefix(MARK) {
                    let _nobody_asks_any_more = send.send(answer.to_owned());
                }
            }
        });
        let other = Other { child, orders, answers };
        assert_eq!(other.answer(), "open");
        other
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn answer(&self) -> String {
        receive("an answer of the other process", &self.answers)
    }

    fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// In the other process: does what the first says. `false` in the first process.
fn is_other() -> bool {
    let Some(dir) = std::env::var_os(OTHER) else { return false };
    must_end();
    let held = Arc::new((AtomicBool::new(false), Mutex::new(false), Condvar::new()));
    let before_sync = {
        let held = Arc::clone(&held);
        move |path: &Path| {
            // Not the publisher's files.
            if path.ends_with("audit.jsonl") && held.0.load(Ordering::Relaxed) {
                eprintln!("{MARK}in a commit");
                let go_on = held.1.lock().unwrap();
                drop(held.2.wait_while(go_on, |go_on| !*go_on).unwrap());
            }
        }
    };
    let disk = AnotherDisk { number: u64::MAX - 2, before_sync: Arc::new(before_sync) };
    let machine = Machine { disk: Arc::new(disk), clock: Machine::os().clock };
    let trail = Trail::open_on(Settings::new(dir), machine).unwrap();
    eprintln!("{MARK}open");
    for order in std::io::stdin().lines() {
        match order.unwrap().as_str() {
            "record" => eprintln!("{MARK}{}", trail.record_blocking(entry()).unwrap().index),
            "record and hold" => {
                held.0.store(true, Ordering::Relaxed);
                let trail = trail.clone();
                thread::spawn(move || {
                    let recorded = trail.record_blocking(entry().id("held"));
                    eprintln!("{MARK}{}", recorded.map_or(u64::MAX, |receipt| receipt.index));
                });
            }
            "go on" => {
                held.0.store(false, Ordering::Relaxed);
                *held.1.lock().unwrap() = true;
                held.2.notify_all();
            }
            "close" => {
                trail.close_blocking().unwrap();
                eprintln!("{MARK}closed");
            }
            other => panic!("what is {other:?}?"),
        }
    }
    true
}

fn actions(trail: &Trail) -> Vec<String> {
    trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action).collect()
}

#[test]
fn two_processes_record_in_turn_and_the_last_one_closes() {
    if is_other() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let mut other = Other::start(
        "many_writers::processes::two_processes_record_in_turn_and_the_last_one_closes",
        folder.path(),
    );
    for index in 0..20 {
        if index % 3 == 0 {
            assert_eq!(other.ask("record"), index.to_string());
        } else {
            assert_eq!(trail.record_blocking(entry()).unwrap().index, index);
        }
    }
    let closed = folder.path().join("closed");
    trail.close_blocking().unwrap();
    assert!(!closed.exists());
    assert_eq!(other.ask("record"), "20");
    assert_eq!(other.ask("close"), "closed");
    assert!(closed.exists());
    assert_intact(&Layout::in_dir(folder.path()));
}

#[test]
fn while_a_process_is_stopped_in_a_commit_callers_of_another_are_told_so_in_time() {
    if is_other() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path()).when_full(WhenFull::Wait(Duration::from_millis(200)));
    let trail = Trail::open(settings).unwrap();
    let mut other = Other::start(
        "many_writers::processes::while_a_process_is_stopped_in_a_commit_callers_of_another_are_told_so_in_time",
        folder.path(),
    );
    assert_eq!(trail.record_blocking(entry()).unwrap().index, 0);
    trail.checkpoint_blocking().unwrap();
    // Outside a commit it stands in nobody's way.
    other.signal("-STOP");
    assert_eq!(trail.record_blocking(entry()).unwrap().index, 1);
    trail.checkpoint_blocking().unwrap();
    other.signal("-CONT");
    assert_eq!(other.ask("record and hold"), "in a commit");
    other.signal("-STOP");
    let errors = [
        trail.record_blocking(entry().id("late")).unwrap_err(),
        trail.refresh_blocking().unwrap_err(),
        trail.flush_blocking().unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.may_be_recorded()), (ErrorKind::TimedOut, true), "{}", error.chain());
        let says = format!("process {} is in the middle of a commit", other.child.id());
        assert!(error.to_string().contains(&says), "{error}");
    }
    // What is in memory is still answered.
    assert_eq!(trail.len(), 2);
    other.signal("-CONT");
    other.tell("go on");
    assert_eq!(other.answer(), "2");
    // The entry that was late is recorded, and all goes on.
    crate::support::patience::until("the late entry", || trail.len() == 4);
    assert_eq!(other.ask("record"), "4");
    assert_eq!(other.ask("close"), "closed");
    trail.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(folder.path()));
    let again = Trail::open(Settings::new(folder.path())).unwrap();
    assert!(
        again.record_blocking(entry()).unwrap().index == 5
            && !actions(&again).contains(&"trail.recovered".into())
    );
}

#[test]
fn what_a_killed_process_left_is_mended_by_another_that_goes_on() {
    if is_other() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let mut other = Other::start(
        "many_writers::processes::what_a_killed_process_left_is_mended_by_another_that_goes_on",
        folder.path(),
    );
    assert_eq!(trail.record_blocking(entry()).unwrap().index, 0);
    assert_eq!(other.ask("record"), "1");
    assert_eq!(other.ask("record and hold"), "in a commit");
    other.signal("-KILL");
    other.child.wait().unwrap();
    // Its entry was written, and nobody knows whether it was durable.
    assert_eq!(trail.record_blocking(entry()).unwrap().index, 4);
    assert_eq!(trail.receipt_blocking(2).unwrap().id, "held");
    assert_eq!(actions(&trail).iter().filter(|action| *action == "trail.recovered").count(), 1);
    trail.close_blocking().unwrap();
    assert!(folder.path().join("closed").exists());
    assert_intact(&Layout::in_dir(folder.path()));
}

/// A program of version 0.1 holds `LOCK` exclusively, and says who it is.
#[test]
fn a_program_of_version_0_1_stays_out_and_keeps_others_out() {
    if let Some(dir) = another_process::held_trail() {
        another_process::assert_refused(Trail::repair(Settings::new(&dir)));
        return another_process::assert_refused(Trail::open(Settings::new(dir)));
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = Layout::in_dir(folder.path()).lock();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    trail.record_blocking(entry()).unwrap();
    assert!(hold(&OsDisk, &lock).unwrap().is_none(), "it comes in beside version 1");
    trail.close_blocking().unwrap();
    let held = hold(&OsDisk, &lock).unwrap().expect("nobody is there");
    std::fs::write(&lock, format!("process {}\n", std::process::id())).unwrap();
    let test = "many_writers::processes::a_program_of_version_0_1_stays_out_and_keeps_others_out";
    another_process::assert_told_who_holds(test, folder.path());
    drop(held);
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    assert_eq!(trail.record_blocking(entry()).unwrap().index, 1);
    trail.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(folder.path()));
}
