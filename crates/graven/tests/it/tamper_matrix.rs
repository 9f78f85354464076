//! Every way of changing a trail is found, with the right word and at the right place.

#![expect(clippy::disallowed_methods, reason = "tampering does not go through the engine")]

mod anything;
mod bytes;
mod files;
mod hints;
mod history;
mod lines;
mod lock;
mod memory;
mod specimen;
mod strays;
mod tail;
