//! What is looked for in a record: its fields, in one pass, and its attributes by their names.

use std::borrow::Cow;

use crate::json::Json;

/// A log record or a span, as it stands in a detail.
pub(super) struct Record<'a> {
    pub(super) attributes: Attributes<'a>,
    pub(super) trace: Option<Json<'a>>,
    pub(super) span: Option<Json<'a>>,
    /// Of a span.
    pub(super) name: Option<Json<'a>>,
    pub(super) start: Option<Json<'a>>,
    pub(super) end: Option<Json<'a>>,
    pub(super) status: Option<Json<'a>>,
    /// Of a log record.
    pub(super) event: Option<Json<'a>>,
    pub(super) body: Option<Json<'a>>,
    pub(super) time: Option<Json<'a>>,
    pub(super) observed: Option<Json<'a>>,
    pub(super) severity: Option<Json<'a>>,
    pub(super) severity_text: Option<Json<'a>>,
}

impl<'a> Record<'a> {
    pub(super) fn of(record: Json<'a>) -> Record<'a> {
        let [
            attributes,
            trace,
            span,
            name,
            start,
            end,
            status,
            event,
            body,
            time,
            observed,
            severity,
            severity_text,
        ] = record.fields([
            "attributes",
            "traceId",
            "spanId",
            "name",
            "startTimeUnixNano",
            "endTimeUnixNano",
            "status",
            "eventName",
            "body",
            "timeUnixNano",
            "observedTimeUnixNano",
            "severityNumber",
            "severityText",
        ]);
        let attributes = Attributes::of(attributes);
        Record {
            attributes,
            trace,
            span,
            name,
            start,
            end,
            status,
            event,
            body,
            time,
            observed,
            severity,
            severity_text,
        }
    }
}

/// The attributes of a record.
pub(super) struct Attributes<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Attributes<'a> {
    fn of(attributes: Option<Json<'a>>) -> Attributes<'a> {
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
