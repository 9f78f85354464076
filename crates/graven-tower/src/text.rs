//! Text from strangers. The entry of a request has it whole, as far as its line has room: then the trail cuts it.
//!
//! Whatever handlers record below the request carries its actor. There the text is short, so that such an entry is never
//! too long because of what a client sends.

use std::borrow::Cow;

use graven::Redactor;
use graven_core::text::{CUT_MARK, cut};

/// The most bytes of a principal that other entries carry, and of a name or an error in a detail.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// The most bytes of a `user_agent` that other entries carry.
pub(crate) const USER_AGENT_BYTES_MAX: usize = 256;

/// A text that was cut for the actor, and all of it for the request's own entry.
#[derive(Debug, Clone)]
pub(crate) struct Shortened {
    short: String,
    whole: String,
}

impl Shortened {
    /// The text for the actor, and both forms if it had to be cut. It is redacted before it is cut: a rule may need the
    /// end of a secret to recognise it.
    pub(crate) fn of(
        text: String,
        bytes_max: usize,
        redactor: impl FnOnce() -> Redactor,
    ) -> (String, Option<Shortened>) {
        if text.len() <= bytes_max {
            return (text, None);
        }
        let whole = redactor().text(&text).into_owned();
        let short = bounded(whole.as_str(), bytes_max);
        (short.clone(), Some(Shortened { short, whole }))
    }

    /// Puts the whole text into a field that has the short one.
    pub(crate) fn restore(&self, field: &mut Option<String>) {
        if field.as_deref() == Some(&*self.short) {
            *field = Some(self.whole.clone());
        }
    }
}

/// The text, or at most `bytes_max` bytes of it and the mark of a cut.
pub(crate) fn bounded<'a>(text: impl Into<Cow<'a, str>>, bytes_max: usize) -> String {
    let text = text.into();
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    format!("{}{CUT_MARK}", cut(&text, bytes_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_seen_and_never_within_a_character() {
        assert_eq!(bounded("short", 5), "short");
        assert_eq!(bounded("longer", 5), "longe…[cut]");
        assert_eq!(bounded("aéé", 2), "a…[cut]");
    }

    #[test]
    fn only_the_short_text_itself_becomes_whole() {
        let redactor = || Redactor::new(graven::Redaction::default()).unwrap();
        let (short, shortened) = Shortened::of("a".repeat(20), 10, redactor);
        let shortened = shortened.unwrap();
        let mut field = Some(short);
        shortened.restore(&mut field);
        assert_eq!(field, Some("a".repeat(20)));
        for other in [Some("aaa".to_owned()), None] {
            let mut field = other.clone();
            shortened.restore(&mut field);
            assert_eq!(field, other);
        }
        assert!(Shortened::of("a".repeat(10), 10, redactor).1.is_none());
    }
}
