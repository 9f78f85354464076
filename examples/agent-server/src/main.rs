//! The running example: an agent server whose every action is in a Graven trail.
//!
//! Sessions, prompts, tools that run as subprocesses, personas, a configuration and deployments of itself: small, and
//! real. Each kind of action is recorded under its category.

mod app;
mod args;
mod audit;
mod auth;
mod config;
mod deployments;
mod failure;
mod listen;
mod prompts;
mod sandbox;
mod sessions;
mod swarm;
mod tools;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use clap::Parser;
use graven::{LastingTrail, Settings, Trail};
use graven_tower::{AuditLayer, Rule, Strangers, TrustedProxies};

use crate::app::App;
use crate::args::Args;

/// After this long without an entry, the trail records a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    // What goes wrong with the trail; that something was recorded is in the trail itself.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _unsaid = writeln!(std::io::stderr(), "agent-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // Before everything that records, and so dropped last: it closes the trail, also after a panic.
    let guard = graven::guard();
    let settings = Settings::new(&args.trail).heartbeat(HEARTBEAT);
    let trail = Trail::open(settings).map_err(|error| error.chain())?;
    graven::init_trail(trail.clone()).expect("nothing else sets it");
    let trail = LastingTrail::from(trail);
    let scratch = tempfile::Builder::new().prefix("agent-server-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(&trail, scratch.path(), args));
    // Requests that were not done in time end here, as abandoned: before the trail is closed.
    runtime.shutdown_timeout(Duration::from_secs(1));
    guard.close().map_err(|error| error.chain())?;
    served
}

/// Serves until a signal says to stop, and then what was begun before it.
async fn serve(trail: &LastingTrail, scratch: &Path, args: &Args) -> Result<(), Box<dyn Error>> {
    let app = App::new(trail.clone(), scratch, args);
    let server = router(app, audit_layer(trail, args)?);
    listen::serve(args.listen, server).await
}

/// Every route; the audit layer is the last, and so the outermost.
fn router(app: App, audit: AuditLayer) -> Router {
    let known = Router::new()
        .merge(sessions::routes())
        .merge(prompts::routes())
        .merge(tools::routes())
        .merge(swarm::routes())
        .merge(config::routes())
        .merge(deployments::routes())
        .merge(audit::routes())
        .route_layer(axum::middleware::from_fn_with_state(app.clone(), auth::authenticate));
    known.route("/healthz", axum::routing::get(|| async { "ok\n" })).with_state(app).layer(audit)
}

/// How requests are recorded. Unless `--fail-open` is given, [`auth::authenticate`] adds an intent before each.
fn audit_layer(trail: &LastingTrail, args: &Args) -> Result<AuditLayer, Box<dyn Error>> {
    let mut layer =
        AuditLayer::new(trail.clone()).service_name("agent-server").rule(Rule::on("/healthz").skip());
    if args.strangers_window > 0 {
        layer = layer.count_strangers(Strangers::new(Duration::from_secs(args.strangers_window)));
    }
    if !args.trusted_proxy.is_empty() {
        layer = layer.trusted_proxies(TrustedProxies::x_forwarded_for(&args.trusted_proxy)?);
    }
    Ok(layer)
}
