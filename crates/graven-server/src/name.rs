//! The name of a trail that the server serves: a part of addresses, of folders and of settings.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;

/// A name such as `main`: a to z, 0 to 9, `.`, `_` and `-`; a letter or a digit first; at most 64 bytes.
///
/// Such a name is one part of a path and of a URL as it stands, and it is never `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrailName(Box<str>);

/// The name of what is served: of a trail, as `main`, or of an older one of its chain, as `main@1`. These are counted from
/// the oldest, so that a name stays with its trail when the chain grows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServedName {
    /// The newest trail of the chain, which the settings and the tokens name.
    pub(crate) trail: TrailName,
    /// Which of the older ones it is; `None` for the newest itself.
    pub(crate) older: Option<NonZeroUsize>,
}

/// Between the name of a trail and the number of an older one.
const NUMBER: char = '@';

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

impl FromStr for ServedName {
    type Err = BadTrailName;

    fn from_str(text: &str) -> Result<ServedName, BadTrailName> {
        let Some((trail, number)) = text.split_once(NUMBER) else {
            return Ok(ServedName { trail: text.parse()?, older: None });
        };
        // As it is printed: one trail has one address.
        let older: Option<NonZeroUsize> = number.parse().ok().filter(|older| format!("{older}") == number);
        match older {
            Some(_) => Ok(ServedName { trail: trail.parse()?, older }),
            None => Err(BadTrailName(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for ServedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.older {
            None => self.trail.fmt(f),
            Some(older) => f.pad(&format!("{}{NUMBER}{older}", self.trail)),
        }
    }
}

impl Serialize for ServedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

    #[test]
    fn an_older_trail_has_one_name() {
        for good in ["main", "main@1", "a.b@12"] {
            assert_eq!(good.parse::<ServedName>().unwrap().to_string(), good);
        }
        for bad in ["main@", "main@0", "main@01", "main@+1", "main@-1", "main@x", "main@1@1", "@1", "A@1"] {
            assert!(bad.parse::<ServedName>().is_err(), "{bad:?}");
        }
        assert!("main@1".parse::<TrailName>().is_err(), "no setting and no token names it");
    }
}
