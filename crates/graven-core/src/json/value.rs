//! Checks a whole JSON value without recursion, and takes its whitespace out.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::scan::string_end;
use super::string::{Raw, unescape};
use super::{Compact, DEPTH_MAX, JsonError, JsonFault, shown};

/// The key that marks a detail as stored in a blob.
const BLOB_KEY: &str = "$blob";

/// Up to this many keys are compared each with each; more are sorted.
const FEW_KEYS: usize = 8;

/// What is open around the cursor.
#[derive(Debug, Default)]
struct Open<'a> {
    /// The containers, outermost first: for an object, how many of `keys` belong to those around it.
    containers: Vec<Container>,
    /// The keys seen so far of all open objects.
    keys: Vec<Raw<'a>>,
    /// Whether whitespace was met outside strings.
    loose: bool,
    names_blob: bool,
}

#[derive(Debug, Clone, Copy)]
enum Container {
    Array,
    Object { first_key: usize },
}

impl<'a> Cursor<'a> {
    /// Moves over a value, checking all of it.
    pub(crate) fn value(&mut self) -> Result<Compact<'a>, JsonError> {
        let start = self.at;
        let mut open = Open::default();
        while !self.one_value(&mut open)? {}
        let text = &self.text[start..self.at];
        let text = if open.loose { Cow::Owned(without_whitespace(text)) } else { Cow::Borrowed(text) };
        Ok(Compact { text, names_blob: open.names_blob })
    }

    /// Moves over a scalar or into a container, and then out of all that end here. Says whether the whole value ended.
    fn one_value(&mut self, open: &mut Open<'a>) -> Result<bool, JsonError> {
        open.loose |= self.skip_whitespace();
        match self.peek() {
            Some(b'"') => drop(self.raw_string("a value")?),
            Some(b'-' | b'0'..=b'9') => drop(self.number()?),
            Some(b'{') => {
                open.keys.reserve(FEW_KEYS);
                self.enter(open, Container::Object { first_key: open.keys.len() })?;
                if !self.take(b'}') {
                    self.key(open)?;
                    return Ok(false);
                }
                open.containers.pop();
            }
            Some(b'[') => {
                self.enter(open, Container::Array)?;
                if !self.take(b']') {
                    return Ok(false);
                }
                open.containers.pop();
            }
            _ if self.word("null") || self.word("true") || self.word("false") => {}
            _ => return Err(self.error(JsonFault::Expected("a value"))),
        }
        self.leave(open)
    }

    /// Moves over the opening bracket.
    fn enter(&mut self, open: &mut Open<'a>, container: Container) -> Result<(), JsonError> {
        if open.containers.len() == DEPTH_MAX {
            return Err(self.error(JsonFault::TooDeep));
        }
        open.containers.push(container);
        self.at += 1;
        open.loose |= self.skip_whitespace();
        Ok(())
    }

    /// Moves over a key and its colon.
    fn key(&mut self, open: &mut Open<'a>) -> Result<(), JsonError> {
        let key = self.raw_string("a key")?;
        open.keys.push(key);
        open.loose |= self.skip_whitespace();
        self.expect(b':', "a colon")
    }

    /// After a value: moves to the next one in its container, or out of the containers that end. Says whether none is left.
    fn leave(&mut self, open: &mut Open<'a>) -> Result<bool, JsonError> {
        while let Some(container) = open.containers.last().copied() {
            open.loose |= self.skip_whitespace();
            match container {
                Container::Array if self.take(b',') => return Ok(false),
                Container::Array => self.expect(b']', "a comma or the end of the array")?,
                Container::Object { .. } if self.take(b',') => {
                    open.loose |= self.skip_whitespace();
                    self.key(open)?;
                    return Ok(false);
                }
                Container::Object { first_key } => {
                    self.expect(b'}', "a comma or the end of the object")?;
                    open.close_object(first_key)?;
                }
            }
            open.containers.pop();
        }
        Ok(true)
    }
}

impl Open<'_> {
    fn close_object(&mut self, first_key: usize) -> Result<(), JsonError> {
        let keys = &mut self.keys[first_key..];
        if let Some(key) = doubled(keys) {
            let fault = JsonFault::DoubledKey(shown(&unescape(key)));
            return Err(JsonError { offset: key.start - 1, fault });
        }
        if self.containers.len() == 1 {
            self.names_blob = keys.iter().any(|key| unescape(*key) == BLOB_KEY);
        }
        self.keys.truncate(first_key);
        Ok(())
    }
}

/// A key that says the same as one before it. The keys may be left in another order.
fn doubled<'a>(keys: &mut [Raw<'a>]) -> Option<Raw<'a>> {
    if keys.iter().any(|key| key.escaped) {
        let mut said: Vec<_> = keys.iter().map(|key| (unescape(*key), key)).collect();
        said.sort_unstable_by(|(left, a), (right, b)| left.cmp(right).then(a.start.cmp(&b.start)));
        return said.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| *pair[1].1);
    }
    if keys.len() <= FEW_KEYS {
        let seen = |place: usize| keys[..place].iter().any(|other| other.text == keys[place].text);
        return (1..keys.len()).find(|place| seen(*place)).map(|place| keys[place]);
    }
    keys.sort_unstable_by(|a, b| a.text.cmp(b.text).then(a.start.cmp(&b.start)));
    keys.windows(2).find(|pair| pair[0].text == pair[1].text).map(|pair| pair[1])
}

/// Leaves out the whitespace outside the strings of a checked value.
fn without_whitespace(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', ' ', '\t', '\n', '\r']) {
        kept.push_str(&rest[..at]);
        let end = if rest.as_bytes()[at] == b'"' {
            let end = string_end(rest.as_bytes(), at);
            kept.push_str(&rest[at..end]);
            end
        } else {
            at + 1
        };
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}
