//! What of a text is looked up later: its words, pairs of neighbours, and whole values. Building and asking share it.

use super::hash::{Seed, Token, token};
use super::value::Key;
use crate::line::Scalar;
use crate::query::{Decimal, Field, Pattern, Text, each_word};

/// What the hashes of words, of fields and of details begin with.
const WORD: u64 = 1;
const FIELD: u64 = 2;
const DETAIL: u64 = 3;

/// What the token of a path begins with: it stands where the detail has something there.
const PRESENT: u64 = 4;

/// A word with a digit and at least this many bytes is mostly a part of a random id. It is rare enough by itself: it makes
/// no pairs.
const ID_PART_BYTES: usize = 4;

/// A value with a word like this is found by its words.
const ID_BYTES: usize = 8;

fn has_digit(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_id_part(word: &str, bytes: usize) -> bool {
    word.len() >= bytes && has_digit(word)
}

/// Collects the words and pairs of one text.
struct Cutter<'a> {
    seed: &'a Seed,
    /// The hash of the word before, if it makes pairs.
    before: Option<u64>,
    /// Whether there was a word by which a value is found.
    has_id: bool,
}

impl Cutter<'_> {
    fn word(&mut self, word: &str, f: &mut dyn FnMut(Token)) {
        let hash = self.seed.hash(WORD, word.as_bytes());
        f(token(hash));
        let makes_pairs = !is_id_part(word, ID_PART_BYTES);
        self.has_id |= !makes_pairs && word.len() >= ID_BYTES;
        if let Some(before) = self.before.filter(|_| makes_pairs) {
            f(token(self.seed.pair(before, hash)));
        }
        self.before = makes_pairs.then_some(hash);
    }
}

/// Shows the tokens of a text of an entry.
pub(super) fn of_text(seed: &Seed, text: &str, f: &mut dyn FnMut(Token)) {
    has_id(seed, text, f);
}

/// The same; whether a value that is this text is found by its words.
fn has_id(seed: &Seed, text: &str, f: &mut dyn FnMut(Token)) -> bool {
    let mut cutter = Cutter { seed, before: None, has_id: false };
    each_word(text, &mut |word| cutter.word(word, f));
    cutter.has_id
}

/// Shows the tokens of a value that no dictionary has: of its words, and of the whole value unless these are enough.
pub(super) fn of_loose(seed: &Seed, field: u64, scalar: Scalar<'_>, f: &mut dyn FnMut(Token)) {
    let is_enough = matches!(scalar, Scalar::Text(text) if has_id(seed, text, f));
    if !is_enough {
        f(of_whole(seed, field, scalar));
    }
}

/// Shows the tokens that a block has in which a word or phrase is found.
pub(super) fn of_query(seed: &Seed, text: &Text, f: &mut dyn FnMut(Token)) {
    let mut cutter = Cutter { seed, before: None, has_id: false };
    text.each_whole_word(&mut |word| cutter.word(word, f));
}

/// Shows the tokens that a block has in which a text is like a pattern. Whole words only: one beside a wildcard may go on.
pub(super) fn of_pattern(seed: &Seed, pattern: &Pattern, f: &mut dyn FnMut(Token)) {
    for whole in pattern.whole_words_of_pieces() {
        of_text(seed, whole, f);
    }
}

/// The hash of a field. Values at one path have hashes that belong to it.
pub(super) fn of_field(seed: &Seed, field: &Field) -> u64 {
    match field {
        Field::Entry(field) => seed.hash(FIELD, field.name().as_bytes()),
        Field::Detail(path) => path.iter().fold(of_detail(seed), |of, key| seed.hash(of, key.as_bytes())),
    }
}

/// The hash of the whole detail.
pub(super) fn of_detail(seed: &Seed) -> u64 {
    seed.hash(DETAIL, b"")
}

/// The token of something at a path.
pub(super) fn of_presence(seed: &Seed, field: u64) -> Token {
    token(seed.pair(field, PRESENT))
}

/// The token of a whole value; `None` when its words are enough.
pub(super) fn of_scalar(seed: &Seed, field: u64, scalar: Scalar<'_>) -> Option<Token> {
    if let Scalar::Text(text) = scalar {
        let mut is_enough = false;
        each_word(text, &mut |word| is_enough |= is_id_part(word, ID_BYTES));
        if is_enough {
            return None;
        }
    }
    Some(of_whole(seed, field, scalar))
}

fn of_whole(seed: &Seed, field: u64, scalar: Scalar<'_>) -> Token {
    if let Scalar::Number(number) = scalar
        && let Some(number) = Decimal::parse(number)
    {
        return of_number(seed, field, &number);
    }
    token(seed.hash(field, Key::of(scalar).as_bytes()))
}

/// The token of a number, however it is written.
pub(super) fn of_number(seed: &Seed, field: u64, number: &Decimal) -> Token {
    token(seed.hash(field, Key::of(Scalar::Number(&number.to_string())).as_bytes()))
}
