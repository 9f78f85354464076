//! Events in the formats of other programs, as entries. Bytes in, entries out: no files, clock, threads, async or HTTP.
//!
//! The same functions serve files and requests. A [`Splitter`] cuts a text into events, in bounded memory and wherever the
//! reads end; a [`Mapper`] turns each event of one [`Format`] into entries. Nothing is refused for what it says: an event
//! keeps its whole text in the entry's detail, and one that cannot be mapped becomes an entry as well, with the reason.
//! `docs/FORMATS.md` says which field becomes which. Requests of OTLP, which hold many events, are read by
//! [`otlp::decode`].
//!
//! ```
//! use graven_formats::{Format, Mapper, guess};
//!
//! let line = br#"{"specversion":"1.0","id":"7","source":"/shop","type":"order.paid","time":"2026-01-31T12:00:00Z"}"#;
//! assert_eq!(guess(line), Some(Format::CloudEvents));
//!
//! let mut events = Vec::new();
//! assert!(Mapper::new(Format::CloudEvents).event(line, &mut events));
//! let entry = &events[0].entry;
//! assert_eq!((entry.id.as_deref(), entry.action.as_str()), (Some("/shop:7"), "order.paid"));
//! ```

mod auditd;
mod claude_code;
mod cloudevents;
mod cloudtrail;
mod codex;
mod event;
mod format;
mod github;
mod guess;
mod json;
mod kubernetes;
mod mapper;
pub mod otlp;
mod split;
mod tools;
mod vault;

pub use cloudevents::binary as cloudevent_of_headers;
pub use event::{Event, Unmapped};
pub use format::{Format, UnknownFormat};
pub use guess::{HEAD_BYTES, can_guess, guess};
pub use mapper::Mapper;
pub use split::{EVENT_BYTES_MAX, Form, Splitter, Unit};
