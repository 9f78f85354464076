//! A query of anybody: it is read or refused in bounded time, and what is read is printed and read again as the same.

#![no_main]

use graven::Entry;
use graven_search::{Field, Line, Moment, Query, matches};
use libfuzzer_sys::fuzz_target;

/// An entry with something of each kind in it.
const LINE: &str = r#"{"id":"e-1","timestamp":"2026-11-29T11:00:00Z","category":"tool_execution","action":"tool:bash","principal":"alice","outcome":"denied","detail":{"command":"\u0072m -rf /","exit":[1,-2.5e3,"0",null,true],"a.b":{"c":""}},"session_id":"s-1","source":{"ip":"10.1.2.3"},"on_behalf_of":["bob","Élodie"]}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let moment = Moment::utc("2026-11-29T12:00:00Z".parse().unwrap());
    let line = Line::of_entry(7, Entry::from_line(LINE.as_bytes()).unwrap());
    match Query::parse(text, &moment) {
        Ok(query) => {
            let printed = query.to_string();
            let again = Query::parse(&printed, &moment);
            assert_eq!(again.as_ref(), Ok(&query), "printed as {printed:?}");
            assert_eq!(again.map(|again| again.to_string()), Ok(printed));
            assert!(!query.reading().is_empty());
            // Whatever is asked, an entry meets it or does not.
            let is_hit = matches(&query, &line);
            if !text.is_empty()
                && let Ok(other) = Query::parse(&format!("-({query})"), &moment)
            {
                assert_ne!(matches(&other, &line), is_hit);
            }
            for place in query.places(text) {
                assert!(text.get(place).is_some());
            }
        }
        Err(error) => {
            assert!(text.get(error.place()).is_some());
            let [shown, mark] = error.pointed(text);
            assert!(!shown.contains(char::is_control) && mark.ends_with('^'));
        }
    }
    if let Ok(field) = Field::parse(text) {
        assert_eq!(Field::parse(&field.to_string()), Ok(field));
    }
});
