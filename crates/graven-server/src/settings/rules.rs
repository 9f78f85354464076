//! The rules that the settings must keep together, before a server starts.

use std::net::SocketAddr;
use std::path::Path;

use graven::clock::{Clock, OsClock};
use graven::disk::{Disk, OsDisk};
use graven::layout::Layout;
use graven::remains::must_hold_trail;

use super::{Effective, Settings, TrailSetting};
use crate::auth::Tokens;
use crate::name::TrailName;
use crate::tls::{Tls, TlsError};

/// A rule that the settings do not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The name of the rule.
    pub rule: &'static str,
    /// What is wrong.
    pub why: String,
    /// What to add or to run, line by line.
    pub add: Vec<String>,
}

impl Effective {
    /// The rules that these settings do not keep. A server with any of them does not start.
    ///
    /// Nothing is written. The rules look at the folders of the trails and at the token file.
    pub fn check(&self) -> Vec<Broken> {
        let settings = &self.settings;
        let mut broken = Vec::new();
        names(settings, &mut broken);
        main_is_recorded(settings, &mut broken);
        folders(settings, &mut broken);
        tokens(settings, &mut broken);
        transport(settings, &mut broken);
        otlp(settings, &mut broken);
        tls(settings, &mut broken);
        jwt(settings, &mut broken);
        archive(settings, &mut broken);
        limits(settings, &mut broken);
        broken
    }
}

fn names(settings: &Settings, broken: &mut Vec<Broken>) {
    for (place, trail) in settings.trails.iter().enumerate() {
        if settings.trails[..place].iter().any(|other| other.name == trail.name) {
            broken.push(Broken {
                rule: "trails.names",
                why: format!("two trails have the name {}", trail.name),
                add: Vec::new(),
            });
        }
    }
}

fn main_is_recorded(settings: &Settings, broken: &mut Vec<Broken>) {
    let own = |name: &TrailName| *name == TrailName::main() || (settings.demo && *name == TrailName::demo());
    for trail in settings.trails.iter().filter(|trail| trail.read_only && own(&trail.name)) {
        broken.push(Broken {
            rule: "trails.own",
            why: format!("the server records to {}: it cannot be one that is only read", trail.name),
            add: vec![format!("--trail {}={}", trail.name, trail.dir.display())],
        });
    }
}

/// Trails that are only read must be there, and no folder has two names.
fn folders(settings: &Settings, broken: &mut Vec<Broken>) {
    for trail in settings.trails.iter().filter(|trail| trail.read_only) {
        if let Err(error) = must_hold_trail(&OsDisk, &Layout::find(&OsDisk, &trail.dir)) {
            let (name, dir) = (&trail.name, trail.dir.display());
            broken.push(Broken {
                rule: "trails.read",
                why: format!("the trail {name} cannot be read from {dir}: {}", error.chain()),
                add: Vec::new(),
            });
        }
    }
    let place = |trail: &TrailSetting| real(&trail.dir);
    for (at, trail) in settings.trails.iter().enumerate() {
        let other = settings.trails[..at].iter().find(|other| place(other) == place(trail));
        if let Some(other) = other.filter(|other| other.name != trail.name) {
            broken.push(Broken {
                rule: "trails.apart",
                why: format!(
                    "{} and {} are one trail ({}): who may read one of them could read the other",
                    other.name,
                    trail.name,
                    trail.dir.display()
                ),
                add: Vec::new(),
            });
        }
    }
}

/// The one name of a path. One that is not there yet is named as it was given.
fn real(path: &Path) -> std::path::PathBuf {
    OsDisk.canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn tokens(settings: &Settings, broken: &mut Vec<Broken>) {
    if let Err(error) = Tokens::open(&settings.data) {
        broken.push(Broken { rule: "tokens.whole", why: error.to_string(), add: Vec::new() });
    }
}

/// Off loopback, what is sent can be read and changed on the way, and anybody can connect.
fn transport(settings: &Settings, broken: &mut Vec<Broken>) {
    // The permissions of a Unix socket say who may connect, and nobody else reads what is sent.
    let addresses: Vec<SocketAddr> =
        settings.listen.address().into_iter().chain(settings.otlp.grpc_listen).collect();
    if addresses.is_empty() && settings.tls.cert_file.is_some() {
        broken.push(Broken {
            rule: "listen.unix",
            why: "a Unix socket has no TLS: leave tls.cert_file out, or listen on an address".to_owned(),
            add: Vec::new(),
        });
    }
    for address in addresses.into_iter().filter(|address| !address.ip().to_canonical().is_loopback()) {
        reachable(address, settings, broken);
    }
}

/// For an address that other machines can reach.
fn reachable(address: SocketAddr, settings: &Settings, broken: &mut Vec<Broken>) {
    if !settings.insecure && settings.tls.cert_file.is_none() {
        broken.push(Broken {
            rule: "listen.tls",
            why: format!(
                "{address} can be reached from other machines, and without TLS what is sent can be read and changed on \
                 the way: name a certificate and its key, or put a proxy with TLS before it, and say so"
            ),
            add: [
                "tls.cert_file = \"cert.pem\"",
                "tls.key_file = \"key.pem\"",
                "# or, behind a proxy with TLS:",
                "insecure = true",
            ]
            .map(str::to_owned)
            .into(),
        });
    }
    if Tokens::open(&settings.data).is_ok_and(|tokens| tokens.is_empty()) {
        broken.push(Broken {
            rule: "listen.tokens",
            why: format!(
                "{address} can be reached from other machines, and there is no token yet: make one before"
            ),
            add: vec![format!("graven token new --role admin --data {}", settings.data.path().display())],
        });
    }
}

/// What comes as OTLP has a trail, and a build that speaks gRPC.
fn otlp(settings: &Settings, broken: &mut Vec<Broken>) {
    let name = &settings.otlp.trail;
    // That `main` is not only read is another rule.
    let can_record = |trail: &TrailSetting| !trail.read_only || trail.name == TrailName::main();
    if !settings.trails.iter().any(|trail| trail.name == *name && can_record(trail)) {
        broken.push(Broken {
            rule: "otlp.trail",
            why: format!("otlp.trail is {name}, and this server records to no trail of that name"),
            add: vec![format!("--trail {name}={}", settings.data.trail(name).display())],
        });
    }
    if settings.otlp.grpc_listen.is_some() && !cfg!(feature = "grpc") {
        broken.push(Broken {
            rule: "otlp.grpc",
            why: "this build does not speak gRPC: leave otlp.grpc_listen out, or build it with the feature `grpc`"
                .to_owned(),
            add: Vec::new(),
        });
    }
}

/// The certificate and its key are good, and nothing contradicts that there is TLS.
fn tls(settings: &Settings, broken: &mut Vec<Broken>) {
    if settings.insecure && settings.tls.cert_file.is_some() {
        broken.push(Broken {
            rule: "tls.insecure",
            why: "`insecure` says that a proxy speaks in clear with this server, and with tls.cert_file it speaks TLS \
                  only: leave one of them out"
                .to_owned(),
            add: Vec::new(),
        });
    }
    let opened = match settings.tls.about_clients() {
        Some(key) if settings.tls.client_ca_file.is_none() => Err(TlsError::NoAuthority { key }),
        _ => Tls::open(&settings.tls, OsClock::new().now()),
    };
    if let Err(error) = opened {
        broken.push(Broken { rule: "tls.files", why: error.to_string(), add: Vec::new() });
    }
}

/// Whose JWTs count is said whole.
fn jwt(settings: &Settings, broken: &mut Vec<Broken>) {
    let missing = settings.jwt.missing();
    if !missing.is_empty() {
        broken.push(Broken {
            rule: "jwt.whole",
            why: "jwt.jwks_url lets JWTs log in, and it is not said which ones, or what for: add what is missing, with \
                  your own values"
                .to_owned(),
            add: missing.into_iter().map(str::to_owned).collect(),
        });
    }
}

/// What is to be archived has an archive, and a build that ships, with what the environment says of it.
fn archive(settings: &Settings, broken: &mut Vec<Broken>) {
    let archive = &settings.archive;
    let Some(url) = &archive.url else {
        if archive.required || !archive.required_for.is_empty() {
            broken.push(Broken {
                rule: "archive.url",
                why: "archive.required and archive.required_for wait for an archive, and there is none: name it"
                    .to_owned(),
                add: vec!["archive.url = \"s3://BUCKET/PREFIX\"".to_owned()],
            });
        }
        return;
    };
    broken.extend(unusable(url));
}

/// Why an archive cannot be used, as far as the settings and the environment show it.
#[cfg(feature = "archive")]
fn unusable(url: &str) -> Option<Broken> {
    // A folder would be made, and nothing is to be written yet.
    if url.starts_with("file://") {
        return None;
    }
    let error = url.parse::<graven_archive::Address>().and_then(|address| address.open()).err()?;
    Some(Broken { rule: "archive.client", why: error.chain(), add: Vec::new() })
}

/// This build ships nothing.
#[cfg(not(feature = "archive"))]
fn unusable(_url: &str) -> Option<Broken> {
    let why =
        "this build ships nothing: leave archive.url out, or build it with the feature `archive`".to_owned();
    Some(Broken { rule: "archive.build", why, add: Vec::new() })
}

/// What belongs to one client is not more than all.
fn limits(settings: &Settings, broken: &mut Vec<Broken>) {
    let limits = &settings.limits;
    for (one, all, of_one, of_all) in [
        ("body_bytes", "bodies_bytes", limits.body_bytes, limits.bodies_bytes),
        ("connections_per_address", "connections", limits.connections_per_address, limits.connections),
        ("handshakes_per_address", "handshakes", limits.handshakes_per_address, limits.handshakes),
        ("requests_per_token", "requests", limits.requests_per_token, limits.requests),
        ("streams_per_token", "streams", limits.streams_per_token, limits.streams),
    ] {
        if of_one > of_all {
            broken.push(Broken {
                rule: "limits.one_of_all",
                why: format!(
                    "limits.{one} ({of_one}) is more than limits.{all} ({of_all}): one client could take all"
                ),
                add: Vec::new(),
            });
        }
    }
}
