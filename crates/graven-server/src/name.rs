//! The name of a trail that the server serves: a part of addresses, of folders and of settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;

/// A name such as `main`: a to z, 0 to 9, `.`, `_` and `-`; a letter or a digit first; at most 64 bytes.
///
/// Such a name is one part of a path and of a URL as it stands, and it is never `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrailName(Box<str>);

/// A text that is no name of a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a trail: use a to z, 0 to 9, `.`, `_` and `-`, a letter or a digit first, at most \
     {NAME_BYTES_MAX} bytes"
)]
pub struct BadTrailName(String);

impl TrailName {
    /// The trail in which the server records what happens to itself.
    pub fn main() -> TrailName {
        TrailName("main".into())
    }

    /// The trail that `--demo` fills.
    pub fn demo() -> TrailName {
        TrailName("demo".into())
    }

    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrailName {
    type Err = BadTrailName;

    fn from_str(text: &str) -> Result<TrailName, BadTrailName> {
        let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let follows = |byte: u8| begins(byte) || matches!(byte, b'.' | b'_' | b'-');
        let good = text.len() <= NAME_BYTES_MAX
            && text.bytes().next().is_some_and(begins)
            && text.bytes().all(follows);
        if good { Ok(TrailName(text.into())) } else { Err(BadTrailName(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for TrailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for TrailName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TrailName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TrailName, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        for good in ["main", "a", "0", "a.b_c-d", "2026.11", &"a".repeat(64)] {
            assert_eq!(good.parse::<TrailName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", ".a", "-a", "_a", "A", "a/b", "a\0", "ä", "a b", &"a".repeat(65)] {
            assert!(bad.parse::<TrailName>().is_err(), "{bad:?}");
        }
    }
}
