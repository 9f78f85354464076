//! Finds secrets by their shape: passwords in addresses, JWTs, tokens after `Bearer`.

use super::rules::{AZURE_CLIENT, BASIC, BEARER, JWT, TELEGRAM, URL_PASSWORD};
use super::text::Scan;
use super::tokens::{ALNUM, HTTP, URL, is_in, run};
use super::{mark, value};

type Found = Option<(usize, usize, &'static str)>;

/// `scheme://user:password@host`: the password, or all before the `@` when the user's name is itself a key.
pub(super) fn url(scan: &mut Scan<'_>, at: usize) -> Found {
    let (text, bytes) = (scan.text, scan.bytes());
    if at == 0 || !is_in(bytes[at - 1], ALNUM) {
        return None;
    }
    let start = at + 3;
    let (mut end, mut sign) = (start, None);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'/' | b'?' | b'#' => {
                sign = sign.or_else(|| sign_behind(bytes, start, end));
                break;
            }
            b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | 0..=b' ' | 0x7f => break,
            b'@' => sign = Some(end),
            _ => {}
        }
        end += 1;
    }
    scan.work(end - start);
    let sign = sign?;
    let user_info = &text[start..sign];
    if user_info.starts_with("[redacted:") {
        // A mark stays as it is; a mark with other text beside it does not.
        return (!mark::is_known(scan.rules, user_info)).then_some((start, sign, URL_PASSWORD));
    }
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    if value::is_mixed(user, 20) {
        return Some((start, sign, URL_PASSWORD));
    }
    let harmless =
        password.is_empty() || value::is_variable(password) || mark::is_known(scan.rules, password);
    (!harmless).then_some((sign - password.len(), sign, URL_PASSWORD))
}

/// The most bytes that are searched on each side of a slash in a password.
const SLASHED_SEEN: usize = 64;

/// The `@` after a `/` that is part of a password and was not escaped. The sign of this case: a colon stands before the
/// slash, and no port follows the colon.
fn sign_behind(bytes: &[u8], start: usize, slash: usize) -> Option<usize> {
    let user = bytes[start..slash].iter().take(SLASHED_SEEN).position(|byte| *byte == b':')?;
    let before = &bytes[start + user + 1..slash];
    let is_port = before.iter().all(u8::is_ascii_digit) || matches!(before[0], b'$' | b'{');
    // The colons of an IPv6 address stand in brackets.
    if is_port || bytes[start] == b'[' {
        return None;
    }
    let rest = bytes[slash..].iter().take(SLASHED_SEEN);
    let rest = rest.take_while(|byte| !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | 0..=b' '));
    rest.into_iter().position(|byte| *byte == b'@').map(|at| slash + at)
}

/// A JWT: three to five parts in base64 with dots between them; or two parts, if the second is JSON too.
pub(super) fn jwt(scan: &mut Scan<'_>, at: usize) -> Found {
    let bytes = scan.bytes();
    if at > 0 && is_in(bytes[at - 1], URL) {
        return None;
    }
    let mut parts = 0;
    let mut end = at;
    let mut json = false;
    while parts < 5 {
        let length = run(&bytes[end..], URL);
        if length == 0 && parts < 2 {
            break;
        }
        json |= parts == 1 && bytes[end..].starts_with(b"eyJ");
        if parts == 0 && length < 10 {
            return None;
        }
        end += length;
        parts += 1;
        if bytes.get(end) != Some(&b'.')
            || (parts >= 2 && !bytes.get(end + 1).is_some_and(|byte| is_in(*byte, URL)))
        {
            break;
        }
        end += 1;
    }
    scan.work(end - at);
    let whole = parts >= 3 || (parts == 2 && json);
    // The dot before an empty last part belongs to the token.
    let end = if whole && parts == 2 && bytes.get(end) == Some(&b'.') { end + 1 } else { end };
    whole.then_some((at, end, JWT))
}

/// `Bearer <token>` and `Basic <base64>`.
pub(super) fn scheme(scan: &mut Scan<'_>, at: usize) -> Found {
    let (text, bytes) = (scan.text, scan.bytes());
    let (rule, start, word) = match bytes[at + 1].to_ascii_lowercase() {
        b'e' => (BEARER, at.checked_sub(3)?, "bearer"),
        _ => (BASIC, at.checked_sub(2)?, "basic"),
    };
    let end = start + word.len();
    if !bytes.get(start..end)?.eq_ignore_ascii_case(word.as_bytes())
        || (start > 0 && is_in(bytes[start - 1], ALNUM))
    {
        return None;
    }
    let blanks = bytes[end..].iter().take(4).take_while(|byte| matches!(byte, b' ' | b'\t' | b'+')).count();
    let token = end + blanks;
    let length = scan.run_end(token, HTTP) - token;
    let secret = &text[token..token + length];
    let right = match rule {
        BEARER => value::is_bearer(secret),
        _ => is_user_and_password(secret),
    };
    // A full stop at the end belongs to the sentence.
    let stop = secret.len() - secret.trim_end_matches('.').len();
    (blanks > 0 && right).then_some((token, token + length - stop, rule))
}

/// Whether this is what registries keep as `auth`: user and password, or JSON, in base64.
pub(super) fn is_basic(text: &str) -> bool {
    is_user_and_password(text) || (text.len() > 20 && text.starts_with("eyJ"))
}

/// Whether this is base64 of a text such as `user:password`.
fn is_user_and_password(text: &str) -> bool {
    let text = text.trim_end_matches(['.', '=']);
    if text.len() < 6 || text.len() % 4 == 1 {
        return false;
    }
    let mut bits = 0_u32;
    let (mut colon, mut printable) = (false, true);
    for (place, byte) in text.bytes().enumerate() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(six);
        if place % 4 > 0 {
            let decoded = (bits >> (6 - 2 * (place % 4))) as u8;
            colon |= decoded == b':';
            printable &= decoded >= b' ' && decoded != 0x7f;
        }
    }
    colon && printable
}

/// The secret of an application in Entra ID: three characters, `7Q~` or `8Q~`, and at least 31 more.
pub(super) fn azure_client(scan: &mut Scan<'_>, at: usize) -> Found {
    let bytes = scan.bytes();
    let start = at.checked_sub(3)?;
    let is_part = |byte: &u8| is_in(*byte, URL) || matches!(byte, b'.' | b'~');
    let length = bytes[at + 3..].iter().take(64).take_while(|byte| is_part(byte)).count();
    scan.work(length);
    (bytes[start..at].iter().all(is_part) && length >= 31).then_some((start, at + 3 + length, AZURE_CLIENT))
}

/// The token of a Telegram bot: its number, a colon, and at least 33 characters, which begin with `AA`.
pub(super) fn telegram(scan: &mut Scan<'_>, at: usize) -> Found {
    let bytes = scan.bytes();
    let number = bytes[..at].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    let length = bytes[at + 1..].iter().take(64).take_while(|byte| is_in(**byte, URL)).count();
    scan.work(number + length);
    let bounded =
        at == number || !is_in(bytes[at - number - 1], ALNUM) || bytes[..at - number].ends_with(b"bot");
    ((8..=11).contains(&number) && length >= 33 && bounded).then_some((
        at - number,
        at + 1 + length,
        TELEGRAM,
    ))
}
