//! JSON as text: checked and compacted, never turned into numbers or maps.
//!
//! An entry's `detail` is kept as the caller wrote it, so that numbers stay digit for digit. JSON that two readers could
//! understand differently is refused: doubled keys, lone surrogates, and nesting deeper than a common parser reads. There is
//! no recursion. Hostile text takes linear time, except for the sorting of an object's keys.

use std::borrow::Cow;

pub(crate) mod cursor;
pub mod scan;
pub(crate) mod string;
pub mod tree;
mod value;

use cursor::Cursor;

/// How deep arrays and objects may nest in a value.
///
/// An entry's line is one deeper. `serde_json` reads 127 levels, and it is what the contract's readers use.
pub const DEPTH_MAX: usize = 126;

/// Why a text is not JSON that can be kept, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at byte {offset}")]
#[non_exhaustive]
pub struct JsonError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub fault: JsonFault,
}

/// How long a name may be that an error repeats, in characters.
const NAME_SHOWN: usize = 64;
/// How much of a longer name an error repeats. It is little, because the name can be a secret that is there by mistake.
const LONG_NAME_SHOWN: usize = 12;

/// A caller's name, as an error repeats it: whole, or its first twelve characters when it has more than 64.
pub(crate) fn shown(name: &str) -> String {
    match name.chars().nth(NAME_SHOWN) {
        None => name.to_owned(),
        Some(_) => name.chars().take(LONG_NAME_SHOWN).chain(['…']).collect(),
    }
}

/// What is wrong with a text that should be JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// There is more text after the value.
    #[error("unexpected text after the value")]
    Trailing,
    /// A control character stands unescaped in a string.
    #[error("a control character that is not escaped")]
    Control,
    /// A `\` is followed by something that JSON does not know.
    #[error("an escape that JSON does not know")]
    Escape,
    /// A `\u` escape names one half of a surrogate pair; no Unicode text holds that.
    #[error("half of a surrogate pair")]
    LoneSurrogate,
    /// An object has this key twice, so readers could see different values. When the key has more than 64 characters, these
    /// are the first twelve.
    #[error("the key {0:?} a second time in one object")]
    DoubledKey(String),
    /// Arrays and objects nest deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

/// A JSON value that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compact<'a> {
    /// The value without whitespace outside its strings.
    pub(crate) text: Cow<'a, str>,
    /// Whether it is an object with a key `$blob`, however that is escaped.
    pub(crate) names_blob: bool,
}

/// Checks that a text is one JSON value, and takes out the whitespace.
pub(crate) fn compact(text: &str) -> Result<Compact<'_>, JsonError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_whitespace();
    let value = cursor.value()?;
    cursor.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests;
