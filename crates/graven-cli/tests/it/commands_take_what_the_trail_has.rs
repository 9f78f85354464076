//! A command gives no settings that a trail remembers: it neither changes them nor goes without them.

use std::time::Duration;

use graven::{Category, Flood, Redaction, Settings, Trail, WhenFull};

use crate::run::{Place, line, lines};

const BADGE: &str = "BDG-12345678";

/// A trail whose program has set everything that a trail remembers.
fn place() -> Place {
    let place = Place::with_trail();
    let settings = Settings::new(place.path("trail"))
        .redaction(Redaction::default().rule("badge", "BDG-[0-9]{8}").unwrap())
        .heartbeat(Duration::from_secs(3_600))
        .flood_control(Flood::new(3, Duration::from_secs(60)))
        .when_full(WhenFull::Drop)
        .when_full_for(Category::Auth, WhenFull::Wait(Duration::from_secs(1)));
    Trail::open(settings).unwrap().close_blocking().unwrap();
    place
}

#[test]
fn every_command_that_writes_keeps_the_settings_and_the_rules() {
    let place = place();
    let before = place.read("trail/settings.json");
    let count = place.stored().len();
    place.write("old.jsonl", lines(5_000).replace("action 4999", BADGE));
    let flags = ["--category", "api", "--outcome", "success", "--id", BADGE, "--action", BADGE];
    let record: Vec<&str> = ["record", "trail"].into_iter().chain(flags).collect();
    // How many entries each of them writes.
    let commands: [(&[&str], &str, usize); 5] = [
        (&record, "", 1),
        (&["record", "trail", "--stdin"], &line(BADGE), 1),
        (&["exec", "trail", "--", "echo", BADGE], "", 2),
        // And two marks of how far it is.
        (&["import", "trail", "old.jsonl"], "", 5_000 + 2),
        (&["repair", "trail", "--yes"], "", 0),
    ];
    let mut runs = 0;
    for (arguments, input, entries) in commands {
        let at = place.stored().len();
        place.feed(arguments.iter().copied(), input).code(0);
        let stored = place.stored().split_off(at);
        let opened = stored.first().is_some_and(|line| line.contains(r#""action":"trail.opened""#));
        let closed = stored.last().is_some_and(|line| line.contains(r#""action":"trail.closed""#));
        assert!(opened && closed, "{arguments:?}: {stored:?}");
        assert_eq!(stored.len(), entries + 2, "{arguments:?}");
        let (found, clear) = ("[redacted:badge:", BADGE);
        assert!(entries == 0 || stored.iter().any(|line| line.contains(found)), "{arguments:?}");
        assert!(!stored.iter().any(|line| line.contains(clear)), "{arguments:?}");
        runs += 1;
    }
    assert_eq!(place.read("trail/settings.json"), before);
    let life = &place.run(["stats", "trail", "--json"]).ok().json()["life"];
    assert_eq!((&life["opened"], &life["settings_changed"]), (&(runs + 1).into(), &1.into()));
    assert!(place.stored().len() > count + 5_000);
}

#[test]
fn redact_and_show_use_the_rules_of_the_trail() {
    let place = place();
    let flags = ["--category", "api", "--outcome", "success", "--id", BADGE, "--action", "a"];
    place.run(["record", "trail"].into_iter().chain(flags)).ok();
    let shown = place.run(["show", "trail", "--id", BADGE, "--json"]).ok().text();
    let redacted = place.feed(["redact", "--trail", "trail"], BADGE).ok().text();
    assert!(redacted.starts_with("[redacted:badge:") && shown.contains(&redacted), "{redacted} {shown}");
    assert_eq!(place.feed(["redact"], BADGE).ok().text(), BADGE);
    let explained = place.feed(["redact", "--trail", "trail", "--explain"], BADGE).code(1).text();
    assert!(explained.contains("badge") && !explained.contains(BADGE), "{explained}");
    let off = Settings::new(place.path("trail")).redaction(Redaction::off());
    Trail::open(off).unwrap().close_blocking().unwrap();
    let refused = place.feed(["redact", "--trail", "trail"], BADGE).code(2);
    assert!(refused.text().is_empty() && refused.stderr.contains("redaction is off"), "{}", refused.stderr);
}
