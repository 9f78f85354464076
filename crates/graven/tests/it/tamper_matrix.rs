//! Every way of changing a trail is found, with the right word and at the right place.

#![expect(clippy::disallowed_methods, reason = "tampering does not go through the engine")]

mod any_file;
mod anything;
mod bytes;
mod files;
mod hints;
mod history;
mod image;
mod lines;
mod lock;
mod memory;
mod opened_at_a_boundary;
mod specimen;
mod strays;
mod suite;
mod tail;
