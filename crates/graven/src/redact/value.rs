//! What a text looks like that stands where a secret may stand: like one, like a variable, like a piece of code.

use super::names::Words;

/// Whether there are digits as well as letters, and at least so many bytes in all.
pub(super) fn is_mixed(text: &str, min: usize) -> bool {
    text.len() >= min && has_digit(text) && has_letter(text)
}

/// Whether this may be what follows `Bearer`: not a word of a sentence.
pub(super) fn is_bearer(text: &str) -> bool {
    let cased = |text: &str| {
        text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
            && text.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    (is_mixed(text, 8) || (text.len() >= 16 && cased(text)) || text.len() > SEEN) && !is_path_of_names(text)
}

/// Whether this stands for a value that is elsewhere: `$NAME`, `${…}`, `<…>`, `{…}`, `%s`, `***`.
pub(super) fn is_variable(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((first, rest)) = bytes.split_first() else {
        return true;
    };
    let last = bytes[bytes.len() - 1];
    let enclosed = |open, close| *first == open && last == close;
    let shell = *first == b'$'
        && (rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            || matches!(rest.first(), Some(b'{' | b'(')));
    let printf =
        *first == b'%' && (rest.len() <= 2 || matches!(rest[0], b'(' | b'{')) || enclosed(b'%', b'%');
    let filler = rest.iter().all(|byte| byte == first) && !(first.is_ascii_digit() && bytes.len() >= 4);
    shell
        || printf
        || filler
        || enclosed(b'<', b'>')
        || enclosed(b'{', b'}')
        || bytes.starts_with(b"${")
        || bytes.starts_with(b"{{")
        || bytes.starts_with(b"<%")
}

/// Words that stand for a value, or say that there is none.
#[rustfmt::skip]
const NO_VALUES: &[&str] = &[
    "null", "none", "nil", "undefined", "true", "false", "yes", "no", "on", "off", "required", "optional",
    "string", "str", "text", "bytes", "number", "integer", "int", "boolean", "bool", "object", "array",
    "redacted", "hidden", "masked", "missing", "invalid", "empty", "unset", "unknown", "changed", "expired",
    "self", "this", "default", "any", "auto", "env", "type", "value", "key", "name", "id", "password",
    "passwd", "passphrase", "secret", "token", "basic", "bearer", "prompt", "ask", "stdin", "n/a", "and",
    "or", "is", "not",
];

/// Whether nobody's secret is this: nothing, a variable, or a word for a value.
pub(super) fn is_placeholder(text: &str, name: &str) -> bool {
    let text = text.trim();
    is_variable(text)
        || text.eq_ignore_ascii_case(name)
        || NO_VALUES.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a password may look like this: a digit or another sign among its letters.
pub(super) fn is_strong(text: &str) -> bool {
    let sign = |byte: u8| matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*' | b'+' | b'?' | b'~');
    text.len() > SEEN
        || (text.len() >= 6
            && has_letter(text)
            && (has_digit(text) || text.bytes().any(sign))
            && !is_code(text))
}

/// Whether something that a machine made may look like this: long, and mixed.
pub(super) fn is_long(text: &str) -> bool {
    text.len() > SEEN || (is_mixed(text, 12) && !is_code(text) && !is_name(text))
}

/// Whether this is a name as programs have them, `X509RequestOptions` or `_bindgen_ty_7`: its words are words, and
/// not single letters as chance would have them.
fn is_name(text: &str) -> bool {
    let words = Words::of(text);
    let words = words.list();
    let count = words.iter().filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit())).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && letters >= 4 * count
        && digits <= 4
        && words.iter().all(|word| {
            word.trim_end_matches(|last: char| last.is_ascii_digit())
                .bytes()
                .filter(u8::is_ascii_digit)
                .count()
                == 0
        })
}

/// A text that is longer than this is no name and no piece of code.
pub(super) const SEEN: usize = 256;

/// Whether a piece of a program looks like this: a call, a path, a type, a reference.
pub(super) fn is_code(text: &str) -> bool {
    let first = text.as_bytes().first().copied().unwrap_or(b'(');
    matches!(first, b'(' | b'[' | b'&' | b'*' | b'!' | b'|' | b'.' | b'/' | b'\\')
        || text.contains('(')
        || text.contains('[')
        || text.contains("::")
        || text.contains("->")
        || is_path_of_names(text)
        || text.strip_suffix(['?', '!']).is_some_and(is_path_of_names)
}

/// `self.config.token`: names with dots between. One with digits has an underscore.
fn is_path_of_names(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && (part.contains('_') || !has_digit(part))
    };
    text.contains('.') && text.split('.').all(name)
}

/// A constant's name.
pub(super) fn is_constant(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Ways to prove who one is that may stand before a secret in a header.
#[rustfmt::skip]
const SCHEMES: &[&str] = &[
    "bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey", "dpop", "hmac", "aws4-hmac-sha256",
    "key",
];

/// Where the secret begins in the value of a header `Authorization`: behind the scheme, if one is named.
pub(super) fn behind_scheme(value: &str) -> usize {
    let Some(blank) = value.bytes().take(20).position(|byte| byte == b' ') else {
        return 0;
    };
    let scheme = &value[..blank];
    if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return 0;
    }
    blank + value[blank..].bytes().take_while(|byte| *byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_values() {
        for text in [
            "$TOKEN",
            "${token}",
            "$(cat x)",
            "<token>",
            "{token}",
            "{{ token }}",
            "%s",
            "%(pw)s",
            "***",
            "xxx",
            "%PW%",
        ] {
            assert!(is_variable(text), "{text}");
        }
        for text in ["hunter2", "$ecret1", "p%ss", "1111", "<x", "a"] {
            assert_eq!(is_variable(text), text == "a", "{text}");
        }
    }

    #[test]
    fn code_is_told_from_passwords() {
        for text in
            ["self.token", "get_token(1)", "Uuid::new_v4()", "&str", "[u8;32]", "args.password?", "row[1]"]
        {
            assert!(!is_strong(text), "{text}");
        }
        for text in ["hunter2", "s3cr3t!", "correct#horse", "Tr0ub4dor&3"] {
            assert!(is_strong(text), "{text}");
        }
    }

    #[test]
    fn the_scheme_is_no_secret() {
        assert_eq!(behind_scheme("Bearer abc"), 7);
        assert_eq!(behind_scheme("basic  abc"), 7);
        assert_eq!(behind_scheme("hunter2 abc"), 0);
        assert_eq!(behind_scheme("abc"), 0);
    }
}
