//! The fields of an event or span: typed, bounded, and read without trusting their code.

use std::error::Error;
use std::fmt::{self, Debug, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use graven_core::text::Bounded;
use tracing::field::{Field, Visit};

/// The most bytes of all texts of an event together: 1 MiB. With every character escaped that is less than
/// the largest detail that a trail takes, unless it was set lower.
const BYTES_MAX: usize = 1 << 20;

/// Fields by name, each once, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: Vec<(&'static str, Value)>,
    /// Bytes of all texts.
    bytes: usize,
    /// How many texts were cut.
    pub(crate) cut: u64,
}

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Any text.
    Text(String),
    /// A number, or `true` or `false`: as it stands in JSON.
    Literal(String),
}

impl Fields {
    /// The fields that `record` shows to a visitor.
    pub(crate) fn of(record: impl FnOnce(&mut dyn Visit)) -> Fields {
        let mut fields = Fields::default();
        record(&mut fields);
        fields
    }

    /// Takes over what was said later: it replaces what was said before under the same name.
    pub(crate) fn extend(&mut self, later: Fields) {
        self.cut += later.cut;
        for (name, value) in later.values {
            self.set(name, value);
        }
    }

    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        let value = self.fitted(value, name);
        self.bytes += value.bytes();
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                self.bytes -= known.bytes();
                *known = value;
            }
            None => self.values.push((name, value)),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// How many bytes a text may have that is to stand under this name.
    fn room(&self, name: &str) -> usize {
        BYTES_MAX - (self.bytes - self.get(name).map_or(0, Value::bytes)).min(BYTES_MAX)
    }

    fn fitted(&mut self, value: Value, name: &str) -> Value {
        let room = self.room(name);
        match value {
            Value::Text(text) if text.len() > room => {
                self.cut += 1;
                let mut short = Bounded::new(room);
                let _full = short.write_str(&text);
                Value::Text(short.into_marked())
            }
            fitting => fitting,
        }
    }

    /// Has foreign code write a text. It may be endless, or panic.
    fn write(&mut self, field: &Field, write: impl FnOnce(&mut Bounded) -> fmt::Result) {
        let room = self.room(field.name());
        let mut text = Bounded::new(room);
        let written = catch_unwind(AssertUnwindSafe(|| write(&mut text)));
        let full = text.is_full();
        self.cut += u64::from(full);
        let mut text = text.into_marked();
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) if full => {}
            Ok(Err(_)) => text.push_str("[cannot be formatted]"),
            Err(_panic) => text.push_str("[panicked while formatted]"),
        }
        self.set(field.name(), Value::Text(text));
    }

    fn literal(&mut self, field: &Field, literal: impl ToString) {
        self.set(field.name(), Value::Literal(literal.to_string()));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |text| text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, |text| {
            write!(text, "{value}")?;
            let mut source = value.source();
            while let Some(error) = source {
                write!(text, ": {error}")?;
                source = error.source();
            }
            Ok(())
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.literal(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.literal(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.literal(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.literal(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            // The fewest digits that read back the same.
            self.literal(field, serde_json::json!(value));
        } else {
            // JSON has no number for it.
            self.set(field.name(), Value::Text(value.to_string()));
        }
    }
}

impl Value {
    /// The text, as a field of an entry has it.
    pub(crate) fn as_text(&self) -> &str {
        match self {
            Value::Text(text) | Value::Literal(text) => text,
        }
    }

    pub(crate) fn is(&self, literal: &str) -> bool {
        matches!(self, Value::Literal(own) if own == literal)
    }

    /// Appends it as JSON.
    pub(crate) fn write_json(&self, out: &mut String) {
        match self {
            Value::Text(text) => write_json_string(text, out),
            Value::Literal(literal) => out.push_str(literal),
        }
    }

    fn bytes(&self) -> usize {
        self.as_text().len()
    }
}

/// Appends a text as JSON.
pub(crate) fn write_json_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a text is JSON"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_texts_have_together_is_bounded() {
        let mut fields = Fields::default();
        let half = Value::Text("x".repeat(BYTES_MAX / 2 + 10));
        fields.set("a", half.clone());
        fields.set("b", half.clone());
        fields.set("c", half.clone());
        assert_eq!((fields.bytes, fields.cut), (BYTES_MAX, 2));
        assert_eq!(fields.get("c"), Some(&Value::Text(String::new())));
        // What replaces another has that one's room.
        fields.set("a", half.clone());
        assert_eq!((fields.bytes, fields.get("a")), (BYTES_MAX, Some(&half)));
        fields.set("a", Value::Text("short".into()));
        fields.set("c", Value::Text("there is room again".into()));
        assert_eq!(fields.get("c").unwrap().as_text(), "there is room again");
    }
}
