//! Sorts out lines that cannot be hits before they are decoded: hits have certain texts, and nearly all lines have every
//! string as it stands.
//!
//! A line of plain ASCII without a backslash, of which nothing is stored in a blob, has each string of its entry letter for
//! letter. Any other line may be a hit whatever it looks like, and [`matches()`](crate::matches()) still says which are.

use memchr::memchr;
use memchr::memmem::Finder;

use crate::query::Query;

/// What a line has that names a blob.
const BLOB: &str = "$blob";

/// The texts that each hit has.
#[derive(Debug)]
pub(super) struct Sieve {
    /// In small letters.
    texts: Vec<Finder<'static>>,
    blob: Finder<'static>,
    /// The line in small letters.
    buffer: Vec<u8>,
}

impl Sieve {
    /// `None` when the query names no such text.
    pub(super) fn of(query: &Query) -> Option<Sieve> {
        let texts: Vec<_> = query.texts_of_hits().iter().map(|text| Finder::new(text).into_owned()).collect();
        let blob = Finder::new(BLOB);
        (!texts.is_empty()).then(|| Sieve { texts, blob, buffer: Vec::new() })
    }

    /// Whether a line may be a hit.
    pub(super) fn passes(&mut self, line: &[u8]) -> bool {
        if !line.is_ascii() || memchr(b'\\', line).is_some() {
            return true;
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(line);
        self.buffer.make_ascii_lowercase();
        let has = |text: &Finder<'_>| text.find(&self.buffer).is_some();
        self.texts.iter().all(has) || has(&self.blob)
    }
}

#[cfg(test)]
mod tests {
    use graven::Entry;
    use proptest::prelude::*;

    use super::*;
    use crate::query::Moment;
    use crate::{Line, matches};

    fn query(text: &str) -> Query {
        Query::parse(text, &Moment::utc("2026-11-29T12:00:00Z".parse().unwrap())).unwrap()
    }

    fn line(action: &str, detail: &str) -> String {
        let mut escaped = String::new();
        for character in action.chars() {
            match character {
                '"' | '\\' => escaped.extend(['\\', character]),
                _ => escaped.push(character),
            }
        }
        format!(
            r#"{{"id":"1","timestamp":"2026-11-29T11:00:00.250Z","category":"api","action":"{escaped}","principal":null,"outcome":"denied","detail":{detail}}}"#
        )
    }

    #[test]
    fn lines_without_the_texts_of_hits_are_sorted_out() {
        let passes = |text: &str, line: &str| Sieve::of(&query(text)).unwrap().passes(line.as_bytes());
        let plain = line("run RM -rf now", "1");
        assert!(passes("\"rm -rf\"", &plain) && passes("\"rm -rf\" session:s", &line("rm -rf s", "1")));
        assert!(!passes("\"rm -rf /\"", &plain) && !passes("\"rm -rf\" session:s-1", &plain));
        // What can be something else than it looks like.
        assert!(passes("\"rm -rf /\"", &line("run", r#""\u0072m -rf /""#)));
        assert!(passes("kelvin", &line("\u{212a}elvin", "1")));
        assert!(passes("xyz", &line("run", r#"{"$blob":1}"#)));
        for text in ["-rm", "rm OR x", "has:action", "count:1", "détail", "action:a*", "principal:(a OR b)"]
        {
            assert!(Sieve::of(&query(text)).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_hit_is_sorted_out(
            action in "[aAbBkKſ\u{212a}é\"\\\\ :.1-]{1,8}",
            detail in prop::sample::select(vec![
                "1", "1.0", "true", "null", "\"aB\"", "\"\\u0061b\"", "{\"a b\":[\"K\",-1]}", "[\"1\"]",
            ]),
            asked in prop::sample::select(vec![
                "A", "ab", "k", "s", "\"a b\"", "1", "true", "null", "250", "\"a-b\"", "2026", "z", "api",
            ]),
            form in prop::sample::select(vec!["#", "any:#", "action:#", "detail:#", "detail.\"a b\":#", "outcome:denied #"]),
        ) {
            let stored = line(&action, detail);
            let query = query(&form.replace('#', asked));
            let Ok(entry) = Entry::from_line(stored.as_bytes()) else { return Ok(()) };
            let passes = Sieve::of(&query).is_none_or(|mut sieve| sieve.passes(stored.as_bytes()));
            prop_assert!(passes || !matches(&query, &Line::of_entry(0, entry)), "{query} in {stored}");
        }
    }
}
