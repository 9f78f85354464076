//! An error message says what is wrong, where, and what to do.

use crate::run::Place;

#[test]
fn a_missing_trail_is_an_error_with_advice() {
    let place = Place::empty();
    place.write("some.jsonl", "{}\n");
    std::fs::create_dir(place.path("folder")).unwrap();
    for (path, about) in [
        ("nowhere", "make one with `graven init nowhere`"),
        ("folder", "no graven.json"),
        ("some.jsonl", "not the live file"),
    ] {
        for command in ["key", "tail", "stats", "verify"] {
            let failed = place.run([command, path]).code(2);
            assert!(failed.stderr.contains(about), "{command} {path}: {}", failed.stderr);
            assert_eq!(failed.stdout, b"");
        }
    }
    assert_eq!(place.read("some.jsonl"), "{}\n");
}

#[test]
fn errors_are_json_when_asked() {
    let place = Place::empty();
    let failed = place.run(["key", "nowhere", "--json"]).code(2);
    let error: serde_json::Value = serde_json::from_str(&failed.stderr).unwrap();
    assert!(error["error"].is_string() && error["advice"].is_string());
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    let place = Place::empty();
    place.run(["no-such-command"]).code(2);
    place.run([]).code(2);
    let help = place.run(["--help"]).ok().text();
    for command in
        ["init", "key", "record", "exec", "import", "tail", "show", "prove", "verify", "stats", "export"]
    {
        assert!(help.contains(command), "{command}");
        place.run([command, "--help"]).ok();
    }
    assert!(place.run(["--version"]).ok().text().starts_with("graven "));
}

#[test]
fn colours_are_used_only_when_wanted() {
    let place = Place::with_trail();
    let coloured = |arguments: &[&str]| place.run(arguments.iter().copied()).ok().text().contains('\u{1b}');
    assert!(!coloured(&["stats", "trail"]));
    assert!(coloured(&["stats", "trail", "--color", "always"]));
    assert!(!coloured(&["stats", "trail", "--color", "never"]));
}

#[test]
fn a_missing_signing_key_stops_the_recorder_and_not_the_readers() {
    let place = Place::with_trail();
    std::fs::remove_file(place.path("trail/keys/signing")).unwrap();
    let refused = place.run("record trail --category api --action a --outcome success".split(' '));
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("sign"), "{}", refused.stderr);
    place.run(["verify", "trail"]).code(0);
    place.run(["stats", "trail"]).ok();
}

#[test]
fn the_cause_of_an_error_is_part_of_its_text() {
    let place = Place::with_entries(3);
    let key = place.run(["key", "trail"]).ok().text();
    place.write("file", "");
    for (command, cause) in [
        ("import trail nothing", "No such file or directory"),
        ("prove trail --index 0 --out no/such/proof", "No such file or directory"),
        ("verify --proof nothing --entry nothing --key KEY", "No such file or directory"),
        ("man --out file/pages", "Not a directory"),
        ("export copy trail file/copy", "Not a directory"),
        ("export tiles trail file/tiles", "Not a directory"),
        ("init file/trail", "Not a directory"),
        ("verify trail --state file/state", "Not a directory"),
    ] {
        let words = command.split(' ').map(|word| if word == "KEY" { key.trim() } else { word });
        let said = place.run(words);
        assert!(said.stderr.contains(cause), "{command}: {}", said.stderr);
    }
}
