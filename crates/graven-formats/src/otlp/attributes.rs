//! The attributes of a record, by their names.

use std::borrow::Cow;

use crate::json::Json;

/// The attributes of a record.
pub(super) struct Attributes<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Attributes<'a> {
    pub(super) fn of(attributes: Option<Json<'a>>) -> Attributes<'a> {
        let Some(attributes) = attributes else { return Attributes(Vec::new()) };
        let pair = |pair: Json<'a>| Some((pair.get("key")?.string()?, pair.get("value")?));
        let doubled = attributes.get("kvlistValue").filter(|_| attributes.members().count() == 1);
        Attributes(match doubled {
            Some(pairs) => pairs.elements().filter_map(pair).collect(),
            None => attributes.members().collect(),
        })
    }

    /// The first of these that there is.
    pub(super) fn get(&self, names: &[&str]) -> Option<Json<'a>> {
        let find = |name: &&str| self.0.iter().find(|(known, _)| known == name);
        names.iter().find_map(find).map(|(_, value)| *value)
    }

    /// The first of these that has a text, or is a number.
    pub(super) fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let value = self.get(&[name])?;
            let is_number = value.raw().starts_with(|c: char| c == '-' || c.is_ascii_digit());
            value.text().or_else(|| is_number.then(|| value.raw().to_owned()))
        })
    }
}
