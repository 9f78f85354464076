//! The command: what it prints, and with which exit code it ends.

use std::process::{Command, Output};

use graven_sim::Canary;

fn graven_sim(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_graven-sim")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

#[test]
fn lives_that_are_right_end_with_zero_and_the_seed() {
    let (output, text) = graven_sim(&["--seed", "7", "--lives", "20"]);
    assert!(output.status.success(), "{text}");
    assert!(text.starts_with("seed 7\n20 lives of ") && text.ends_with("every life was right\n"), "{text}");
    let (output, text) = graven_sim(&["--seconds", "1", "--threads", "1"]);
    assert!(output.status.success() && text.starts_with("seed "), "{text}");
}

#[test]
fn a_failure_says_how_to_see_it_again() {
    let (output, text) =
        graven_sim(&["--seed", "1", "--lives", "400", "--canary", "acknowledge-before-sync"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = |text: &str, begin: &str| text.lines().find(|line| line.starts_with(begin)).map(str::to_owned);
    let wrong = line(&text, "WRONG: life ").unwrap();
    let replay = line(&text, "replay: graven-sim ").unwrap();
    let arguments: Vec<&str> = replay.split(' ').skip(2).collect();
    let (again, same) = graven_sim(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(line(&same, "WRONG: life "), Some(wrong));
}

#[test]
fn canaries_are_listed_one_a_line() {
    let (output, text) = graven_sim(&["--list-canaries"]);
    assert!(output.status.success());
    assert_eq!(text.lines().collect::<Vec<_>>(), Canary::ALL.map(Canary::name));
    assert!(Canary::ALL.len() >= 10);
    let (output, _) = graven_sim(&["--canary", "sparrow"]);
    assert_eq!(output.status.code(), Some(2));
}
