//! What the tests of archives stand on: a server of S3 on loopback, and a proxy that fails by a plan.
//!
//! Other crates' tests take it by `#[path]`.
#![allow(dead_code, unused_imports, reason = "each binary of tests uses a part of it")]

mod creations;
mod moto;
mod plan;
mod proxy;
mod server;

pub(crate) use moto::Moto;
pub(crate) use plan::{Fault, Plan, Refusal};
pub(crate) use proxy::Proxy;
pub(crate) use server::{BUCKET, KEY_ID, SECRET, Server, variables};
