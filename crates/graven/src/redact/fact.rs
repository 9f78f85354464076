//! Tells values that are no secrets though they stand under the name of one: a reference, a path, a hash, a mask, a
//! decision, a duration.
//!
//! An audit must keep these: which secret was read, who was allowed to, and for how long.

use super::names::Kind;
use super::value;

/// A value of more bytes than this is not looked at.
const SEEN: usize = 256;

/// Whether a value under a name of this kind only says which secret it is, or what it is like.
pub(super) fn is_fact(text: &str, kind: Kind) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > SEEN {
        return false;
    }
    is_word(text)
        || is_mask(text)
        || is_reference(text)
        || is_path(text)
        || is_hash(text)
        || (!matches!(kind, Kind::Password | Kind::CardCode) && is_time(text))
}

/// Words that decide or that say whether there is a secret.
const WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "none",
    "nil",
    "undefined",
    "allow",
    "allowed",
    "deny",
    "denied",
    "forbid",
    "forbidden",
    "enabled",
    "disabled",
    "required",
    "optional",
    "redacted",
];

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether another program has taken the secret out already: `****`, `[REDACTED]`, `<hidden>`.
fn is_mask(text: &str) -> bool {
    const SAID: &[&str] =
        &["redacted", "hidden", "masked", "filtered", "removed", "secret", "omitted", "sensitive"];
    let inner = text.trim_matches(['[', ']', '<', '>', '(', ')', '*']);
    let first = text.chars().next().unwrap_or_default();
    let filler = matches!(first, '*' | 'x' | 'X' | '•' | '#') && text.chars().all(|next| next == first);
    (filler && text.chars().count() > 2)
        || (inner.len() < text.len() && SAID.iter().any(|word| word.eq_ignore_ascii_case(inner)))
}

/// What addresses of secrets begin with.
#[rustfmt::skip]
const REFERENCES: &[&str] = &[
    "arn:", "urn:", "op://", "vault://", "vault:secret/", "ssm://", "sm://", "secretsmanager:", "aws-sm://",
    "gcp-sm://", "awssm://", "gcpsm://", "akv://", "bws://", "doppler://", "keychain://", "keyring://", "secret://",
    "secretref:", "ref+", "file://", "env://", "kms://", "awskms://", "gcpkms://", "azurekms://",
    "@microsoft.keyvault(", "{{resolve:",
];

/// Whether this names a secret that is kept elsewhere.
fn is_reference(text: &str) -> bool {
    let starts = |start: &&str| {
        text.as_bytes().get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
    };
    if text.contains(char::is_whitespace) {
        return is_variable(text);
    }
    let google = text.starts_with("projects/") && text.contains("/secrets/");
    let address = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .is_some_and(|rest| !rest.contains(['@', '?', '=']) && rest.split('/').all(is_plain));
    google || address || is_variable(text) || REFERENCES.iter().any(starts)
}

/// Whether a template or a shell puts the secret here: `$NAME`, `${NAME}`, `{{ name }}`, `%NAME%`.
fn is_variable(text: &str) -> bool {
    let inner = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("%", "%"), ("<%", "%>")]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b" _.:-/$|\"'[]".contains(&byte);
    let shell = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    inner.is_some_and(|inner| inner.len() > 1 && inner.bytes().all(is_name))
        || text.strip_prefix('$').is_some_and(shell)
}

/// Whether this is the path of a file or directory, with more than one part.
pub(super) fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    let rest = match text {
        _ if drive => &text[2..],
        _ if text.starts_with("./") || text.starts_with("../") || text.starts_with("~/") => &text[1..],
        _ => text,
    };
    let parts = rest.split(['/', '\\']).filter(|part| !part.is_empty()).count();
    let rooted = rest.starts_with('/') || (drive && rest.starts_with('\\'));
    rooted && (parts > 1 || rest.len() < text.len()) && rest.split(['/', '\\']).all(is_plain)
}

/// Whether this is the path of a directory, which the variable `PWD` holds.
pub(super) fn is_directory(text: &str) -> bool {
    is_path(text) || (text.starts_with('/') && text.len() <= SEEN && text.split('/').all(is_plain))
}

/// Whether a part of a path is made of words and numbers, and not of random letters.
fn is_plain(part: &str) -> bool {
    let is_sign = |byte: u8| matches!(byte, b'_' | b'-' | b'.' | b':' | b'@' | b' ' | b'~');
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte) || byte >= 0x80)
        && part.split(|c: char| c.is_ascii() && is_sign(c as u8)).all(|word| !is_random(word))
}

/// Whether the pieces of letters and digits in a word are too short for one: `CamelCase2` has long ones, `aB3dE5` has not.
fn is_random(word: &str) -> bool {
    let bytes = word.as_bytes();
    let begins = |at: &usize| {
        let (before, here) = (bytes[*at - 1], bytes[*at]);
        let capital = before.is_ascii_uppercase() && here.is_ascii_lowercase();
        let after_capitals = capital && *at > 1 && bytes[*at - 2].is_ascii_uppercase();
        before.is_ascii_digit() != here.is_ascii_digit()
            || (before.is_ascii_lowercase() && here.is_ascii_uppercase())
            || after_capitals
    };
    let pieces = 1 + (1..bytes.len()).filter(begins).count();
    bytes.len() > 40 || (bytes.len() >= 6 && 10 * bytes.len() < 26 * pieces)
}

/// Whether this is a hash with its name before it, as audits write it in the place of a secret.
fn is_hash(text: &str) -> bool {
    const NAMES: &[&str] =
        &["hmac-sha256", "hmac-sha512", "sha1", "sha256", "sha384", "sha512", "md5", "blake2b", "blake3"];
    let Some(colon) = text.bytes().take(12).position(|byte| byte == b':') else { return false };
    let (name, digits) = (&text[..colon], &text[colon + 1..]);
    let is_digit =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
        && digits.len() >= 16
        && digits.bytes().all(is_digit)
}

/// Whether this is a duration or a moment: `3607s`, `1h30m`, `90 days`, `2026-01-31`.
fn is_time(text: &str) -> bool {
    const UNITS: &[&str] = &[
        "ns", "us", "ms", "s", "m", "h", "d", "w", "y", "sec", "secs", "second", "seconds", "min", "mins",
        "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month", "months", "year",
        "years",
    ];
    let mut rest = text;
    let mut pairs = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let unit = rest[digits..].trim_start();
        let length = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
        if digits == 0 || digits > 9 || !UNITS.contains(&&unit[..length]) {
            break;
        }
        rest = unit[length..].trim_start();
        pairs += 1;
    }
    let date = text.as_bytes();
    let is_date = date.len() >= 10
        && date[..4].iter().all(u8::is_ascii_digit)
        && (date[4], date[7]) == (b'-', b'-')
        && value::is_timestamp(text);
    (rest.is_empty() && (1..=4).contains(&pairs)) || is_date
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tells_of_a_secret_is_a_fact() {
        for text in [
            "true",
            "allow",
            "none",
            "****",
            "[REDACTED]",
            "<hidden>",
            "••••",
            "arn:aws:iam::1:role/x",
            "op://v/i/f",
            "projects/p/secrets/s/versions/latest",
            "https://oauth2.example.com/token",
            "$DB_PASSWORD",
            "${DB_PASSWORD}",
            "{{ .Values.password }}",
            "$(cat /run/x)",
            "/run/secrets/db",
            "./keys/id_ed25519",
            "~/token",
            "C:\\Users\\bob\\key.pem",
            "hmac-sha256:9f1c02ab4e77aa55",
            "3607s",
            "1h30m",
            "90 days",
            "2026-01-31T12:00:00Z",
        ] {
            assert!(is_fact(text, Kind::Token), "{text}");
        }
        assert!(is_directory("/srv") && is_directory("/"));
    }

    #[test]
    fn a_secret_is_no_fact() {
        for text in [
            "hunter2",
            "/hunter2",
            "$ecret1",
            "xx",
            "{\"a\":1}",
            "/9j4AAQ/kZJRgABAQ",
            "https://x/cb?key=1",
            "12h4",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "/aB3dE5fG7h/iJ9kL1mN3oP",
            "sha256:short",
            "123456",
        ] {
            assert!(!is_fact(text, Kind::Token), "{text}");
        }
        assert!(!is_fact("3607s", Kind::Password));
    }
}
