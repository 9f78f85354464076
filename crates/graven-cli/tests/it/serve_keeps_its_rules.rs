//! `graven serve` does not start with settings that break a rule, and `--check` says which one.

use crate::run::Place;

#[test]
fn a_check_starts_nothing_and_makes_nothing() {
    let place = Place::empty();
    let said = place.run(["serve", "--check"]).ok().text();
    assert_eq!(said, "the settings keep all rules\n");
    assert!(!place.path("graven-data").exists());
}

#[test]
fn off_loopback_it_says_what_to_add_and_does_not_start() {
    let place = Place::empty();
    for arguments in [&["serve", "--listen", "0.0.0.0:0"][..], &["serve", "--check", "--listen", "0.0.0.0:0"]]
    {
        let said = place.run(arguments.iter().copied()).code(2);
        for part in [
            "listen.tls",
            "insecure = true",
            "listen.tokens",
            "graven token new --role admin --data ./graven-data",
        ] {
            assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
        }
        assert_eq!(said.text(), "");
    }
    place.run("token new --role admin".split(' ')).code(0);
    place.run("serve --check --listen 0.0.0.0:0 --insecure".split(' ')).ok();
}

#[test]
fn a_program_reads_which_rules_are_broken() {
    let place = Place::empty();
    let said = place.run("serve --check --read old=nowhere --json".split(' ')).code(2).json();
    assert_eq!((&said["ok"], &said["broken"][0]["rule"]), (&false.into(), &"trails.read".into()));
}
