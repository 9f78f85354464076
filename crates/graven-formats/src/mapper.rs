//! Turns the events of one text, in their order, into entries.

use graven_core::entry::Detail;
use serde::de::IgnoredAny;

use crate::auditd::Joining;
use crate::event::{Event, Unmapped};
use crate::json::Json;
use crate::tools::Tools;
use crate::{Format, claude_code, cloudevents, cloudtrail, codex, github, kubernetes, otlp, vault};

/// Maps the events of one text.
///
/// It remembers little: which calls of tools wait for their results, and records of auditd that belong together.
#[derive(Debug)]
pub struct Mapper {
    format: Format,
    tools: Tools,
    joining: Joining,
}

impl Mapper {
    /// At the beginning of a text.
    pub fn new(format: Format) -> Mapper {
        Mapper { format, tools: Tools::default(), joining: Joining::default() }
    }

    /// Maps one event: a JSON object, or a line of auditd. What it becomes is added to `events`; records that belong to one
    /// event wait for the others. Returns `false` if it is not even JSON, or no record: it is for the caller to keep then.
    pub fn event(&mut self, event: &[u8], events: &mut Vec<Event>) -> bool {
        let Ok(text) = str::from_utf8(event) else { return false };
        if self.format == Format::Auditd {
            return self.joining.record(text, events);
        }
        match Detail::parse(text) {
            Ok(whole) if self.format == Format::Otlp => otlp::line(text, whole, events),
            Ok(whole) => self.object(whole, events),
            Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                events.push(Event::unmapped(Err(text), Unmapped::NotKept));
            }
            Err(_) => return false,
        }
        true
    }

    /// The text has ended: what waited for more is mapped as it is.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.joining.finish(events);
    }

    fn object(&mut self, whole: Detail, events: &mut Vec<Event>) {
        let (json, tools) = (Json::of(&whole), &mut self.tools);
        let mut entries = Vec::new();
        match self.format {
            Format::CloudTrail => entries.extend(cloudtrail::entry(json)),
            Format::Kubernetes => entries.extend(kubernetes::entry(json)),
            Format::CloudEvents => entries.extend(cloudevents::entry(json)),
            Format::Vault => entries.extend(vault::entry(json)),
            Format::GitHub => entries.extend(github::entry(json)),
            Format::ClaudeCode => claude_code::entries(json, tools, &mut entries),
            Format::Codex => entries.extend(codex::entry(json, tools)),
            // The lines of the one are no objects, and those of the other hold many events.
            Format::Auditd | Format::Otlp => {}
        }
        let mut entries = entries.into_iter();
        // The first entry of an event has the whole of it.
        events.push(match entries.next() {
            Some(first) => Event::mapped(first, whole),
            None => Event::unmapped(Ok(whole), Unmapped::OtherKind),
        });
        events.extend(entries.map(|entry| Event { entry: entry.cut_to_fit(), unmapped: None }));
    }
}
