//! `exec` records an intent before the command starts, so that whatever the command does, the trail says that it ran.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;

use crate::deadline::Running;
use crate::run::{Done, Place, line};

fn exec(place: &Place, command: &[&str]) -> Done {
    place.run(["exec", "trail", "--"].into_iter().chain(command.iter().copied()))
}

/// The ids of the acts without a result.
fn pending(place: &Place) -> Vec<Value> {
    let acts = place.run(["pending", "trail", "--json"]).ok().json();
    acts.as_array().unwrap().iter().map(|act| act["id"].clone()).collect()
}

/// The trail has the intent of one act and no result, and is intact.
fn only_an_intent(place: &Place) -> Value {
    let entries = place.entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((&entries[0]["phase"], &entries[0]["outcome"]), (&"intent".into(), &"pending".into()));
    assert_eq!(pending(place), [entries[0]["id"].clone()]);
    place.run(["verify", "trail"]).code(0);
    entries[0].clone()
}

fn pid_of(child: &Running) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

fn first_line(child: &mut Running) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn the_intent_and_the_result_name_each_other_and_both_say_what_ran() {
    let place = Place::with_trail();
    let flags = ["--reason", "because", "--principal", "alice", "--approval", "allowed"];
    let command = ["--", "sh", "-c", "exit 3", "sh", "--password", "hunter2-real"];
    place.run(["exec", "trail"].into_iter().chain(flags).chain(command)).code(3);
    let entries = place.entries();
    let [intent, result] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&intent["phase"], &intent["outcome"]), (&"intent".into(), &"pending".into()));
    assert_eq!((&result["phase"], &result["outcome"]), (&"result".into(), &"failure".into()));
    assert_eq!(result["intent_id"], intent["id"]);
    for (field, value) in [("action", "tool:sh"), ("principal", "alice"), ("reason", "because")] {
        assert_eq!((&intent[field], &result[field]), (&value.into(), &value.into()));
    }
    // It was decided before the act.
    assert_eq!((&intent["approval"]["decision"], result.get("approval")), (&"allowed".into(), None));
    for entry in [intent, result] {
        let argv = &entry["detail"]["argv"];
        assert_eq!((&argv[0], &argv[2]), (&"sh".into(), &"exit 3".into()));
        assert!(argv[5].as_str().unwrap().starts_with("[redacted:"), "{argv}");
        assert!(entry["detail"]["cwd"].is_string());
    }
    assert_eq!((intent["detail"].get("exit_code"), &result["detail"]["exit_code"]), (None, &3.into()));
    assert_eq!(pending(&place), [""; 0]);
}

#[test]
fn a_command_that_kills_its_recorder_is_in_the_trail() {
    for script in ["kill -9 $PPID; exit 0", "kill -9 0"] {
        let place = Place::with_trail();
        let mut command = place.command(["exec", "trail", "--", "sh", "-c", script]);
        // A group of its own: the second script kills all of it.
        let done = Running::start(command.process_group(0)).output();
        assert_eq!(done.status.signal(), Some(9), "{script}");
        assert_eq!(only_an_intent(&place)["detail"]["argv"][2], script);
    }
}

#[test]
fn a_command_that_signals_its_whole_group_gets_its_result() {
    let place = Place::with_trail();
    let mut command = place.command(["exec", "trail", "--", "sh", "-c", "kill -TERM 0; sleep 600"]);
    assert_eq!(Done::of(Running::start(command.process_group(0)).output()).code, Some(128 + 15));
    assert_eq!(place.entries()[1]["detail"]["signal_name"], "SIGTERM");
}

#[test]
fn the_intent_is_durable_before_the_command_starts() {
    let place = Place::with_trail();
    // The command reads the trail that records it.
    let script = format!("{} pending trail", env!("CARGO_BIN_EXE_graven"));
    let said = exec(&place, &["sh", "-c", &script]).ok().text();
    assert!(said.contains("1 act without a result") && said.contains("tool:sh"), "{said}");
}

#[test]
fn a_result_that_cannot_be_written_leaves_the_exit_code_and_a_pending_intent() {
    for (flags, code) in [(&[][..], 7), (&["--strict"], 124), (&["--json"], 7)] {
        let place = Place::with_trail();
        let arguments = ["exec", "trail"].into_iter().chain(flags.iter().copied());
        let mut child = place.start(arguments.chain(["--", "sh", "-c", "echo ready; read line; exit 7"]));
        assert_eq!(first_line(&mut child), "ready\n");
        // From here on no file of graven may grow, as on a full disk.
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        prlimit(Some(pid_of(&child)), Resource::Fsize, none).unwrap();
        child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
        let mut told = String::new();
        child.stderr.as_mut().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{flags:?}: {told}");
        for part in ["exit code 7, could not be recorded", "File too large", "graven pending"] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        if flags == ["--json"] {
            assert!(serde_json::from_str::<Value>(&told).unwrap()["error"].is_string());
        }
        only_an_intent(&place);
    }
}

#[test]
fn a_command_that_takes_the_trail_away_is_in_the_trail() {
    let place = Place::with_trail();
    let done = exec(&place, &["sh", "-c", "mv trail elsewhere; exit 4"]).code(4);
    assert!(done.stderr.contains("could not be recorded"), "{}", done.stderr);
    std::fs::rename(place.path("elsewhere"), place.path("trail")).unwrap();
    only_an_intent(&place);
}

#[test]
fn files_that_may_not_grow_are_told_and_nothing_is_run() {
    let place = Place::with_trail();
    place.feed(["record", "trail", "--stdin"], line("before").repeat(60)).ok();
    let graven = env!("CARGO_BIN_EXE_graven");
    let limited = |arguments: &str| {
        let script = format!("ulimit -f 16; exec {graven} {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(place.path("")).env("XDG_STATE_HOME", place.path("state"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running::start(&mut command);
        // The recorder may stop before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(line("after").repeat(500).as_bytes());
        Done::of(child.output())
    };
    for (arguments, code) in [("record trail --stdin", 2), ("exec trail -- touch ran", 125)] {
        let done = limited(arguments).code(code);
        assert!(done.stderr.contains("File too large"), "{}", done.stderr);
    }
    assert!(!place.path("ran").exists());
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn output_that_may_not_grow_is_told_in_the_result() {
    let place = Place::with_trail();
    let graven = env!("CARGO_BIN_EXE_graven");
    // A program that writes without an end, into a file that may have 1 MiB.
    let script = format!("ulimit -f 2048; exec {graven} exec trail -- yes > yes");
    let mut command = Command::new("sh");
    let done = Running::start(command.args(["-c", &script]).current_dir(place.path(""))).output();
    assert_eq!(done.status.code(), Some(128 + 13));
    let stdout = &place.entries()[1]["detail"]["stdout"];
    assert!(stdout["error"].as_str().unwrap().contains("File too large"), "{stdout}");
}

#[test]
fn the_command_starts_with_default_signals() {
    let place = Place::with_trail();
    // Whatever this process and its parent do with these, the command gets the default. (`trap` cannot ignore SIGCHLD.)
    let mut command = Command::new("env");
    command.args(["--ignore-signal=XFSZ,CHLD,PIPE", env!("CARGO_BIN_EXE_graven"), "exec", "trail", "--"]);
    command.args(["sh", "-c", "grep ^Sig /proc/self/status; exit 5"]);
    command.current_dir(place.path("")).stdin(Stdio::null()).stdout(Stdio::piped());
    let done = Running::start(&mut command).output();
    // Without SIGCHLD a process never learns how its child ended.
    assert_eq!(done.status.code(), Some(5));
    let said = String::from_utf8(done.stdout).unwrap();
    let mask = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    // The numbers of XFSZ, CHLD and PIPE.
    let these = [25, 17, 13].iter().fold(0_u64, |these, signal| these | 1 << (signal - 1));
    assert_eq!((mask("SigBlk:"), mask("SigIgn:") & these), (0, 0), "{said}");
}

#[test]
fn a_working_directory_that_is_not_text_is_kept_exactly() {
    let place = Place::with_trail();
    let dir = place.path("").canonicalize().unwrap().join(OsStr::from_bytes(b"a\xffb"));
    std::fs::create_dir(&dir).unwrap();
    let mut command = place.command(["exec", "../trail", "--", "touch", "../ran"]);
    Done::of(Running::start(command.current_dir(&dir)).output()).ok();
    assert!(place.path("ran").exists());
    let entries = place.entries();
    assert_eq!(entries.len(), 2);
    for detail in entries.iter().map(|entry| &entry["detail"]) {
        assert!(detail["cwd"].as_str().unwrap().ends_with("/a\u{fffd}b"), "{detail}");
        let bytes = graven_core::base64::decode(detail["cwd_base64"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, dir.as_os_str().as_bytes());
    }
    // A secret in its name must not be kept in base64.
    let key = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let secret = place.path("").join(OsStr::from_bytes(&[b"\xff ", key.as_bytes()].concat()));
    std::fs::create_dir(&secret).unwrap();
    let mut command = place.command(["exec", "../trail", "--", "true"]);
    Done::of(Running::start(command.current_dir(&secret)).output()).ok();
    let detail = place.entries()[2]["detail"].clone();
    assert!(detail["cwd"].as_str().unwrap().contains("[redacted:"), "{detail}");
    assert!(detail["cwd_base64"].as_str().unwrap().contains("[redacted:"), "{detail}");
}

#[test]
fn a_working_directory_that_was_deleted_is_no_obstacle() {
    let place = Place::with_trail();
    let (graven, trail) = (env!("CARGO_BIN_EXE_graven"), place.path("trail"));
    let script =
        format!("mkdir gone && cd gone && rmdir ../gone && {graven} exec {} -- true", trail.display());
    let mut command = Command::new("sh");
    Done::of(Running::start(command.args(["-c", &script]).current_dir(place.path(""))).output()).ok();
    assert_eq!(place.entries()[1]["detail"]["cwd"], Value::Null);
}

#[test]
fn arguments_as_many_as_the_system_takes_are_kept() {
    let place = Place::with_trail();
    // Control characters are six times as long in JSON, and what is not UTF-8 is kept twice.
    let long = [vec![1_u8; 100_000], vec![255]].concat();
    let mut command = place.command(["exec", "trail", "--", "true"]);
    Done::of(Running::start(command.args(vec![OsStr::from_bytes(&long); 10])).output()).ok();
    assert_eq!(place.entries().len(), 2);
    let index = (place.stored().len() - 1).to_string();
    let shown = place.run(["show", "trail", "--index", &index, "--json"]).ok().json();
    let detail = if shown["blob"].is_null() { &shown["entry"]["detail"] } else { &shown["blob"] };
    assert_eq!(detail["argv"].as_array().unwrap().len(), 11);
    assert_eq!(detail["argv_base64"][10], graven_core::base64::encode(&long));
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn what_was_not_run_has_both_entries() {
    let place = Place::with_trail();
    place.write("not-a-program", "");
    for (command, code) in [("no-such-command", 127), ("./not-a-program", 126), ("/", 126), ("", 127)] {
        let before = place.entries().len();
        exec(&place, &[command]).code(code);
        let entries = place.entries().split_off(before);
        assert_eq!(entries.len(), 2, "{command}");
        assert_eq!((&entries[0]["phase"], &entries[1]["phase"]), (&"intent".into(), &"result".into()));
        assert_eq!(entries[1]["detail"]["exit_code"], code, "{command}");
    }
    assert_eq!(pending(&place), [""; 0]);
}

#[test]
fn a_stopped_command_is_waited_for() {
    let place = Place::with_trail();
    // It stops itself; its child lets it go on, and ends when it is gone.
    let script = "(while kill -CONT $$; do sleep 0.05; done) 2>/dev/null & kill -STOP $$; exit 5";
    exec(&place, &["sh", "-c", script]).code(5);
    assert_eq!(place.entries()[1]["detail"]["exit_code"], 5);
}

#[test]
fn output_that_stays_open_delays_the_result_until_a_signal() {
    let place = Place::with_trail();
    let mut child = place.start(["exec", "trail", "--", "sh", "-c", "sleep 600 & echo $! $$; exit 3"]);
    let pids: Vec<String> = first_line(&mut child).split_whitespace().map(str::to_owned).collect();
    let [sleeper, shell] = &pids[..] else { panic!("{pids:?}") };
    let gone = std::path::PathBuf::from(format!("/proc/{shell}"));
    until("the command is reaped", || !gone.exists());
    assert_eq!(place.entries().len(), 1, "the result is not there yet");
    kill_process(pid_of(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(place.entries()[1]["detail"]["stdout"]["cut_short"], true);
    kill_process(Pid::from_raw(sleeper.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn two_at_once_beside_another_writer_keep_their_results_apart() {
    let place = Place::empty();
    place.run(["init", "trail", "--segment-bytes", "40000"]).ok();
    let mut both: Vec<Running> = (0..2)
        .map(|code| {
            let script = format!("echo ready; read line; exit {code}");
            let mut child = place.start(["exec", "trail", "--", "sh", "-c", &script]);
            assert_eq!(first_line(&mut child), "ready\n");
            child
        })
        .collect();
    // Several segments, as in hours of work.
    place.feed(["record", "trail", "--stdin"], line("meanwhile").repeat(1_000)).ok();
    for (code, child) in both.iter_mut().enumerate().rev() {
        child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), i32::try_from(code).ok());
    }
    let entries = place.entries();
    let acts: Vec<&Value> = entries.iter().filter(|entry| entry["action"] == "tool:sh").collect();
    assert_eq!((acts.len(), entries.len()), (4, 1_004));
    assert_eq!((&acts[2]["intent_id"], &acts[3]["intent_id"]), (&acts[1]["id"], &acts[0]["id"]));
    assert_eq!(acts[2]["detail"]["exit_code"], 1);
    assert_eq!(pending(&place), [""; 0]);
    place.run(["verify", "trail"]).code(0);
}
