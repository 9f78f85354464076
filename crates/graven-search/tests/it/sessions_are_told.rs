//! A session's timeline joins what was to be done to how it went.

use graven::{Category, Entry, Outcome, Phase};
use graven_search::Ask;

use crate::support::{Place, moment};

#[test]
fn intents_are_joined_to_their_results() {
    let at = |minute: u32| format!("2026-11-29T10:{minute:02}:00Z").parse().unwrap();
    let of = |entry: Entry, minute| entry.session_id("s 1").timestamp(at(minute));
    let act = |id: &str, minute| of(Entry::intent(Category::ToolExecution, "tool:bash").id(id), minute);
    let result = |id: &str, outcome, minute| {
        let entry = Entry::new(Category::ToolExecution, "tool:bash", outcome).phase(Phase::Result);
        of(entry.intent_id(id).duration_ms(1_500), minute)
    };
    let place = Place::with(vec![
        of(Entry::new(Category::Session, "start", Outcome::Success).principal("alice"), 0),
        act("a", 1),
        Entry::new(Category::Api, "elsewhere", Outcome::Success).session_id("s 2"),
        act("b", 2),
        result("a", Outcome::Denied, 3),
        // The same id once more.
        act("a", 4),
        result("a", Outcome::Failure, 5),
    ]);
    let timeline = place.search().session("s 1", &Ask::new(moment())).unwrap();
    let index = |number: usize| timeline.timeline[number].hit.index;
    let joins: Vec<_> = timeline.timeline.iter().map(|entry| (entry.intent, entry.result)).collect();
    assert_eq!(
        joins,
        [
            (None, None),
            (None, Some(index(3))),
            // Nothing says how that ended.
            (None, None),
            (Some(index(1)), None),
            (None, Some(index(5))),
            (Some(index(4)), None),
        ]
    );
    let session = &timeline.session;
    assert_eq!((session.entries, session.denied, session.failed), (6, 1, 1));
    assert_eq!((session.first, session.last), (Some(at(0)), Some(at(5))));
    assert!(timeline.findings.is_empty() && timeline.coverage.complete);
    let json = serde_json::to_value(&timeline).unwrap();
    assert_eq!(json["timeline"][1]["result"], index(3));
    assert_eq!(json["timeline"][1]["entry"]["outcome"], "pending");
    assert_eq!(json["session"]["principals"], serde_json::json!(["alice"]));
    assert!(place.search().session("none", &Ask::new(moment())).unwrap().timeline.is_empty());
}
