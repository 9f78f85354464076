//! `graven serve`: one audit trail for programs in any language, over HTTP.

use std::error::Error;
use std::io;
use std::process;

use graven_server::serve::{Ended, Handed, Server, signals};
use graven_server::settings::{Broken, Settings};
use serde_json::json;
use tracing::Level;

use crate::shared::failure::{self, Ending, Failure};
use crate::shared::server::ServerSettings;
use crate::shared::ui::{Look, Ui};

/// The exit code when a second signal ended the server.
const AT_ONCE: i32 = 130;

/// The arguments of `graven serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: ServerSettings,
    /// Check the settings, say which rule they do not keep, and start nothing
    #[arg(long)]
    check: bool,
}

const AFTER_HELP: &str = "\
The first start prints a link to the page, which logs in once, and an admin token, once. Try it:

  curl -H \"Authorization: Bearer $GRAVEN_TOKEN\" -H 'Content-Type: application/json' \\
       -d '{\"category\":\"api\",\"action\":\"hello\",\"outcome\":\"success\"}' http://127.0.0.1:4728/v1/trails/main/entries

SIGTERM and SIGINT end it in order: streams first, then everything that was accepted is answered, within 10 s. A second \
signal ends it at once. docs/SERVER.md has every address and every setting.

Exit codes: 0 it ended in order, 1 some requests were not answered in time, 2 it cannot start.";

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    // The only thread so far: nobody else reads the environment that this changes.
    let handed = Handed::take()
        .map_err(|error| Failure::cannot(format_args!("cannot listen on what was handed over: {error}")))?;
    let effective = args.settings.effective_at(handed.as_ref().map(Handed::listen))?;
    let broken = effective.check();
    if args.check || !broken.is_empty() {
        return told(ui, &broken);
    }
    tracing_subscriber::fmt().with_max_level(Level::WARN).with_ansi(false).with_writer(io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::cannot(format_args!("cannot start the threads of the server: {error}")))?;
    let settings = effective.settings;
    let ended = runtime.block_on(async {
        // Before anybody can know that the server is there.
        let asked =
            signals().map_err(|error| Failure::cannot(format_args!("cannot wait for signals: {error}")))?;
        let server = Server::start_on(handed, settings.clone())
            .await
            .map_err(|error| Failure::cannot(chain(&error)))?;
        started(ui, &settings, &server)?;
        Ok::<Ended, Failure>(server.run(asked).await)
    })?;
    match ended {
        Ended::InOrder => {
            runtime.shutdown_background();
            Ok(failure::OK)
        }
        Ended::Late => {
            ui.warn("some requests were not answered in time; what was acknowledged is durable");
            // What still runs waits for a client or for storage.
            process::exit(i32::from(failure::FOUND))
        }
        Ended::AtOnce => process::exit(AT_ONCE),
    }
}

/// Says which rules the settings do not keep, and what to add.
fn told(ui: Ui, broken: &[Broken]) -> Ending {
    if ui.json() {
        let rules: Vec<_> = broken
            .iter()
            .map(|Broken { rule, why, add }| json!({"rule": rule, "why": why, "add": add}))
            .collect();
        ui.object(&json!({"ok": broken.is_empty(), "broken": rules}))?;
    } else if broken.is_empty() {
        ui.line(ui.paint(Look::Good, "the settings keep all rules"))?;
    }
    for Broken { rule, why, add } in broken.iter().filter(|_| !ui.json()) {
        ui.note(format_args!("{} {rule}: {why}", ui.paint_err(Look::Bad, "graven:")));
        add.iter().for_each(|line| ui.note(format_args!("        {}", ui.paint_err(Look::Name, line))));
    }
    Ok(if broken.is_empty() { failure::OK } else { failure::CANNOT })
}

/// Says what is served and where, and the token of the first start.
fn started(ui: Ui, settings: &Settings, server: &Server) -> Result<(), Failure> {
    let address = server.url();
    let token = server.first_token().map(|token| token.as_str());
    let data = settings.data.path().display();
    if ui.json() {
        return ui.object(&json!({
            "version": env!("CARGO_PKG_VERSION"), "data": data.to_string(), "address": address, "token": token,
            "link": server.link(), "grpc": server.grpc_address()
        }));
    }
    ui.line(format_args!("graven {} serves", ui.paint(Look::Strong, env!("CARGO_PKG_VERSION"))))?;
    ui.fact("address", &address)?;
    if let Some(grpc) = server.grpc_address() {
        ui.fact("grpc", format_args!("{grpc}, for OTLP"))?;
    }
    ui.fact("data", data)?;
    for trail in &settings.trails {
        let only = if trail.read_only { ", only read" } else { "" };
        ui.fact("trail", format_args!("{} in {}{only}", trail.name, trail.dir.display()))?;
    }
    ui.fact(
        "roles",
        "writer records, reader reads, auditor also proves, exports and verifies, admin does all",
    )?;
    if let Some(link) = server.link() {
        ui.fact("page", ui.paint(Look::Notice, link))?;
        ui.line("The link logs in once, within five minutes. Later, log in there with a token.")?;
    }
    if let Some(token) = token {
        ui.fact("admin token", ui.paint(Look::Notice, token))?;
        let path = settings.data.admin_token();
        ui.line(format_args!(
            "Keep the token: it is shown once. It is also in {} until the first `graven token new`.",
            path.display()
        ))?;
    }
    Ok(())
}

/// An error and each cause behind it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
