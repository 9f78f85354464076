//! What looks like a secret gets nowhere, and what does not stays as it is.

mod cost;
mod golden;
mod keys;
mod ordinary;
mod page;
mod pairs_of_rules;
mod planted;
mod properties;
mod ways_in;

use graven::Redactor;

/// A redactor with every default.
fn redactor() -> Redactor {
    Redactor::new(graven::Redaction::default()).unwrap()
}

/// Pieces of a secret as long as this are found; shorter ones could stand anywhere by chance.
const PIECE: usize = 10;

/// Whether a text gives a secret away: all of it, or a good piece.
fn leaks(text: &[u8], secret: &str) -> bool {
    let secret = secret.as_bytes();
    let tail = &secret[secret.len().saturating_sub(PIECE)..];
    let middle = &secret[secret.len() / 2..][..PIECE.min(secret.len() - secret.len() / 2)];
    [secret, tail, middle].iter().any(|piece| memchr::memmem::find(text, piece).is_some())
}

#[test]
fn every_planted_secret_is_found_in_a_text() {
    let redactor = redactor();
    let missed: Vec<_> = planted::two_hundred()
        .into_iter()
        .filter(|planted| leaks(redactor.text(&planted.text).as_bytes(), &planted.secret))
        .map(|planted| (planted.text.clone(), redactor.text(&planted.text).into_owned()))
        .collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}
