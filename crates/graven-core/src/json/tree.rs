//! JSON as a tree to look into: strings and keys as what they say, numbers with the digits that they have.

use super::cursor::Cursor;
use super::{JsonError, compact};

/// A JSON value, decoded. Numbers stay text: no number is rounded.
///
/// ```
/// use graven_core::json::tree::Tree;
///
/// let tree = Tree::parse(r#"{"\u0061":[1.50,"\u0072m"]}"#)?;
/// let list = Tree::Array(vec![Tree::Number("1.50".into()), Tree::String("rm".into())]);
/// assert_eq!(tree, Tree::Object(vec![("a".into(), list)]));
/// # Ok::<(), graven_core::json::JsonError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// What a string says.
    String(String),
    /// The elements of an array.
    Array(Vec<Tree>),
    /// The members of an object, in their order.
    Object(Vec<(String, Tree)>),
}

/// A container whose end is still to come.
enum Open {
    Array(Vec<Tree>),
    /// With the key of the member that is being read.
    Object(Vec<(String, Tree)>, String),
}

impl Tree {
    /// Reads one JSON value: what a [`Detail`](crate::entry::Detail) can hold.
    ///
    /// # Errors
    ///
    /// As [`Detail::parse`](crate::entry::Detail::parse).
    pub fn parse(text: &str) -> Result<Tree, JsonError> {
        // All rules are checked there, also how deep it nests.
        compact(text)?;
        Tree::of_checked(text)
    }

    /// The same, of a text that was checked before.
    pub(crate) fn of_checked(text: &str) -> Result<Tree, JsonError> {
        let mut cursor = Cursor::new(text);
        let mut open = Vec::new();
        loop {
            let Some(mut value) = begin(&mut cursor, &mut open)? else {
                continue;
            };
            // A value ended: so may the containers around it.
            loop {
                cursor.skip_whitespace();
                let Some(container) = open.pop() else {
                    return Ok(value);
                };
                let more = cursor.take(b',');
                match container {
                    Open::Array(mut elements) => {
                        elements.push(value);
                        if more {
                            open.push(Open::Array(elements));
                            break;
                        }
                        cursor.expect(b']', "the end of the array")?;
                        value = Tree::Array(elements);
                    }
                    Open::Object(mut members, key) => {
                        members.push((key, value));
                        if more {
                            let key = read_key(&mut cursor)?;
                            open.push(Open::Object(members, key));
                            break;
                        }
                        cursor.expect(b'}', "the end of the object")?;
                        value = Tree::Object(members);
                    }
                }
            }
        }
    }
}

/// Reads a scalar or an empty container; opens any other one and gives `None`.
fn begin(cursor: &mut Cursor<'_>, open: &mut Vec<Open>) -> Result<Option<Tree>, JsonError> {
    cursor.skip_whitespace();
    Ok(Some(match cursor.peek() {
        Some(b'"') => Tree::String(cursor.string()?.into_owned()),
        Some(b'-' | b'0'..=b'9') => Tree::Number(cursor.number()?.to_owned()),
        Some(b'[') => {
            cursor.expect(b'[', "an array")?;
            cursor.skip_whitespace();
            if !cursor.take(b']') {
                open.push(Open::Array(Vec::new()));
                return Ok(None);
            }
            Tree::Array(Vec::new())
        }
        Some(b'{') => {
            cursor.expect(b'{', "an object")?;
            cursor.skip_whitespace();
            if !cursor.take(b'}') {
                let key = read_key(cursor)?;
                open.push(Open::Object(Vec::new(), key));
                return Ok(None);
            }
            Tree::Object(Vec::new())
        }
        _ if cursor.word("true") => Tree::Bool(true),
        _ if cursor.word("false") => Tree::Bool(false),
        _ => {
            cursor.word("null");
            Tree::Null
        }
    }))
}

/// Reads a key and its colon.
fn read_key(cursor: &mut Cursor<'_>) -> Result<String, JsonError> {
    cursor.skip_whitespace();
    let key = cursor.string()?.into_owned();
    cursor.skip_whitespace();
    cursor.expect(b':', "a colon")?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::DEPTH_MAX;

    /// The same tree by another parser, which rounds numbers.
    fn by_serde(value: &serde_json::Value) -> Tree {
        match value {
            serde_json::Value::Null => Tree::Null,
            serde_json::Value::Bool(value) => Tree::Bool(*value),
            serde_json::Value::Number(number) => Tree::Number(number.to_string()),
            serde_json::Value::String(text) => Tree::String(text.clone()),
            serde_json::Value::Array(elements) => Tree::Array(elements.iter().map(by_serde).collect()),
            // serde_json sorts the keys.
            serde_json::Value::Object(members) => {
                Tree::Object(members.iter().map(|(key, value)| (key.clone(), by_serde(value))).collect())
            }
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            ".{0,6}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn another_parser_sees_the_same(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            prop_assert_eq!(Tree::parse(&text).unwrap(), by_serde(&value));
            prop_assert_eq!(crate::entry::Detail::parse(&text).unwrap().tree().unwrap(), by_serde(&value));
        }
    }

    #[test]
    fn no_digit_is_lost_and_no_order() {
        let tree = Tree::parse(r#"{"b":1e999999999999,"a":0.10000000000000000000000001}"#).unwrap();
        let Tree::Object(members) = tree else { panic!("an object") };
        assert_eq!(members[0], ("b".into(), Tree::Number("1e999999999999".into())));
        assert_eq!(members[1].1, Tree::Number("0.10000000000000000000000001".into()));
    }

    #[test]
    fn what_no_detail_can_hold_is_refused() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Tree::parse(&deep(DEPTH_MAX)).is_ok());
        for text in ["", "nul", "[1,]", "{\"a\":1,\"a\":2}", "1 2", "\"\\ud800\"", &deep(DEPTH_MAX + 1)] {
            assert!(Tree::parse(text).is_err(), "{text}");
        }
    }
}
