//! The settings of OTLP: plain data.

use std::net::SocketAddr;

use crate::name::TrailName;

/// How a server takes OTLP. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtlpSettings {
    /// Where it listens for gRPC. `None`: nowhere.
    pub grpc_listen: Option<SocketAddr>,
    /// The default trail of those that are not for exactly one.
    pub trail: TrailName,
}

impl OtlpSettings {
    /// Before any value is taken.
    pub(super) fn none() -> OtlpSettings {
        OtlpSettings { grpc_listen: None, trail: TrailName::main() }
    }
}
