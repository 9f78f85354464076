//! Looks into JSON that was checked before, without copying it.

use std::borrow::Cow;
use std::ops::Range;

use graven_core::entry::Detail;
use graven_core::json::scan::{string_end, value_end};

/// A value in checked JSON without white space between its parts, which is what a [`Detail`] holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// `null`.
    pub(crate) const NULL: Json<'static> = Json("null");

    /// What a detail says.
    pub(crate) fn of(detail: &'a Detail) -> Json<'a> {
        Json(detail.as_str())
    }

    /// The value that stands at this place in its text.
    pub(crate) fn part(self, place: Range<usize>) -> Json<'a> {
        Json(&self.0[place])
    }

    /// The JSON text.
    pub(crate) fn raw(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// The members of an object; of another value none.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let (text, mut at) = (self.0, 1);
        let mut more = self.is_object() && text != "{}";
        std::iter::from_fn(move || {
            if !more {
                return None;
            }
            let key_end = string_end(text.as_bytes(), at);
            let end = value_end(text.as_bytes(), key_end + 1);
            let key = Json(text.get(at..key_end)?).string()?;
            let value = Json(text.get(key_end + 1..end)?);
            more = text.as_bytes().get(end) == Some(&b',');
            at = end + 1;
            Some((key, value))
        })
    }

    /// The elements of an array; of another value none.
    pub(crate) fn elements(self) -> impl Iterator<Item = Json<'a>> {
        let (text, mut at) = (self.0, 1);
        let mut more = text.starts_with('[') && text != "[]";
        std::iter::from_fn(move || {
            if !more {
                return None;
            }
            let end = value_end(text.as_bytes(), at);
            let value = Json(text.get(at..end)?);
            more = text.as_bytes().get(end) == Some(&b',');
            at = end + 1;
            Some(value)
        })
    }

    /// The members with these names, in one pass. One that is `null` is absent.
    pub(crate) fn fields<const N: usize>(self, names: [&str; N]) -> [Option<Json<'a>>; N] {
        let mut found = [None; N];
        for (key, value) in self.members().filter(|(_, value)| value.0 != "null") {
            if let Some(place) = names.iter().position(|name| *name == key) {
                found[place] = Some(value);
            }
        }
        found
    }

    /// The member with this name, unless it is `null`.
    pub(crate) fn get(self, name: &str) -> Option<Json<'a>> {
        let [field] = self.fields([name]);
        field
    }

    /// The value at the end of a path of names.
    pub(crate) fn at(self, path: &[&str]) -> Option<Json<'a>> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// What a string says.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(self.0).ok().map(Cow::Owned)
    }

    /// What a string says that is not empty.
    pub(crate) fn text(self) -> Option<String> {
        self.string().filter(|text| !text.is_empty()).map(Cow::into_owned)
    }

    /// A whole number, which may be in a string.
    pub(crate) fn number(self) -> Option<i64> {
        self.string().map_or_else(|| self.0.parse().ok(), |text| text.parse().ok())
    }

    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }
}

/// A field as text, if it is there.
pub(crate) fn text(field: Option<Json<'_>>) -> Option<String> {
    field.and_then(Json::text)
}

/// Whether a field is a string that says this.
pub(crate) fn says(field: Option<Json<'_>>, what: &str) -> bool {
    field.and_then(Json::string).is_some_and(|text| text == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_those_of_another_parser() {
        let text = r#"{"a":1,"b\u0022":"x\n\"y","c":{"d":[1,{"e":"}"},"]"],"f":null},"g":{},"h":[],"":true}"#;
        let detail = Detail::parse(text).unwrap();
        let json = Json::of(&detail);
        let keys: Vec<String> = json.members().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(keys, ["a", "b\"", "c", "g", "h", ""]);
        let [a, b, f, none] = json.fields(["a", "b\"", "f", "z"]);
        assert_eq!((a.and_then(Json::number), text_of(b)), (Some(1), Some("x\n\"y".into())));
        assert!(f.is_none() && none.is_none() && json.at(&["c", "f"]).is_none());
        let elements: Vec<&str> = json.at(&["c", "d"]).unwrap().elements().map(Json::raw).collect();
        assert_eq!(elements, ["1", r#"{"e":"}"}"#, r#""]""#]);
        assert_eq!(json.get("g").unwrap().members().count() + json.get("h").unwrap().elements().count(), 0);
        assert!(json.get("").unwrap().is_true() && json.elements().next().is_none());
    }

    fn text_of(field: Option<Json<'_>>) -> Option<String> {
        text(field)
    }

    #[test]
    fn numbers_may_be_in_strings() {
        for (text, number) in
            [("12", Some(12)), ("\"-12\"", Some(-12)), ("1.5", None), ("\"x\"", None), ("true", None)]
        {
            assert_eq!(Json::of(&Detail::parse(text).unwrap()).number(), number, "{text}");
        }
    }
}
