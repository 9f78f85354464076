//! `graven token`: makes, lists and revokes the tokens of a server, in its folder.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use graven::Category;
use graven::clock::{Clock, OsClock};
use graven_server::auth::{AuthError, Listed, NewToken, Role, Scope, Token, Tokens};
use graven_server::data::DataFolder;
use graven_server::name::TrailName;
use graven_server::settings::expiry;
use serde_json::json;

use crate::shared::failure::{self, Ending, FOUND, Failure};
use crate::shared::server::ServerFolder;
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven token`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token, and print it once
    New(New),
    /// List all tokens, without the tokens themselves
    List(List),
    /// Revoke a token: it is refused from the next request on
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_NEW)]
struct New {
    /// Choose what the token is for: writer hands entries in, reader reads, auditor also proves, exports and verifies,
    /// admin may do everything
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// Limit it to this trail; may be given several times [default: all trails]
    #[arg(long = "trail", value_name = "TRAIL", value_parser = trail)]
    trails: Vec<TrailName>,
    /// Limit it to entries of this category; may be given several times [default: all categories]
    #[arg(long = "category", value_name = "CATEGORY", value_parser = category)]
    categories: Vec<Category>,
    /// Refuse it from then on: a period such as 90d, a day, or a moment such as 2027-01-01T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Allow entries with another principal than the name of the token
    #[arg(long)]
    assert_principal: bool,
    /// Name it: the principal of the entries that are handed in with it [default: the role and the id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    folder: ServerFolder,
}

const AFTER_NEW: &str = "\
The token is printed to standard output and kept nowhere: the server's folder has its SHA-256. Clients send it as \
`Authorization: Bearer gvn_…`. It counts from the next request on, also on a server that is running.

The first token that is made removes DATA/admin-token; the token that was in it still counts.";

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    folder: ServerFolder,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The id of the token, or its name if no other token has it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    folder: ServerFolder,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn trail(text: &str) -> Result<TrailName, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn category(text: &str) -> Result<Category, String> {
    text.parse().map_err(|error| format!("{error}"))
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    match &args.command {
        Command::New(new) => make(new, ui),
        Command::List(list) => show_all(list, ui),
        Command::Revoke(revoke) => take_back(revoke, ui),
    }
}

fn make(args: &New, ui: Ui) -> Ending {
    let data = data(&args.folder)?;
    let now = OsClock::new().now();
    let expires = args.expires.as_deref().map(|text| expiry(text, now)).transpose();
    for category in &args.categories {
        if let Some(meant) = category.misspelled() {
            ui.warn(format_args!("{category} is a category of your own: did you mean {meant}?"));
        }
    }
    let new = NewToken {
        name: args.name.clone(),
        role: args.role,
        trails: Scope::of(args.trails.clone()),
        categories: Scope::of(args.categories.clone()),
        assert_principal: args.assert_principal,
        expires: expires.map_err(|why| Failure::cannot(format_args!("--expires: {why}")))?,
    };
    let made = Tokens::open(&data)?.create(new, now)?;
    if ui.json() {
        ui.object(&Made { token: made.secret.as_str(), kept: &made.token })?;
    } else {
        ui.line(made.secret.as_str())?;
        ui.note(format_args!("{}; it is shown once, and kept nowhere", describe(&made.token)));
    }
    let file = data.admin_token();
    match made.removed_admin_token {
        Ok(false) => {}
        Ok(true) if ui.json() => {}
        Ok(true) => ui.note(format_args!("removed {}: the token in it still counts", file.display())),
        Err(error) => ui.warn(error),
    }
    Ok(failure::OK)
}

/// The answer in JSON.
#[derive(serde::Serialize)]
struct Made<'a> {
    token: &'a str,
    #[serde(flatten)]
    kept: &'a Token,
}

fn show_all(args: &List, ui: Ui) -> Ending {
    let data = data(&args.folder)?;
    let tokens = Tokens::open(&data)?.list()?;
    if ui.json() {
        ui.object(&json!({"tokens": tokens}))?;
        return Ok(failure::OK);
    }
    if tokens.is_empty() {
        ui.line(format_args!("no tokens in {}", data.path().display()))?;
    }
    let now = OsClock::new().now();
    for Listed { token, last_used } in &tokens {
        let look = if token.expires.is_some_and(|end| end <= now) { Look::Faint } else { Look::Strong };
        let used = last_used.map_or("never used".to_owned(), |at| format!("last used {}", shown(at)));
        ui.line(format_args!("{}; made {}, {used}", ui.paint(look, describe(token)), shown(token.created)))?;
    }
    Ok(failure::OK)
}

fn take_back(args: &Revoke, ui: Ui) -> Ending {
    let token = Tokens::open(&data(&args.folder)?)?.revoke(&args.id)?;
    if ui.json() {
        ui.object(&json!({"revoked": token}))?;
    } else {
        ui.line(format_args!("revoked {}", describe(&token)))?;
    }
    Ok(failure::OK)
}

fn data(folder: &ServerFolder) -> Result<DataFolder, Failure> {
    Ok(folder.effective()?.settings.data)
}

/// A token in one line.
fn describe(token: &Token) -> String {
    let limited = |what: &str, names: Vec<String>| format!(", {what} {}", names.join(" "));
    let mut line = format!("{} {} ({})", token.role, token.name, token.id);
    if let Scope::Only(trails) = &token.trails {
        line += &limited("trails", trails.iter().map(TrailName::to_string).collect());
    }
    if let Scope::Only(categories) = &token.categories {
        line += &limited("categories", categories.iter().map(Category::to_string).collect());
    }
    if token.assert_principal && token.role != Role::Admin {
        line += ", may name any principal";
    }
    if let Some(end) = token.expires {
        line += &format!(", until {}", shown(end));
    }
    line
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Failure {
        let exit = match error {
            AuthError::Damaged { .. } | AuthError::Writable { .. } => FOUND,
            _ => failure::CANNOT,
        };
        Failure::cannot(error).exit(exit)
    }
}
