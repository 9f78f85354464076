//! `exec` does not disturb the command that it runs, and records that it ran.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use crate::deadline::Running;
use crate::run::{Done, Place};

fn exec(place: &Place, command: &[&str]) -> Done {
    place.run(["exec", "trail", "--"].into_iter().chain(command.iter().copied()))
}

fn last(place: &Place) -> Value {
    place.entries().pop().unwrap()
}

fn sha256_hex(bytes: &[u8]) -> String {
    graven_core::hash::sha256(bytes).to_hex()
}

#[test]
fn output_and_exit_code_pass_and_are_recorded() {
    let place = Place::with_trail();
    let done = exec(&place, &["sh", "-c", "printf 'out\\0\\377'; printf err >&2; exit 7"]).code(7);
    assert_eq!(done.stdout, b"out\0\xff");
    assert_eq!(done.stderr, "err");
    let entry = last(&place);
    assert_eq!(entry["category"], "tool_execution");
    assert_eq!(entry["action"], "tool:sh");
    assert_eq!(entry["outcome"], "failure");
    assert!(entry["duration_ms"].is_u64());
    let detail = &entry["detail"];
    assert_eq!(detail["argv"][0], "sh");
    assert_eq!(detail["exit_code"], 7);
    assert_eq!(detail["cwd"], place.path("").canonicalize().unwrap().to_str().unwrap());
    assert_eq!(detail["stdout"]["bytes"], 5);
    assert_eq!(detail["stdout"]["sha256"], sha256_hex(b"out\0\xff"));
    assert_eq!(detail["stderr"]["bytes"], 3);
    assert_eq!(detail["stderr"]["sha256"], sha256_hex(b"err"));
    assert_eq!(place.entries().len(), 2);
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn a_text_that_does_not_fit_the_line_is_cut_and_show_has_it_whole() {
    let place = Place::with_trail();
    let reason = "because-".repeat(10_000);
    place.run(["exec", "trail", "--reason", &reason, "--", "true"]).ok();
    assert!(last(&place)["reason"].as_str().unwrap().ends_with("…[cut]"));
    let index = (place.stored().len() - 1).to_string();
    let shown = place.run(["show", "trail", "--index", &index]).ok().text();
    assert!(shown.contains(&reason) && shown.contains("exit_code"));
    let shown = place.run(["show", "trail", "--index", &index, "--json"]).ok().json();
    assert_eq!(shown["blob"]["cut"]["reason"], reason);
    let detail: Value = serde_json::from_str(shown["blob"]["cut"]["detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail["exit_code"], 0);
    place.run(["verify", "trail"]).code(0);
}

#[test]
fn a_success_is_a_success_and_input_reaches_the_command() {
    let place = Place::with_trail();
    let input = "some input\n".repeat(50_000);
    let done = place.feed(["exec", "trail", "--", "cat"], &input).ok();
    assert_eq!(done.text(), input);
    assert_eq!(last(&place)["outcome"], "success");
    assert_eq!(last(&place)["detail"]["stdout"]["sha256"], sha256_hex(input.as_bytes()));
}

#[test]
fn principal_and_action_can_be_set() {
    let place = Place::with_trail();
    let done =
        place.run("exec trail --principal alice --action deploy --session-id s1 --json -- true".split(' '));
    let receipt: Value = serde_json::from_str(&done.stderr).unwrap();
    let entry = last(&place);
    assert_eq!(receipt["id"], entry["id"]);
    assert_eq!((&entry["principal"], &entry["action"]), (&"alice".into(), &"deploy".into()));
    assert_eq!(entry["session_id"], "s1");
}

#[test]
fn a_command_that_may_not_be_run_is_denied() {
    let place = Place::with_trail();
    place.write("script.sh", "#!/bin/sh\necho ran\n");
    std::fs::set_permissions(place.path("script.sh"), PermissionsExt::from_mode(0o600)).unwrap();
    let done = exec(&place, &["./script.sh"]).code(126);
    assert_eq!(done.text(), "");
    assert_eq!(last(&place)["outcome"], "denied");
}

#[test]
fn a_command_that_does_not_exist_is_a_failure() {
    let place = Place::with_trail();
    exec(&place, &["no-such-command-anywhere"]).code(127);
    let entry = last(&place);
    assert_eq!(entry["outcome"], "failure");
    assert!(entry["detail"]["error"].is_string());
}

#[test]
fn a_signal_that_ends_the_command_is_recorded() {
    let place = Place::with_trail();
    exec(&place, &["sh", "-c", "kill -KILL $$"]).code(128 + 9);
    let entry = last(&place);
    assert_eq!(entry["outcome"], "failure");
    assert_eq!(entry["detail"]["signal"], 9);
    assert_eq!(entry["detail"]["signal_name"], "SIGKILL");
}

#[test]
fn signals_are_passed_on() {
    let place = Place::with_trail();
    for (signal, number, code) in [
        ("TERM", SIGTERM, 11),
        ("INT", SIGINT, 12),
        ("HUP", SIGHUP, 13),
        ("USR1", SIGUSR1, 14),
        ("USR2", SIGUSR2, 15),
        ("QUIT", SIGQUIT, 16),
    ] {
        // In the background, this process and its children may ignore the signal. Children do not ignore a signal that
        // their parent handles, so handle it here, with its default action.
        let handled = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(number, handled).unwrap();
        // The script ends by itself when the signal never comes, so it does not run for ever.
        let script = format!(
            "trap 'exit {code}' {signal}; echo ready; for i in $(seq 6000); do sleep 0.02; done; exit 99"
        );
        let mut child = place.start(["exec", "trail", "--", "sh", "-c", &script]);
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(last(&place)["detail"]["exit_code"], code);
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let place = Place::with_trail();
    // The shell ignores SIGHUP as nohup does, and so must all its children.
    let script = format!(
        "trap '' HUP; exec {} exec trail -- sh -c 'echo $PPID; read line; exit 3'",
        env!("CARGO_BIN_EXE_graven")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(place.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Running::start(&mut command);
    let mut pid = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
    assert!(Command::new("kill").args(["-HUP", pid.trim()]).status().unwrap().success());
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn nothing_is_run_when_nothing_can_be_recorded() {
    let place = Place::with_trail();
    // As a program of version 0.1 has it, or one with `Settings::exclusive`.
    let alone = std::fs::File::options().write(true).open(place.path("trail/LOCK")).unwrap();
    alone.try_lock().unwrap();
    let done = exec(&place, &["touch", "ran"]).code(125);
    assert!(done.stderr.contains("nothing was run"), "{}", done.stderr);
    assert!(!place.path("ran").exists());
    drop(alone);
    place.run(["exec", "nowhere", "--", "touch", "ran"]).code(125);
    assert!(!place.path("ran").exists());
}

#[test]
fn the_command_notices_that_its_reader_has_gone() {
    let place = Place::with_trail();
    let mut child = place.start(["exec", "trail", "--", "yes"]);
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    // SIGPIPE ends `yes`, as it does without `graven exec`.
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13));
    assert_eq!(last(&place)["detail"]["signal_name"], "SIGPIPE");
}

#[test]
fn output_can_be_passed_on_directly() {
    let place = Place::with_trail();
    let done = place.run(["exec", "trail", "--no-output", "--", "echo", "hello"]).ok();
    assert_eq!(done.text(), "hello\n");
    assert_eq!(last(&place)["detail"].get("stdout"), None);
}

#[test]
fn arguments_that_are_not_text_are_kept_exactly() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_trail();
    let odd = std::ffi::OsStr::from_bytes(b"a\xffb");
    let mut command = place.command(["exec", "trail", "--", "echo"]);
    let done = Done::of(Running::start(command.arg(odd)).output());
    assert_eq!(done.stdout, b"a\xffb\n");
    assert_eq!(last(&place)["detail"]["argv_base64"][1], "Yf9i");
}
