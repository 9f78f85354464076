//! Text from strangers, cut to a length that an entry can hold.

use std::borrow::Cow;

/// A principal, a route or a reason is cut after so many bytes.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// A path is cut after so many bytes; servers take ones of up to 64 KiB.
pub(crate) const PATH_BYTES_MAX: usize = 2_048;

/// The text, or so many bytes of it and a `…` that says that there was more.
pub(crate) fn bounded<'a>(text: impl Into<Cow<'a, str>>, bytes_max: usize) -> String {
    let text = text.into();
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    let mut cut = text[..text.floor_char_boundary(bytes_max)].to_owned();
    cut.push('…');
    cut
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
