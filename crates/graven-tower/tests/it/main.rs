//! The behaviours of the layer, on real servers with real clients.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies_pass_untouched;
mod deadline;
mod every_request_is_recorded;
mod fail_closed;
mod grpc;
mod guide;
mod hints;
mod hyper_servers;
mod rules;
mod strangers;
mod support;
mod who_asks;
