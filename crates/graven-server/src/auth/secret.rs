//! The text of a token: `gvn_`, 32 random bytes in base62, and a check sum.
//!
//! The prefix lets scanners find a token in a repository or a log. The check sum finds a token that was cut or typed
//! wrongly before any file is looked at.

use std::fmt;
use std::io;

use graven_core::hash::{Hash, hex, sha256};

/// What every token begins with.
pub const PREFIX: &str = "gvn_";

/// The digits of base62, in the order of their values.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The digits of 32 bytes: 62^43 is the first power of 62 above 2^256.
const RANDOM_DIGITS: usize = 43;

/// The digits of the check sum: 62^6 is above 2^32.
const SUM_DIGITS: usize = 6;

/// The digits of the hash that make the id of a token.
const ID_DIGITS: usize = 12;

/// A whole token. It is shown once, to the person who made it, and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes one, from 32 secret random bytes.
    pub(super) fn make() -> io::Result<Secret> {
        let body = format!("{PREFIX}{}", random()?);
        let sum = check_sum(&body);
        Ok(Secret(body + &sum))
    }

    /// The text, to be shown or sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> Hash {
        hash(&self.0)
    }
}

/// Without the token itself: it must not get into a log by chance.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({PREFIX}…)")
    }
}

/// 32 secret random bytes in base62.
pub(super) fn random() -> io::Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(base62(&random, RANDOM_DIGITS))
}

/// The hash by which a token is looked up, if the text has the form of a token.
///
/// The comparison that follows need not take constant time: it is one of hashes, in a table. Somebody who measures it
/// learns about the hash of what was sent, and cannot choose a text with a hash that is like the one in the table.
pub(super) fn read(text: &str) -> Option<Hash> {
    let digits = text.strip_prefix(PREFIX)?;
    let is_whole =
        digits.len() == RANDOM_DIGITS + SUM_DIGITS && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (body, sum) = text.split_at_checked(PREFIX.len() + RANDOM_DIGITS)?;
    (is_whole && sum == check_sum(body)).then(|| hash(text))
}

/// The id of the token with this hash: the first digits of `printf %s TOKEN | sha256sum`. With a token that was found
/// somewhere, anybody can find its id.
pub(super) fn id(hash: &Hash) -> String {
    let mut id = hex(hash.as_bytes());
    id.truncate(ID_DIGITS);
    id
}

/// SHA-256, and nothing slower: a token, and what is like one, has 256 random bits, so nobody can guess one.
pub(super) fn hash(text: &str) -> Hash {
    sha256(text.as_bytes())
}

fn check_sum(body: &str) -> String {
    base62(&sha256(body.as_bytes()).as_bytes()[..4], SUM_DIGITS)
}

/// A number of many bytes in base62, with leading zeros up to `length` digits.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![DIGITS[0]; length];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("the rest is less than 62, so the quotient fits a byte");
            rest = value % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_digits() {
        assert_eq!(base62(&[0], 3), "000");
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&[1, 0], 2), "48");
        // 2^256 - 1, from another program.
        assert_eq!(base62(&[255; 32], RANDOM_DIGITS), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
    }

    #[test]
    fn a_token_is_read_back_and_every_change_of_a_character_is_found() {
        let secret = Secret::make().unwrap();
        let text = secret.as_str();
        assert_eq!(text.len(), 53);
        assert_eq!(read(text), Some(secret.hash()));
        assert_eq!(id(&secret.hash()).len(), 12);
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(read(std::str::from_utf8(&changed).unwrap()), None, "{place}");
        }
        for wrong in ["", "gvn_", "gvn", &text[..52], &format!("{text}0"), &format!(" {text}"), "gvn_é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_tokens_differ_and_none_is_shown_by_chance() {
        let (one, two) = (Secret::make().unwrap(), Secret::make().unwrap());
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "Secret(gvn_…)");
    }
}
