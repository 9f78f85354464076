//! Judges a text where a secret may stand: does it look like a secret, like a variable, or like code?

use super::words::Words;

/// Whether a text has at least `min` bytes, with digits and letters among them.
pub(super) fn is_mixed(text: &str, min: usize) -> bool {
    text.len() >= min && has_digit(text) && has_letter(text)
}

/// Whether this may be a token after `Bearer`, and not the next word of a sentence.
pub(super) fn is_bearer(text: &str) -> bool {
    let cased = |text: &str| {
        text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
            && text.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    (is_mixed(text, 8) || (text.len() >= 16 && cased(text)) || text.len() > SEEN) && !is_path_of_names(text)
}

/// Whether this is a placeholder for a value that is elsewhere: `$NAME`, `${…}`, `<…>`, `{…}`, `%s`, `***`.
pub(super) fn is_variable(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The value of an inner variable would be read again and again.
    if bytes.len() > SEEN {
        return is_filler(bytes);
    }
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
    shell
        || printf
        || is_filler(bytes)
        || enclosed(b'<', b'>')
        || enclosed(b'{', b'}')
        || bytes.starts_with(b"${")
        || bytes.starts_with(b"{{")
        || bytes.starts_with(b"<%")
}

/// Whether this is one character again and again, but for a code such as `1111`.
fn is_filler(bytes: &[u8]) -> bool {
    let first = bytes[0];
    bytes.iter().all(|byte| *byte == first) && !(first.is_ascii_digit() && bytes.len() >= 4)
}

/// Whether a text begins with a date and goes on like a time.
pub(super) fn is_timestamp(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-+:.TZtz ".contains(&byte);
    text.len() <= 40 && text.bytes().all(is_part)
}

/// Words that describe a value, or say that there is none.
#[rustfmt::skip]
const NO_VALUES: &[&str] = &[
    "null", "none", "nil", "undefined", "true", "false", "yes", "no", "on", "off", "required", "optional",
    "string", "str", "text", "bytes", "number", "integer", "int", "boolean", "bool", "object", "array",
    "redacted", "hidden", "masked", "missing", "invalid", "empty", "unset", "unknown", "changed", "expired",
    "self", "this", "default", "any", "auto", "env", "type", "value", "key", "name", "id", "password",
    "passwd", "passphrase", "secret", "token", "basic", "bearer", "prompt", "ask", "stdin", "n/a", "and",
    "or", "is", "not",
];

/// Whether this is certainly no secret: empty, a variable, its own name, or one of [`NO_VALUES`].
pub(super) fn is_placeholder(text: &str, name: &str) -> bool {
    let text = text.trim();
    is_variable(text)
        || text.eq_ignore_ascii_case(name)
        || NO_VALUES.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Words of sentences about a secret: `password = "Please enter your password"`.
#[rustfmt::skip]
const PROSE: &[&str] = &[
    "and", "are", "cannot", "enter", "for", "from", "has", "invalid", "is", "least", "missing", "must", "not", "page",
    "password", "passwords", "please", "required", "secret", "the", "token", "too", "was", "with", "wrong", "you",
    "your",
];

/// Whether a text of several words is a sentence rather than a passphrase.
pub(super) fn is_prose(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric()).take(32);
    text.len() <= SEEN && words.any(|word| PROSE.contains(&word.to_ascii_lowercase().as_str()))
}

/// Whether a password may look like this: letters with a digit or a special character, at least 6 bytes, not code.
pub(super) fn is_strong(text: &str) -> bool {
    let sign = |byte: u8| matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*' | b'+' | b'?' | b'~');
    text.len() > SEEN
        || (text.len() >= 6
            && has_letter(text)
            && (has_digit(text) || text.bytes().any(sign))
            && !is_code(text))
}

/// Whether a generated secret may look like this: letters with digits, at least 12 bytes, not code, not a name.
pub(super) fn is_long(text: &str) -> bool {
    text.len() > SEEN || (is_mixed(text, 12) && !is_code(text) && !is_name(text))
}

/// Whether this is an identifier in a program, such as `X509RequestOptions` or `_bindgen_ty_7`: its words are long
/// enough to be words, and not the single letters of a random text.
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

/// A text of more bytes than this counts as a secret: it is not looked at as a name or as code.
pub(super) const SEEN: usize = 256;

/// Whether this looks like code: a call, a path, a type, a reference.
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

/// Whether this is names with dots between them, such as `self.config.token`. A name with digits must have an
/// underscore.
fn is_path_of_names(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && (part.contains('_') || !has_digit(part))
    };
    text.contains('.') && text.split('.').all(name)
}

/// Whether this is the name of a constant.
pub(super) fn is_constant(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Authentication schemes: in a header they stand before the secret.
#[rustfmt::skip]
const SCHEMES: &[&str] = &[
    "bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey", "dpop", "hmac", "aws4-hmac-sha256",
    "key",
];

/// The start of the secret in the value of an `Authorization` header: after the scheme, if there is one.
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
