//! Moves over JSON that has been checked: where a string, a scalar or a whole value ends.
//!
//! The crate's own reader checks what it reads; here nothing is checked, so that moving on is as fast as finding the
//! next quote. It is for the detail of an entry, for stored lines, and for other text that was read before. In text
//! that is not JSON the answers mean nothing, but they are always places in the text: nothing here panics, recurses or
//! allocates, and the time grows with the text.
//!
//! ```
//! use graven_core::json::scan::{skip_blanks, string_end, value_end};
//!
//! let text = br#"{"a": [1, "}"]}"#;
//! assert_eq!(string_end(text, 1), 4);
//! assert_eq!(value_end(text, skip_blanks(text, 5)), 14);
//! assert_eq!(value_end(text, 0), text.len());
//! ```

use memchr::memchr2;

/// Where the next byte stands that is not JSON whitespace.
#[inline]
pub fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + rest(text, at).iter().take_while(|byte| is_blank(**byte)).count()
}

/// Where the string ends that starts at this quote: behind its closing quote.
#[inline]
pub fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(next) = memchr2(b'"', b'\\', rest(text, end)) {
        end += next + 1;
        if text[end - 1] == b'"' {
            return end;
        }
        // A backslash: the byte behind it is no end, whatever it is.
        end += 1;
    }
    text.len()
}

/// Where the number or word ends that starts here.
#[inline]
pub fn scalar_end(text: &[u8], at: usize) -> usize {
    let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}') || is_blank(*byte);
    let rest = rest(text, at);
    at + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Where the value of any kind ends that starts here.
pub fn value_end(text: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0_usize);
    while let Some(byte) = text.get(at) {
        at = match byte {
            b'"' => string_end(text, at),
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b',' | b':' => at + 1,
            byte if is_blank(*byte) => at + 1,
            _ => scalar_end(text, at),
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What follows; nothing past the end.
fn rest(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn strings_end_at_the_first_quote_that_is_not_escaped() {
        for string in
            [r#""""#, r#""a""#, r#""\"""#, r#""\\""#, r#""\\\"\\""#, r#""\u0022,\"""#, "\"é\u{2028}\""]
        {
            let text = format!("[{string},\"next\"]");
            assert_eq!(string_end(text.as_bytes(), 1), 1 + string.len(), "{text}");
        }
    }

    #[test]
    fn scalars_end_before_what_follows() {
        for scalar in ["0", "-1.5e+300", "true", "null"] {
            for behind in ["", ",", "]", "}", " ", "\t1", "\n", "\r"] {
                assert_eq!(scalar_end(format!("{scalar}{behind}").as_bytes(), 0), scalar.len());
            }
        }
    }

    #[test]
    fn what_is_no_json_has_an_end_as_well() {
        for text in ["", "\"", "\"\\", "\"a\\\"", "[", "[[\"]", "}", "]", ",", "{\"a\":", "x y"] {
            for at in 0..text.len() + 2 {
                for end in [string_end, scalar_end, value_end, skip_blanks] {
                    assert!(end(text.as_bytes(), at) <= text.len().max(at), "{text:?} from {at}");
                }
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            r#"[\\"{}\[\],: a]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(r#"[\\"{}a]{0,6}"#, inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_ends_where_it_was_written_to(value in any_json(), pretty: bool, blanks in "[ \t\r\n]{0,3}") {
            let written = match pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            for behind in ["", ",", "}", "]", " ", ",\"next\":1}"] {
                let text = format!("{blanks}{written}{behind}");
                let start = skip_blanks(text.as_bytes(), 0);
                prop_assert_eq!(start, blanks.len());
                prop_assert_eq!(value_end(text.as_bytes(), start), start + written.len());
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_leave_the_text(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0_usize..64) {
            for end in [string_end, scalar_end, value_end, skip_blanks] {
                prop_assert!(end(&bytes, at) <= bytes.len().max(at));
            }
        }
    }
}
