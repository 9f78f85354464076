//! The behaviours of the example server: the real binary, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test makes its own folders")]

mod audit_endpoint;
mod client;
mod every_category;
mod full_disk;
mod killed;
mod refusals;
mod server;
mod strangers;
mod terminated;
mod two_servers;
