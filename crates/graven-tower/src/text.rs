//! Text from strangers, cut to a length that an entry can hold.

use std::borrow::Cow;

use graven_core::text::cut;

/// The most bytes of a principal, a route or a reason.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// The most bytes of a path. Servers take paths of up to 64 KiB.
pub(crate) const PATH_BYTES_MAX: usize = 2_048;

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
