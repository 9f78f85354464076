//! The name of a file or an object that stands for an origin: an origin may have any character, such as `/`.
//!
//! Letters, digits, `-`, `_` and `.` stay, and each other byte becomes `%` and two upper-case hex digits. A name of
//! dots alone would lead elsewhere in a file system: there the first dot is encoded too.

use graven_core::hash::hex;

/// The name for an origin.
pub fn encode(origin: &str) -> String {
    let dots = !origin.is_empty() && origin.bytes().all(|byte| byte == b'.');
    let mut name = String::with_capacity(origin.len());
    for (place, byte) in origin.bytes().enumerate() {
        if is_plain(byte) && !(dots && place == 0) {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push_str(&hex(&[byte]).to_uppercase());
        }
    }
    name
}

/// The origin for a name; `None` for a name that [`encode`] does not make.
pub fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = behind;
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = behind;
    }
    let origin = String::from_utf8(bytes).ok()?;
    (encode(&origin) == name).then_some(origin)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_has_one_name_and_every_name_one_origin() {
        for (origin, name) in [
            ("graven.local/5f1c0f3a9be24d77", "graven.local%2F5f1c0f3a9be24d77"),
            ("a-b_c.d", "a-b_c.d"),
            ("100%", "100%25"),
            (".", "%2E"),
            ("..", "%2E."),
            ("../x", "..%2Fx"),
            ("größe", "gr%C3%B6%C3%9Fe"),
        ] {
            assert_eq!(encode(origin), name);
            assert_eq!(decode(name).as_deref(), Some(origin));
        }
        for name in [".", "..", "a/b", "%2f", "%41", "%", "%2", "%+1", "%FF", "a b"] {
            assert_eq!(decode(name), None, "{name}");
        }
    }
}
