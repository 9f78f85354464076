//! Writes the values of OTLP as plain JSON.
//!
//! Text, booleans, whole numbers and lists become what they are. What JSON has no form for keeps its name in OTLP:
//! `{"bytesValue":"…"}` in base64 and `{"doubleValue":"NaN"}`. Attributes become an object, unless a key is there twice: then
//! they are `{"kvlistValue":[{"key":…,"value":…}]}`.

use std::borrow::Cow;
use std::collections::HashSet;

use graven_core::base64;
use serde::Serialize;

/// The text that is being written. It is UTF-8.
pub(super) type Out = Vec<u8>;

/// Names of values that keep them. An object of attributes that has only one of these would pass for such a value.
const NAMED: [&str; 4] = ["bytesValue", "doubleValue", "intValue", "kvlistValue"];

/// With so few members comparing each with each is the fastest.
const FEW: usize = 24;

/// A string, a boolean or a number.
pub(super) fn scalar(value: impl Serialize, out: &mut Out) {
    serde_json::to_writer(out, &value).expect("memory takes any text");
}

pub(super) fn string(text: &str, out: &mut Out) {
    scalar(text, out);
}

/// A number of 64 bits, or the name of what is none.
pub(super) fn double(number: f64, out: &mut Out) {
    if number.is_finite() {
        return scalar(number, out);
    }
    let name = match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    };
    Object::new(out).member("doubleValue", |out| string(name, out)).end();
}

pub(super) fn bytes(bytes: &[u8], out: &mut Out) {
    Object::new(out).member("bytesValue", |out| string(&base64::encode(bytes), out)).end();
}

/// A list of values.
pub(super) fn list<V>(values: impl IntoIterator<Item = V>, value: impl Fn(V, &mut Out), out: &mut Out) {
    out.push(b'[');
    for (number, item) in values.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        value(item, out);
    }
    out.push(b']');
}

/// Attributes, or another list of keys with values.
pub(super) fn pairs<V: Copy>(pairs: &[(Cow<'_, str>, V)], value: impl Fn(V, &mut Out), out: &mut Out) {
    if has_doubled(pairs) || matches!(pairs, [(key, _)] if NAMED.contains(&&**key)) {
        let pair = |(key, item): &(Cow<'_, str>, V), out: &mut Out| {
            Object::new(out)
                .member("key", |out| string(key, out))
                .member("value", |out| value(*item, out))
                .end();
        };
        Object::new(out).member("kvlistValue", |out| list(pairs, pair, out)).end();
        return;
    }
    let object = Object::new(out);
    pairs.iter().fold(object, |object, (key, item)| object.member(key, |out| value(*item, out))).end();
}

fn has_doubled<V>(pairs: &[(Cow<'_, str>, V)]) -> bool {
    if pairs.len() <= FEW {
        let keys = || pairs.iter().map(|(key, _)| key);
        return keys().enumerate().any(|(number, key)| keys().take(number).any(|before| before == key));
    }
    let mut seen = HashSet::with_capacity(pairs.len());
    !pairs.iter().all(|(key, _)| seen.insert(key))
}

/// Members without the brackets around them.
pub(super) fn members(write: impl for<'o> FnOnce(Object<'o>) -> Object<'o>) -> Out {
    let mut out = Out::new();
    write(Object { out: &mut out, is_empty: true });
    out
}

/// An object whose members are written one by one.
pub(super) struct Object<'o> {
    out: &'o mut Out,
    is_empty: bool,
}

impl<'o> Object<'o> {
    pub(super) fn new(out: &'o mut Out) -> Object<'o> {
        out.push(b'{');
        Object { out, is_empty: true }
    }

    pub(super) fn member(mut self, name: &str, value: impl FnOnce(&mut Out)) -> Object<'o> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        string(name, self.out);
        self.out.push(b':');
        value(self.out);
        self
    }

    /// A member that is left out when there is no value.
    pub(super) fn optional<V>(
        self,
        name: &str,
        value: Option<V>,
        write: impl FnOnce(V, &mut Out),
    ) -> Object<'o> {
        match value {
            Some(value) => self.member(name, |out| write(value, out)),
            None => self,
        }
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}
