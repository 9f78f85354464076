//! The logs that are compared.

mod graven;
mod naive;
mod quipu;
mod tessera;
mod witness;

use crate::peer::Peer;

/// Every peer, and each that cannot be measured here with the reason.
pub(crate) fn all() -> (Vec<Peer>, Vec<String>) {
    let mut peers = graven::peers();
    peers.extend(quipu::peers());
    peers.extend(witness::peers());
    let mut not_run = Vec::new();
    match tessera::peers() {
        Ok(tessera) => peers.extend(tessera),
        Err(reason) => not_run.push(format!("Tessera: {reason}")),
    }
    peers.extend(naive::peers());
    (peers, not_run)
}
