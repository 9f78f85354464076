//! An entry as other programs' JSON has it: the members of its line, as far as they are set.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Agent, Approval, Category, Entry, Outcome, Phase, Source};

/// As its name in JSON.
macro_rules! by_name {
    ($($type:ty),*) => {
        $(impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        })*
    };
}

by_name!(Category, Outcome, Phase, super::Approver, super::Decision);

/// The members of the line, in its order. An id or a time that is not set yet is left out. The detail is written as JSON: what
/// is no format of JSON gets it as a text.
///
/// ```
/// use graven_core::entry::{Category, Entry, Outcome};
///
/// let entry = Entry::new(Category::Auth, "login", Outcome::Denied).detail_json("[1.50]");
/// let json = serde_json::to_string(&entry).unwrap();
/// assert_eq!(json, r#"{"category":"auth","action":"login","principal":null,"outcome":"denied","detail":[1.50]}"#);
/// ```
impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let time = |time: &_| {
            let mut text = Vec::new();
            crate::time::write_time(time, &mut text);
            String::from_utf8(text).expect("digits and signs are ASCII")
        };
        member(&mut map, "id", &self.id)?;
        member(&mut map, "timestamp", &self.timestamp.as_ref().map(time))?;
        map.serialize_entry("category", &self.category)?;
        map.serialize_entry("action", &self.action)?;
        map.serialize_entry("principal", &self.principal)?;
        map.serialize_entry("outcome", &self.outcome)?;
        member(&mut map, "detail", &self.detail)?;
        member(&mut map, "duration_ms", &self.duration_ms)?;
        member(&mut map, "okr_id", &self.okr_id)?;
        member(&mut map, "okr_run_id", &self.okr_run_id)?;
        member(&mut map, "relay_id", &self.relay_id)?;
        member(&mut map, "session_id", &self.session_id)?;
        member(&mut map, "trace_id", &self.trace_id)?;
        member(&mut map, "span_id", &self.span_id)?;
        member(&mut map, "request_id", &self.request_id)?;
        member(&mut map, "resource", &self.resource)?;
        member(&mut map, "source", &self.source)?;
        member(&mut map, "agent", &self.agent)?;
        member(&mut map, "on_behalf_of", &Some(&self.on_behalf_of).filter(|names| !names.is_empty()))?;
        member(&mut map, "phase", &self.phase)?;
        member(&mut map, "intent_id", &self.intent_id)?;
        member(&mut map, "reason", &self.reason)?;
        member(&mut map, "count", &self.count)?;
        member(&mut map, "received_at", &self.received_at.as_ref().map(time))?;
        member(&mut map, "recorded_by", &self.recorded_by)?;
        member(&mut map, "approval", &self.approval)?;
        map.end()
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Source { ip, user_agent, service, host } = self;
        texts(serializer, [("ip", ip), ("user_agent", user_agent), ("service", service), ("host", host)])
    }
}

impl Serialize for Agent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Agent { id, instance, model, version } = self;
        texts(serializer, [("id", id), ("instance", instance), ("model", model), ("version", version)])
    }
}

impl Serialize for Approval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Approval { by, kind, rule, decision } = self;
        let mut map = serializer.serialize_map(None)?;
        member(&mut map, "by", by)?;
        member(&mut map, "kind", kind)?;
        member(&mut map, "rule", rule)?;
        map.serialize_entry("decision", decision)?;
        map.end()
    }
}

fn texts<S: Serializer>(serializer: S, texts: [(&str, &Option<String>); 4]) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, text) in texts {
        member(&mut map, name, text)?;
    }
    map.end()
}

/// One member, if it is set.
fn member<M: SerializeMap>(map: &mut M, name: &str, value: &Option<impl Serialize>) -> Result<(), M::Error> {
    value.as_ref().map_or(Ok(()), |value| map.serialize_entry(name, value))
}
