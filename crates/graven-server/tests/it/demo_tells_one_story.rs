//! The demo: the same story for one seed, with everything that a page or a query wants to show.

use std::collections::HashSet;
use std::time::Duration;

use graven::{Category, Decision, Outcome, Phase, Settings, Trail};
use graven_server::demo::{Traffic, fill, hour};

use crate::token_changes_count_from_the_next_request::now;

#[test]
fn an_hour_has_all_kinds_of_entries_in_order() {
    let entries = hour(7, now());
    assert_eq!(entries, hour(7, now()));
    assert_ne!(entries, hour(8, now()));
    assert!((1_500..8_000).contains(&entries.len()), "{}", entries.len());
    let times: Vec<_> = entries.iter().map(|entry| entry.timestamp.unwrap()).collect();
    assert!(
        times.is_sorted() && times[0] >= now() - Duration::from_secs(3600) && times.last() < Some(&now())
    );
    // Spread over the hour: something happens in each of its minutes.
    let minutes: HashSet<_> = times.iter().map(|time| (now() - *time).num_minutes()).collect();
    assert_eq!(minutes.len(), 60);

    let has = |what: &str, found: &dyn Fn(&graven::Entry) -> bool| {
        assert!(entries.iter().filter(|entry| found(entry)).count() >= 3, "{what}");
    };
    for category in [
        Category::Api,
        Category::ToolExecution,
        Category::Session,
        Category::Cognition,
        Category::Auth,
        Category::K8s,
        Category::Config,
    ] {
        has(category.as_str(), &|entry| entry.category == category);
    }
    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending] {
        has(outcome.as_str(), &|entry| entry.outcome == outcome);
    }
    for decision in [Decision::Allowed, Decision::Denied, Decision::Asked] {
        has(decision.as_str(), &|entry| {
            entry.approval.as_ref().is_some_and(|approval| approval.decision == decision)
        });
    }
    has("counts", &|entry| entry.count.is_some());
    assert!(entries.iter().all(|entry| entry.principal.is_some() && entry.session_id.is_some()));
    assert!(
        entries
            .iter()
            .all(|entry| entry.request_id.is_some() && entry.trace_id.is_some() && entry.source.is_some())
    );
    assert!(entries.iter().all(|entry| entry.check().is_ok()));
}

#[test]
fn every_result_has_its_intent_before_it_and_some_intents_have_none() {
    let entries = hour(7, now());
    let mut open = HashSet::new();
    for entry in &entries {
        match entry.phase {
            Some(Phase::Intent) => assert!(open.insert(entry.id.clone().unwrap())),
            Some(Phase::Result) => assert!(open.remove(entry.intent_id.as_ref().unwrap())),
            None => {}
        }
    }
    assert!((1..100).contains(&open.len()), "{}", open.len());
}

#[test]
fn a_trail_is_filled_once() {
    let folder = tempfile::tempdir().unwrap();
    // With an entry about itself.
    let trail = Trail::open(Settings::new(folder.path().join("demo")).life_signs(true)).unwrap();
    let filled = fill(&trail, 7, now()).unwrap();
    assert_eq!((filled, trail.len()), (hour(7, now()).len(), filled as u64 + 1));
    assert_eq!(fill(&trail, 7, now()).unwrap(), 0);
    trail.close_blocking().unwrap();
}

#[test]
fn it_goes_on_without_an_end_and_without_repeating_the_hour() {
    let mut traffic = Traffic::new(7);
    let entries: Vec<_> = (0..10_000).map(|_| traffic.next_entry()).collect();
    assert!(entries.iter().all(|entry| entry.timestamp.is_none() && entry.check().is_ok()));
    let sessions = |entries: &[graven::Entry]| -> HashSet<String> {
        entries.iter().filter_map(|entry| entry.session_id.clone()).collect()
    };
    let (later, past) = (sessions(&entries), sessions(&hour(7, now())));
    assert!(later.len() > 100 && later.is_disjoint(&past));
}
