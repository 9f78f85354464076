//! Values as bytes that are compared and sorted: of which kind, and the text.

use std::borrow::Cow;

use crate::line::Scalar;

/// The kinds. They sort a dictionary.
pub(super) const NUMBER: u8 = b'0';
pub(super) const TEXT: u8 = b'a';
pub(super) const FALSE: u8 = b'f';
pub(super) const NULL: u8 = b'n';
pub(super) const TRUE: u8 = b't';

/// What the action of a tool begins with.
pub(super) const TOOL: &str = "tool:";

/// One value as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a>(Cow<'a, [u8]>);

impl<'a> Key<'a> {
    pub(super) fn new(scalar: Scalar<'_>, buffer: &'a mut Vec<u8>) -> Key<'a> {
        buffer.clear();
        let (kind, text) = match scalar {
            Scalar::Text(text) => (TEXT, text),
            Scalar::Number(number) => (NUMBER, number),
            Scalar::Bool(false) => (FALSE, ""),
            Scalar::Bool(true) => (TRUE, ""),
            Scalar::Null => (NULL, ""),
        };
        buffer.push(kind);
        buffer.extend_from_slice(text.as_bytes());
        Key(Cow::Borrowed(buffer))
    }

    pub(super) fn of(scalar: Scalar<'_>) -> Key<'static> {
        let mut buffer = Vec::new();
        Key::new(scalar, &mut buffer);
        Key(Cow::Owned(buffer))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The value that these bytes are of.
pub(super) fn read(bytes: &[u8]) -> Option<Scalar<'_>> {
    let (kind, text) = bytes.split_first()?;
    let text = str::from_utf8(text).ok()?;
    match *kind {
        TEXT => Some(Scalar::Text(text)),
        NUMBER => Some(Scalar::Number(text)),
        FALSE => Some(Scalar::Bool(false)),
        TRUE => Some(Scalar::Bool(true)),
        NULL => Some(Scalar::Null),
        _ => None,
    }
}

/// The number, if it is a whole one that is written in the shortest way and fits.
pub(super) fn as_whole(number: &str) -> Option<i64> {
    let is_plain = matches!(number.as_bytes(), [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..]);
    // Nearly all end here, without a look at the text.
    if !is_plain || number.len() > 20 {
        return None;
    }
    number.parse().ok()
}
