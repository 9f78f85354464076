//! What stands in a secret's place: `[redacted:<rule>:<12 hex digits>]`.
//!
//! The digits are the first 48 bits of an HMAC-SHA-256 of the secret under the trail's own key: equal secrets of one
//! trail have equal marks, and without the key nobody can try out what a mark stands for.

use graven_core::hash::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::rules::{RULE_BYTES_MAX, is_rule};
use super::text::Rules;

const BEGIN: &str = "[redacted:";
const DIGITS: usize = 12;

/// The key of a trail's marks.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(secret: &[u8; 32]) -> Key {
        Key(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The twelve digits for a text.
    pub(super) fn digits(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        hex(&bytes[..DIGITS / 2])
    }

    /// What tells this key from another, without being it.
    pub(super) fn id(&self) -> String {
        self.digits("the key of a trail's marks")
    }

    /// What stands in a secret's place.
    pub(super) fn mark(&self, rule: &str, secret: &str) -> String {
        format!("{BEGIN}{rule}:{}]", self.digits(secret))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Where the mark ends that begins here, if it is one of a rule that there is: in the name of any other, something
/// could be hidden.
pub(super) fn known_at(rules: &Rules, text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?.strip_prefix(BEGIN.as_bytes())?;
    let colon = rest.iter().take(RULE_BYTES_MAX + 1).position(|byte| *byte == b':')?;
    let digits = rest.get(colon + 1..colon + 1 + DIGITS)?;
    let closed = rest.get(colon + 1 + DIGITS) == Some(&b']');
    let hex = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let rule = std::str::from_utf8(&rest[..colon]).ok()?;
    (closed && hex && is_rule(rules, rule)).then_some(at + BEGIN.len() + colon + DIGITS + 2)
}

/// Whether this text is one mark and nothing else.
pub(super) fn is_known(rules: &Rules, text: &str) -> bool {
    text.starts_with(BEGIN) && known_at(rules, text, 0) == Some(text.len())
}

/// Whether a mark begins within these places, or reaches into them.
pub(super) fn overlaps_known(rules: &Rules, text: &str, start: usize, end: usize) -> bool {
    end_of_known(rules, text, start, end).is_some()
}

/// Where a secret begins that was found at `start`: behind the marks that it begins with, or in. What was redacted
/// before stays as it is, or a second time would make another mark of it.
pub(super) fn behind_known(rules: &Rules, text: &str, start: usize) -> usize {
    let mut start = end_of_known(rules, text, start, start).unwrap_or(start);
    while let Some(end) = known_at(rules, text, start) {
        start = end;
    }
    start
}

/// Where the first mark ends that begins before `end` and reaches beyond `start`.
fn end_of_known(rules: &Rules, text: &str, start: usize, end: usize) -> Option<usize> {
    const MARK_BYTES_MAX: usize = BEGIN.len() + RULE_BYTES_MAX + DIGITS + 2;
    let from = start.saturating_sub(MARK_BYTES_MAX);
    let mut begins = memchr::memchr_iter(b'[', &text.as_bytes()[from..end]);
    begins.find_map(|at| known_at(rules, text, from + at).filter(|ends| *ends > start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 1 to 3 and 6, with the short keys filled with zeros to 32 bytes, which HMAC does anyway.
    #[test]
    fn the_mac_is_that_of_the_rfc() {
        let mac = |key: &[u8], text: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(text);
            hex(&mac.finalize().into_bytes())
        };
        let jefe = mac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(jefe, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(
            mac(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(Key::new(&key).digits("what do ya want for nothing?"), jefe[..12]);
    }

    #[test]
    fn only_a_mark_of_a_known_rule_is_one() {
        let rules = Rules::default();
        let mark = Key::new(&[7; 32]).mark("token", "x");
        assert!(is_known(&rules, &mark));
        for forged in [
            format!("{mark} "),
            format!(" {mark}"),
            mark.replace("token", "hunter2"),
            mark.replace("token", ""),
            mark.to_uppercase(),
            mark.replace(']', ""),
            mark[..mark.len() - 2].to_owned() + "g]",
        ] {
            assert!(!is_known(&rules, &forged), "{forged}");
        }
    }
}
