//! `graven health`: says whether a server can record, for containers and scripts.

use serde::{Deserialize, Serialize};

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::remote;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven health`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Ask the server at this address: http(s)://HOST:PORT, or unix:PATH for a Unix socket
    /// [default: the one that GRAVEN_HEALTH names, or http://127.0.0.1:4728]
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
}

/// The variable with the address, for an image whose check of health cannot be given one.
const ADDRESS: &str = "GRAVEN_HEALTH";

/// Where a server listens that is told nothing else.
const DEFAULT: &str = "http://127.0.0.1:4728";

const AFTER_HELP: &str = "\
It asks for /readyz, which needs no token, and waits at most 10 seconds. GRAVEN_CA_FILE names a file with the certificates \
to trust, when the server has one of your own.

Exit codes: 0 the server can record (it is ready, or degraded: somebody should look), 1 it cannot record now, 2 no Graven \
server answers there.";

/// What the server says.
#[derive(Debug, Deserialize, Serialize)]
struct Ready {
    /// `ready`, `degraded` or `unready`.
    status: String,
    reasons: Vec<Reason>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Reason {
    trail: String,
    reason: String,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    let named = || std::env::var(ADDRESS).ok().filter(|address| !address.is_empty());
    let address = args.address.clone().or_else(named).unwrap_or_else(|| DEFAULT.to_owned());
    let answer = remote::readiness(&address)?;
    let ready: Ready = serde_json::from_slice(&answer).map_err(|_| {
        Failure::cannot(format_args!("{address} has not answered as a Graven server does"))
            .advise("is the address right? `graven serve` prints it")
    })?;
    let (look, exit) = match ready.status.as_str() {
        "ready" => (Look::Good, failure::OK),
        "degraded" => (Look::Notice, failure::OK),
        _ => (Look::Bad, failure::FOUND),
    };
    if ui.json() {
        ui.object(&ready)?;
        return Ok(exit);
    }
    ui.line(ui.paint(look, &ready.status))?;
    for Reason { trail, reason } in &ready.reasons {
        ui.fact(trail, reason)?;
    }
    Ok(exit)
}
