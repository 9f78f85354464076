//! Base64 as the C2SP formats use it: the standard alphabet, padded, and only one spelling of each value.
//!
//! RFC 4648 section 4, with the strictness that section 3.5 allows: left-over bits of the last character must
//! be zero, padding must be there, and nothing else (no line ends, no spaces) may be. So two texts never decode
//! to the same bytes.

use base64::engine::Engine;
use base64::engine::general_purpose::STANDARD;

/// Writes bytes as base64.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64, and refuses any text that [`encode`] would not have written.
///
/// # Errors
///
/// [`Base64Error::NotCanonical`].
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    // The engine requires canonical padding and zero trailing bits by its default configuration; the tests hold
    // it to that.
    STANDARD.decode(text).map_err(|_| Base64Error::NotCanonical)
}

/// Why a text is not the base64 that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Error {
    /// A character outside the alphabet, missing padding, or bits that no encoder writes.
    #[error("not canonical standard base64")]
    NotCanonical,
    /// Sound base64, of another number of bytes than is needed here.
    #[error("base64 of {found} bytes where {expected} are needed")]
    Length {
        /// How many bytes were needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfc_4648_examples_encode_and_decode() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text), Ok(bytes.as_bytes().to_vec()));
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "Zh==",
            "Zm9=",
            "Zg",
            "Zg=",
            "Zm8",
            "Zg===",
            "Zm9v====",
            " Zg==",
            "Zg==\n",
            "Zm9v\nYmFy",
            "Z-_=",
            "Zg=g",
            "=",
            "Z",
        ] {
            assert_eq!(decode(text), Err(Base64Error::NotCanonical), "{text:?}");
        }
    }

    #[test]
    fn of_all_last_characters_only_those_without_left_over_bits_decode() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let canonical_one = alphabet.chars().filter(|c| decode(&format!("A{c}==")).is_ok()).count();
        let canonical_two = alphabet.chars().filter(|c| decode(&format!("AA{c}=")).is_ok()).count();
        assert_eq!((canonical_one, canonical_two), (4, 16));
    }
}
