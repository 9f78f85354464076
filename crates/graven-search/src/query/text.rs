//! Free text: words and phrases, found at word borders, without case.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

/// A word or a phrase. It is found where a text has the same characters, whatever their case, and no word goes on at
/// either end of it.
#[derive(Debug, Clone)]
pub struct Text {
    /// What was asked for.
    text: String,
    /// The same, folded.
    folded: String,
    /// Whether a word may go on behind it.
    is_beginning: bool,
    finder: Finder<'static>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.text == other.text && self.is_beginning == other.is_beginning
    }
}

impl Eq for Text {}

impl Text {
    /// A text that stands for itself; with `is_beginning`, its last word may be only the beginning of one.
    pub(super) fn new(text: &str, is_beginning: bool) -> Text {
        let folded = fold(text).into_owned();
        let finder = Finder::new(&folded).into_owned();
        Text { text: text.to_owned(), folded, is_beginning, finder }
    }

    /// What was asked for.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, folded: a text has it when it has this one, folded too.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether its last word may be only the beginning of one.
    pub fn is_beginning(&self) -> bool {
        self.is_beginning
    }

    /// Whether a text has it.
    pub fn is_in(&self, text: &str) -> bool {
        self.find(&fold(text), 0).is_some()
    }

    /// Where a text has it, in bytes of that text.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let folded = fold(text);
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(found) = self.find(&folded, from) {
            from = found.end;
            places.push(found);
        }
        if let Cow::Owned(folded) = &folded {
            // Folding keeps the number of characters, but not that of their bytes.
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let before = |at: usize| folded[..at].chars().count();
            places = places.into_iter().map(|at| starts[before(at.start)]..starts[before(at.end)]).collect();
        }
        places
    }

    /// Shows the words that a text has, folded and whole, when it has this one; neighbours here are neighbours there.
    pub(crate) fn each_whole_word(&self, f: &mut dyn FnMut(&str)) {
        let goes_on = self.is_beginning && self.folded.ends_with(is_word);
        let rest = match goes_on {
            // More may follow the last one.
            true => self.folded.trim_end_matches(is_word),
            false => &self.folded,
        };
        each_word_of_folded(rest, f);
    }

    /// Whether all its characters, folded, are such ones.
    pub(crate) fn is_made_of(&self, is: impl Fn(char) -> bool) -> bool {
        self.folded.chars().all(is)
    }

    /// Whether some text has it that is like this one, in which a `#` is any digit: folded, and without other `#`.
    pub(crate) fn may_be_in(&self, template: &str) -> bool {
        let template: Vec<char> = template.chars().collect();
        let wanted: Vec<char> = self.folded.chars().collect();
        let is_like = |wanted: char, at: char| wanted == at || (at == '#' && wanted.is_ascii_digit());
        let is_word = |at: Option<&char>| at.is_some_and(|at| *at == '#' || is_word(*at));
        template.windows(wanted.len()).enumerate().any(|(start, window)| {
            let before = start.checked_sub(1).and_then(|at| template.get(at));
            let cut_before = is_word(before) && is_word(wanted.first());
            let cut_behind =
                is_word(wanted.last()) && is_word(template.get(start + wanted.len())) && !self.is_beginning;
            !cut_before && !cut_behind && wanted.iter().zip(window).all(|(wanted, at)| is_like(*wanted, *at))
        })
    }

    /// Where a folded text has it for the first time, from a place on.
    fn find(&self, folded: &str, mut from: usize) -> Option<Range<usize>> {
        let starts_with_word = self.folded.starts_with(is_word);
        let ends_with_word = self.folded.ends_with(is_word) && !self.is_beginning;
        loop {
            let start = from + self.finder.find(&folded.as_bytes()[from..])?;
            let end = start + self.folded.len();
            let goes_on_before = starts_with_word && folded[..start].ends_with(is_word);
            let goes_on_behind = ends_with_word && folded[end..].starts_with(is_word);
            if !goes_on_before && !goes_on_behind {
                return Some(start..end);
            }
            // What begins with a word cannot begin inside this one.
            let rest = &folded[start..];
            from = start
                + match starts_with_word {
                    true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                    false => rest.chars().next().map_or(rest.len(), char::len_utf8),
                };
        }
    }
}

/// Shows the words of a text, folded, in their order.
pub(crate) fn each_word(text: &str, f: &mut dyn FnMut(&str)) {
    each_word_of_folded(&fold(text), f);
}

fn each_word_of_folded(folded: &str, f: &mut dyn FnMut(&str)) {
    if !folded.is_ascii() {
        return folded.split(|c| !is_word(c)).filter(|word| !word.is_empty()).for_each(f);
    }
    let mut start = None;
    for (at, byte) in folded.bytes().enumerate() {
        match (start, byte.is_ascii_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(first), false) => {
                f(&folded[first..at]);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(first) = start {
        f(&folded[first..]);
    }
}

/// Whether a character of a text belongs to a word.
pub(super) fn is_in_word(character: char) -> bool {
    is_word(fold_char(character))
}

/// Whether a character of a folded text belongs to a word: letters and digits of any script.
fn is_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// A text as it is compared: each character folded by itself (Unicode's simple case folding), nothing normalised.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        // To the end in any case: the compiler makes a few vector instructions of it.
        return match text.bytes().fold(false, |any, byte| any | byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

fn fold_char(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let folded = unicode_case_mapping::case_folded(character);
    folded.and_then(|code| char::from_u32(code.get())).unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn has(text: &str, wanted: &str) -> bool {
        Text::new(wanted, false).is_in(text)
    }

    #[test]
    fn a_word_is_found_at_its_borders_only() {
        assert!(has("run rm now", "rm") && has("rm", "rm") && has("/bin/rm:", "rm") && has("a_rm_b", "rm"));
        assert!(!has("firm", "rm") && !has("rms", "rm") && !has("rm2", "rm") && !has("ürm", "rm"));
        // The second one is a word of its own.
        assert!(has("firm rms rm", "rm"));
        assert!(Text::new("rm", true).is_in("see rms"));
        assert!(!Text::new("rm", true).is_in("firm"));
    }

    #[test]
    fn a_phrase_is_literal_and_its_other_ends_have_no_borders() {
        assert!(has("sudo rm -rf /", "rm -rf /") && has("xx-rf", "-rf") && !has("-rfx", "-rf"));
        assert!(has("a*b", "a*b") && !has("axb", "a*b") && has("x->y", "->"));
    }

    #[test]
    fn case_is_folded_character_by_character() {
        assert!(has("ÉCOLE", "école") && has("Straße", "STRAßE") && has("ΣΊΣΥΦΟΣ", "σίσυφος"));
        // Simple folding: ß is not ss, and nothing is normalised.
        assert!(!has("Straße", "STRASSE") && !has("e\u{301}cole", "école"));
        assert!(has("\u{212a}elvin", "kelvin"));
        assert!(has("ſtop", "STOP"));
    }

    #[test]
    fn places_are_those_of_the_text_itself() {
        let text = "\u{212a}ey KEY İkey ẞ key";
        let places: Vec<&str> =
            Text::new("key", false).places(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(places, ["\u{212a}ey", "KEY", "key"]);
    }

    /// The same in the plainest way: every place is tried.
    fn oracle(text: &str, wanted: &str, is_beginning: bool) -> bool {
        let letters = |text: &str| fold(text).chars().collect::<Vec<_>>();
        let (text, wanted) = (letters(text), letters(wanted));
        (0..=text.len()).any(|start| {
            let end = start + wanted.len();
            let word = |at: Option<&char>| at.is_some_and(|c| c.is_alphanumeric());
            let cut = |left: Option<&char>, right: Option<&char>| word(left) && word(right);
            let before = start.checked_sub(1).and_then(|at| text.get(at));
            text.get(start..end) == Some(&wanted[..])
                && !cut(before, wanted.first())
                && (is_beginning || !cut(wanted.last(), text.get(end)))
        })
    }

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, &mut |word| words.push(word.to_owned()));
        words
    }

    fn whole_words(text: &Text) -> Vec<String> {
        let mut words = Vec::new();
        text.each_whole_word(&mut |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_cut_at_their_borders() {
        assert_eq!(words("sudo Rm -rf_x/é9—ÉCOLE"), ["sudo", "rm", "rf", "x", "é9", "école"]);
        assert_eq!(words("-- "), [""; 0]);
        assert_eq!(whole_words(&Text::new("rm -RF x", true)), ["rm", "rf"]);
        assert_eq!(whole_words(&Text::new("rm -RF ", true)), ["rm", "rf"]);
        assert_eq!(whole_words(&Text::new("x", true)), [""; 0]);
    }

    #[test]
    fn a_template_stands_for_all_texts_that_are_like_it() {
        let may = |text: &str| Text::new(text, false).may_be_in("2026-##-##t##:##:##.###z");
        for text in
            ["2026", "11", "29T11", "-11-29t11:00:", ".123Z", "07.123z", "2026-11-29T11:00:00.123Z", "-"]
        {
            assert!(may(text), "{text}");
        }
        for text in ["2025", "404", "123", "T11", "29", "1", "z", "2026-11-29T11:00:00.123Z ", "é", "#"] {
            assert_eq!(may(text), text == "29", "{text}");
        }
        assert!(Text::new("123", true).may_be_in("2026-##-##t##:##:##.###z"));
    }

    proptest! {
        #[test]
        fn a_text_that_has_another_one_has_its_words_as_neighbours(
            text in "[aAbÉéß9 \\-]{0,14}", wanted in "[aAbÉéß9 \\-]{1,5}", is_beginning in any::<bool>(),
        ) {
            let wanted = Text::new(&wanted, is_beginning);
            let (there, asked) = (words(&text), whole_words(&wanted));
            let has_them = asked.is_empty() || there.windows(asked.len()).any(|some| some == asked);
            prop_assert!(has_them || !wanted.is_in(&text), "{:?} in {:?}", wanted, text);
        }

        #[test]
        fn a_text_is_found_as_by_trying_every_place(
            text in "[aAbÉéß \\-]{0,14}", wanted in "[aAbÉéß \\-]{1,4}", is_beginning in any::<bool>(),
        ) {
            let found = Text::new(&wanted, is_beginning).is_in(&text);
            prop_assert_eq!(found, oracle(&text, &wanted, is_beginning), "{:?} in {:?}", wanted, text);
        }

        #[test]
        fn folding_keeps_the_number_of_characters(text in "\\PC{0,20}") {
            prop_assert_eq!(fold(&text).chars().count(), text.chars().count());
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded.clone());
        }
    }
}
