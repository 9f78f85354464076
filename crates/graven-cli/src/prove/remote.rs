//! `graven prove` on a server: its proof, checked here before it is written.

use graven_core::note::VerifierKey;
use graven_core::tlog_proof::TlogProof;
use serde::Deserialize;

use super::{Args, written};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::remote::Remote;
use crate::shared::ui::Ui;
use crate::show;

/// What is needed of a trail.
#[derive(Deserialize)]
struct Trail {
    key: String,
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    let (record, _) = show::remote::find(remote, &args.which)?;
    let index = record.index;
    let text = remote.get(&format!("/entries/{index}/proof"), "text/plain")?;
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::cannot(format_args!("the server's proof of entry {index} proves nothing: {why}"))
            .exit(failure::FOUND)
    };
    let trail: Trail = remote.json("")?;
    let key = VerifierKey::parse(&trail.key).map_err(|error| wrong(&error))?;
    let proof = TlogProof::parse(&text).map_err(|error| wrong(&error))?;
    let size = proof.verify(&record.line, &key).map_err(|error| wrong(&error))?.size;
    let key = format!("'{key}'");
    written(args, ui, index, size, &proof.to_string(), remote.address(), &key)
}
