//! Reads the TOML file: each key with its line and its value as text.

use std::path::Path;

use graven::disk::OsDisk;
use graven::durable;
use graven_core::nearest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SettingsError;
use super::source::{Raw, Source};
use super::table::{self, ROWS};

/// The most bytes of the file.
const BYTES_MAX: u64 = 1 << 20;

/// Reads the file. A key that is no setting is an error.
pub(super) fn read(path: &Path) -> Result<Vec<Raw>, SettingsError> {
    let cannot = |source| SettingsError::File { path: path.to_owned(), source };
    let bytes = durable::read_at_most(&OsDisk, path, BYTES_MAX).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|error| cannot(std::io::Error::other(error)))?;
    let reading = Reading { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| reading.line(span.start));
        SettingsError::Syntax { path: path.to_owned(), line, why: error.message().to_owned() }
    })?;
    let mut found = Vec::new();
    reading.table("", table.get_ref(), &mut found)?;
    Ok(found)
}

struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reading<'_> {
    /// The line of a place, from 1.
    fn line(&self, place: usize) -> usize {
        1 + self.text.as_bytes()[..place.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    fn source(&self, place: usize) -> Source {
        Source::File { path: self.path.to_owned(), line: self.line(place) }
    }

    /// All values of a table, with the keys of the tables around it before theirs.
    fn table(&self, above: &str, table: &DeTable<'_>, found: &mut Vec<Raw>) -> Result<(), SettingsError> {
        for (name, value) in table {
            let key = if above.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{above}.{}", name.get_ref())
            };
            let at = self.source(name.span().start);
            if let Some(row) = table::find(&key) {
                let items =
                    items(value).map_err(|why| SettingsError::Value { at: at.clone(), key: row.key, why })?;
                found.push(Raw { row, at, items });
                continue;
            }
            match value.get_ref() {
                DeValue::Table(inner) if is_table(&key) => self.table(&key, inner, found)?,
                _ => {
                    let nearest = nearest(&key, ROWS.iter().map(|row| row.key));
                    return Err(SettingsError::UnknownKey { at, key, nearest });
                }
            }
        }
        Ok(())
    }
}

/// Whether settings are in this table.
fn is_table(key: &str) -> bool {
    ROWS.iter().any(|row| row.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// A value as texts: a list as its items, a table as `name=value`.
fn items(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, String> {
    match value.get_ref() {
        DeValue::Array(list) => list.iter().map(text).collect(),
        DeValue::Table(table) => {
            table.iter().map(|(name, value)| Ok(format!("{}={}", name.get_ref(), text(value)?))).collect()
        }
        _ => Ok(vec![text(value)?]),
    }
}

fn text(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Ok(yes.to_string()),
        other => Err(format!("{} is not taken here: write it in quotes", other.type_str())),
    }
}
