//! What a glance at a line says is what the whole line says, whatever is in its texts and in its detail.

use graven_core::entry::{Approval, Category, Decision, Entry, Outcome, Phase};
use graven_core::line::glance::{BLOB_KEY, Glance, PHASE_KEY, beginning_with_id};
use graven_core::tile::ENTRY_BYTES_MAX;
use proptest::prelude::*;
use serde_json::json;

use crate::any_entry::any_entry;

fn entry() -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success).id("e1").timestamp(chrono::DateTime::UNIX_EPOCH)
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = Vec::new();
    entry.append_line(u64::MAX, &mut line).expect("it has a line");
    line
}

/// Each field by a glance is the field by reading all of the line.
fn check(line: &[u8]) {
    let entry = Entry::from_line(line).expect("a line of ours");
    let text = String::from_utf8_lossy(line);
    let glance = Glance::at(line).unwrap_or_else(|| panic!("{text}"));
    assert!(line.starts_with(&beginning_with_id(entry.id.as_deref().unwrap_or_default())), "{text}");
    assert_eq!(glance.id(), entry.id.as_deref().map(Into::into), "{text}");
    assert_eq!(glance.timestamp(), entry.timestamp, "{text}");
    assert_eq!(glance.category(), entry.category.as_str(), "{text}");
    assert_eq!(glance.action(), Some(entry.action.as_str().into()), "{text}");
    assert_eq!(glance.outcome(), Some(entry.outcome), "{text}");
    assert_eq!(glance.blob(), entry.detail.as_ref().and_then(|detail| detail.blob()), "{text}");
    assert_eq!(glance.session_id(), entry.session_id.as_deref().map(Into::into), "{text}");
    assert_eq!(glance.phase(), entry.phase, "{text}");
    let found = line.windows(PHASE_KEY.len()).any(|bytes| bytes == PHASE_KEY);
    assert!(found || entry.phase.is_none(), "{text}");
    assert_eq!(glance.intent_id(), entry.intent_id.as_deref().map(Into::into), "{text}");
    assert_eq!(glance.recorded_by(), entry.recorded_by.as_deref().map(Into::into), "{text}");
    assert_eq!(glance.count(), entry.count, "{text}");
    check_places(glance, line, &entry);
}

/// The pieces of the line are those that the entry has without its id, time and duration.
fn check_places(glance: Glance<'_>, whole: &[u8], entry: &Entry) {
    let rest = whole.strip_prefix(glance.beginning()).expect("it begins so");
    assert!(rest.starts_with(b",\"category\":"));
    let (before, after) = glance.around_duration().expect("a line of ours");
    match entry.duration_ms {
        None => assert_eq!((before, after), (rest, &[][..])),
        Some(duration) => {
            let mut without = entry.clone();
            without.duration_ms = None;
            assert_eq!(format!(",\"duration_ms\":{duration}").len(), rest.len() - before.len() - after.len());
            let shorter = match entry.detail.as_ref().and_then(|detail| detail.blob()) {
                // A marker cannot be written again.
                Some(_) => return,
                None => line(&without),
            };
            assert_eq!([glance.beginning(), before, after].concat(), shorter);
        }
    }
}

#[test]
fn a_glance_is_right_where_other_fields_are_forged() {
    let forged = json!({
        "phase": "intent", "intent_id": "x", "session_id": "x", "duration_ms": 1, "count": 1,
        "recorded_by": "x",
        "a": [{"b": ",\"phase\":\"intent\"", "phase": "result", "intent_id": "y"}, "\\\",\"session_id\":\"z\""],
    });
    let plain = entry().detail(&forged);
    assert_eq!(Glance::at(&line(&plain)).unwrap().phase(), None);
    for entry in [
        plain.clone(),
        plain.clone().duration_ms(5).session_id("s").phase(Phase::Result).intent_id("i").count(3),
        plain.clone().reason(",\"count\":7}").principal("\",\"outcome\":\"denied\""),
        entry().detail(5).reason("\\"),
        plain.clone().count(7).recorded_by(",\"count\":5").received_at(chrono::DateTime::UNIX_EPOCH),
        plain.clone().approval(Approval::new(Decision::Asked).by(",\"count\":5").rule("count")),
        entry().detail(5).count(6).approval(Approval::new(Decision::Denied)),
        entry().detail(",\"count\":5").id("\\\",\"timestamp\":\""),
        entry().detail(json!([[[]], {"count": 5}])).on_behalf_of(["phase", ",\"phase\":\"intent\""]),
        entry().detail_json(r#"{"":"\u0022,\"phase\":\"intent\"\\","count":4}"#),
        Entry::intent(Category::custom("a0_").unwrap(), "").id("\"").timestamp(chrono::DateTime::UNIX_EPOCH),
    ] {
        check(&line(&entry));
    }
}

#[test]
fn a_blob_is_seen_only_where_a_line_names_one() {
    let named = entry().detail("x".repeat(ENTRY_BYTES_MAX)).session_id("s").duration_ms(1);
    let line_of = line(&named);
    check(&line_of);
    assert!(Glance::at(&line_of).unwrap().blob().is_some());
    assert_eq!(line_of.windows(BLOB_KEY.len()).filter(|bytes| *bytes == BLOB_KEY).count(), 1);

    // One level down it is a caller's own, and the search finds it too.
    let marker = &String::from_utf8(line_of).unwrap();
    let start = marker.find("{\"$blob\"").unwrap();
    let marker = &marker[start..marker.find("}}").unwrap() + 2];
    let inner = entry().detail_json(&format!("{{\"a\":1,\"detail\":{marker}}}"));
    let line_of = line(&inner);
    check(&line_of);
    assert!(line_of.windows(BLOB_KEY.len()).any(|bytes| bytes == BLOB_KEY));
    assert_eq!(Glance::at(&line_of).unwrap().blob(), None);
}

#[test]
fn times_of_every_form_are_read() {
    for time in ["2026-01-01T00:00:00Z", "2026-01-01T23:59:60.000000001Z", "0000-01-01T00:00:00.123Z"] {
        check(&line(&entry().timestamp(time.parse().unwrap())));
    }
    check(&line(&entry().timestamp(chrono::DateTime::<chrono::Utc>::MAX_UTC)));
    check(&line(&entry().timestamp(chrono::DateTime::<chrono::Utc>::MIN_UTC)));
}

#[test]
fn what_does_not_begin_as_our_lines_do_is_not_looked_at() {
    for text in [
        "",
        "{}",
        "{\"id\":\"1\"}",
        "{\"id\":\"1\",\"category\":\"api\",\"action\":\"a\"}",
        "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"id\":\"1\",\"category\":\"api\",\"action\":\"a\"}",
        "{ \"id\":\"1\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"api\",\"action\":\"a\"}",
        "{\"id\":\"1\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"a\\u0070i\",\"action\":\"a\"}",
        "{\"id\":\"1\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":null,\"action\":\"a\"}",
        "{\"id\":\"1",
        "{\"id\":\"1\\",
    ] {
        assert!(Glance::at(text.as_bytes()).is_none(), "{text}");
    }
}

/// Asks everything. The answers do not matter, only that there is no panic.
fn look(line: &[u8]) {
    if let Some(glance) = Glance::at(line) {
        let _ = (glance.id(), glance.timestamp(), glance.category(), glance.action(), glance.outcome());
        let _ = (glance.blob(), glance.session_id(), glance.phase(), glance.intent_id(), glance.count());
        let _ = (glance.beginning(), glance.around_duration(), glance.recorded_by());
    }
}

/// For each byte of a line, every other byte in its place; the byte left out; and the line cut there.
#[test]
fn a_line_that_was_changed_or_cut_makes_nothing_panic() {
    let detail = json!({"phase": "intent", "session_id": "\\\"", "n": [1, {"count": 2}]});
    let full = entry().principal("p").detail(detail).duration_ms(1).session_id("s\n");
    let original = line(&full.phase(Phase::Result).intent_id("i").count(3));
    for place in 0..original.len() {
        look(&original[..place]);
        let mut changed = original.clone();
        for byte in 0..=255 {
            changed[place] = byte;
            look(&changed);
            if Entry::from_line(&changed).is_ok() {
                check(&changed);
            }
        }
        changed.remove(place);
        look(&changed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_glance_is_what_the_whole_line_says(entry in any_entry()) {
        check(&line(&entry));
    }

    #[test]
    fn no_bytes_make_a_glance_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), entry in any_entry(), place: prop::sample::Index) {
        look(&bytes);
        let mut line = line(&entry);
        let place = place.index(line.len());
        line.splice(place..(place + bytes.len()).min(line.len()), bytes);
        look(&line);
    }
}
