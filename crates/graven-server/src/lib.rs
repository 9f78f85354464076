//! `graven serve`: one audit trail for programs in any language, over HTTP.

pub mod auth;
pub mod data;
pub mod demo;
pub mod limits;
pub mod name;
pub mod serve;
pub mod settings;
pub mod tls;
pub mod viewer;

mod api;
mod archive;
mod blocking;
mod body;
mod counters;
mod indexing;
mod intake;
mod jwt;
mod life;
mod metrics;
#[cfg(test)]
mod openapi;
mod own;
mod page;
mod peer;
mod problem;
#[cfg(feature = "archive")]
mod shipping;
mod stamp;
mod state;
mod tail;
mod trails;
mod verification;
mod verifying;
