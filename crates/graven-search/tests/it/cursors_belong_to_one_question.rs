//! A cursor goes on with its own question, on its own trail, and is an error anywhere else.

use graven_search::{Ask, Cursor, CursorError, Order, Query, SearchError};

use crate::support::{Place, entries, moment, query};

/// A cursor of the first page.
fn cursor(place: &Place, text: &str) -> Cursor {
    let mut ask = Ask::new(moment());
    ask.limit = 3;
    place.search().query(&query(text), &ask).unwrap().next.unwrap().parse().unwrap()
}

fn error(place: &Place, text: &str, cursor: &Cursor, order: Order) -> CursorError {
    let mut ask = Ask::new(moment());
    (ask.cursor, ask.order) = (Some(cursor.clone()), order);
    match place.search().query(&query(text), &ask) {
        Err(SearchError::Cursor(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cursor_used_elsewhere_is_an_error() {
    let (here, there) = (Place::with(entries(100, 1)), Place::with(entries(100, 1)));
    let newest = cursor(&here, "has:session");
    assert!(matches!(
        error(&there, "has:session", &newest, Order::NewestFirst),
        CursorError::OtherTrail { .. }
    ));
    assert!(matches!(error(&here, "has:trace", &newest, Order::NewestFirst), CursorError::OtherQuery { .. }));
    assert!(matches!(
        error(&here, "has:session", &newest, Order::OldestFirst),
        CursorError::OtherOrder { newest_first: true }
    ));
}

#[test]
fn a_cursor_of_other_entries_is_an_error() {
    let place = Place::with(entries(100, 1));
    let cursor = cursor(&place, "");
    // The last entry is another one now.
    let last = place.search().reader().tail(1).unwrap().next().unwrap().unwrap();
    let line = String::from_utf8(last.line).unwrap();
    let forged = line.replacen("\"id\":\"", "\"id\":\"x", 1);
    place.replace(&line, &forged);
    let found = error(&place, "", &cursor, Order::NewestFirst);
    assert_eq!(found, CursorError::OtherEntries { index: last.index });
    // It is gone.
    place.replace(&format!("{forged}\n"), "");
    assert_eq!(error(&place, "", &cursor, Order::NewestFirst), found);
}

#[test]
fn a_changed_cursor_is_damaged() {
    let place = Place::with(entries(50, 1));
    let text = cursor(&place, "").to_string();
    assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(changed.parse::<Cursor>(), Err(CursorError::Damaged), "{at}");
        assert_eq!(text[..at].parse::<Cursor>(), Err(CursorError::Damaged), "{at}");
    }
    for other in ["", "é", &format!("{text}="), &"A".repeat(1 << 20)] {
        assert_eq!(other.parse::<Cursor>(), Err(CursorError::Damaged));
    }
}

#[test]
fn relative_times_stay_those_of_the_first_page() {
    let place = Place::with(entries(200, 1));
    let first = cursor(&place, "since:24h");
    // The same words an hour later are another question, unless they are read by the clock of the first page.
    let later = graven_search::Moment { now: moment().now + chrono::TimeDelta::hours(1), ..moment() };
    let mut ask = Ask::new(later);
    ask.cursor = Some(first.clone());
    let search = place.search();
    assert!(search.query(&Query::parse("since:24h", &later).unwrap(), &ask).is_err());
    assert!(search.query(&Query::parse("since:24h", &first.moment()).unwrap(), &ask).is_ok());
    assert!(search.query(&Query::parse(first.query(), &first.moment()).unwrap(), &ask).is_ok());
}
