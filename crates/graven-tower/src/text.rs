//! Text from strangers: cut in its field to a length that many entries can hold, and whole in the detail of the request.
//!
//! The whole text is in the line while the line has room. If it were always kept beside the log, each client could make the
//! trail sync a file for each request.

use std::borrow::Cow;

use graven::Redactor;
use graven_core::text::cut;
use serde_json::{Map, Value};

/// The most bytes of a principal, a route or a reason.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// The most bytes of a path. Servers take paths of up to 64 KiB.
pub(crate) const PATH_BYTES_MAX: usize = 2_048;

/// Texts that were cut, by the name under which the detail has them whole.
pub(crate) type Wholes = Map<String, Value>;

/// The text as it may stand in a field, and its whole in `wholes` if it was cut. It is redacted before it is cut: a rule
/// may need the end of a secret to recognise it.
pub(crate) fn fitted<'a>(
    name: &str,
    text: impl Into<Cow<'a, str>>,
    bytes_max: usize,
    wholes: &mut Wholes,
    redactor: impl FnOnce() -> Redactor,
) -> String {
    wholes.remove(name);
    let text = text.into();
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    let redacted = redactor().text(&text).into_owned();
    let short = bounded(redacted.as_str(), bytes_max);
    if short != redacted {
        wholes.insert(name.to_owned(), redacted.into());
    }
    short
}

/// The text, or at most `bytes_max` bytes of it and a `…`, which says that there was more.
pub(crate) fn bounded<'a>(text: impl Into<Cow<'a, str>>, bytes_max: usize) -> String {
    let text = text.into();
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    format!("{}…", cut(&text, bytes_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_seen_and_never_within_a_character() {
        assert_eq!(bounded("short", 5), "short");
        assert_eq!(bounded("longer", 5), "longe…");
        assert_eq!(bounded("aéé", 2), "a…");
    }
}
