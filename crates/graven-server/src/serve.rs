//! Starts the server, takes connections, and ends in order: streams first, then what was accepted is answered.

mod bounded;
mod connections;
mod ending;
#[cfg(feature = "grpc")]
mod grpc;
mod handed;
mod handshake;
mod listener;
mod manager;
mod read_again;
mod unix;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::{Category, LastingTrail, Outcome};
use graven_search::SearchError;
use tokio::sync::watch;

use crate::auth::{AuthError, LoginCode, Secret, Sessions, Tokens};
use crate::blocking::Blocking;
use crate::body::Room;
use crate::jwt::Jwt;
use crate::limits::{Gate, open_files};
use crate::metrics::Metrics;
use crate::name::TrailName;
use crate::own::{self, Own};
use crate::settings::{Listen, Settings};
#[cfg(feature = "archive")]
use crate::shipping;
use crate::state::{Shared, State};
use crate::tls::{Tls, TlsError};
use crate::trails::{self, Trails};
use crate::{api, demo, indexing, verifying};

pub use ending::{Ask, Asked, Ended, signals};
pub use handed::Handed;

use connections::Connections;
use listener::{Accepted, Listener, Listens};

/// How often what was gathered for the server's own entries is looked at.
const TICK: Duration = Duration::from_secs(1);

/// The hour of the demo is always the same.
const DEMO_SEED: u64 = 4_728;

/// How long to wait when no connection can be taken, as when there are too many.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A trail cannot be opened.
    #[error(transparent)]
    Trail(#[from] graven::Error),
    /// A trail cannot be opened for searches.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The certificate of the server, or its key, cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The tokens cannot be read or made.
    #[error(transparent)]
    Tokens(#[from] AuthError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address, or the Unix socket.
        listen: Listen,
        /// Why not.
        source: io::Error,
    },
}

/// A server that is ready to take connections.
#[derive(Debug)]
pub struct Server {
    state: Shared,
    listener: Listener,
    /// Where it listens.
    listens: Listens,
    first_token: Option<Secret>,
    link: Option<String>,
}

impl Server {
    /// Opens the trails, makes the token of the first start, and listens.
    ///
    /// # Errors
    /// When any of these fails. Nothing was served then.
    pub async fn start(settings: Settings) -> Result<Server, ServeError> {
        Server::start_on(None, settings).await
    }

    /// The same on a socket that was handed over, if there is one. Then the settings name where it listens.
    ///
    /// # Errors
    /// As [`start`](Server::start).
    pub async fn start_on(handed: Option<Handed>, settings: Settings) -> Result<Server, ServeError> {
        let clock = OsClock::new();
        let tls = Tls::open(&settings.tls, clock.now())?;
        let tokens = Tokens::open(&settings.data)?;
        let first_token = tokens.first_start(clock.now())?;
        let trails = trails::open(&settings)?;
        if let Some(demo) = demo_of(&settings, &trails) {
            // It takes less than a second, and nothing is served yet that could wait for it.
            demo::fill(&demo.now(), DEMO_SEED, clock.now())?;
        }
        for served in trails.all() {
            // Ids that were used before the start count from the first request on.
            if let Err(problem) = served.catch_up().await {
                tracing::warn!(trail = %served.name(), error = problem.detail(), "the newest entries cannot be read yet");
            }
        }
        open_files::raise(settings.limits.connections);
        let cannot = |(listen, source)| ServeError::Listen { listen, source };
        let (listener, listens) = Listener::open(handed, &settings).await.map_err(cannot)?;
        let own = Own::new(trails.main().and_then(|main| main.writer().cloned()));
        let state = Arc::new(State {
            blocking: Blocking::new(&settings.limits),
            room: Room::new(&settings.limits),
            gate: Gate::new(&settings, &(Arc::new(OsClock::new()) as Arc<dyn Clock>)),
            jwt: Jwt::new(&settings.jwt),
            settings,
            tls,
            tokens,
            sessions: Sessions::default(),
            code: LoginCode::default(),
            cookie: api::cookie_name(listens.http.address().map_or(0, |address| address.port())),
            trails,
            own,
            metrics: Metrics::default(),
            clock,
            ending: watch::Sender::new(false),
        });
        let link = listens.http.address().and_then(|address| link(&state, address));
        Ok(Server { state, listener, listens, first_token, link })
    }

    /// The address at which it listens; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listens.http.address()
    }

    /// The address at which it listens for gRPC, if it does.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.listens.grpc
    }

    /// Where clients find it: the address of its page, or the Unix socket.
    pub fn url(&self) -> String {
        let listens = || self.listens.http.to_string();
        self.listens.http.address().map_or_else(listens, |address| url(&self.state, address))
    }

    /// The token that was made because there was none.
    pub fn first_token(&self) -> Option<&Secret> {
        self.first_token.as_ref()
    }

    /// An address of the page that logs in once, within five minutes, with the token of the first start. There is none once
    /// the file of that token is removed.
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// Serves until it is asked to end.
    pub async fn run(self, mut asked: Asked) -> Ended {
        let Server { state, listener, listens, .. } = self;
        let detail = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "listen": listens.http.to_string(),
            "settings": state.settings.changed(),
        });
        state.own.tell(Category::Config, own::STARTED, Outcome::Success, detail);
        if let Err(error) = indexing::start(Arc::clone(&state)) {
            tracing::warn!(
                error = error.to_string(),
                "no index is kept: searches read the entries one by one"
            );
        }
        let gathering = tokio::spawn(gather(Arc::clone(&state)));
        let demo = demo_of(&state.settings, &state.trails).cloned();
        let demo = demo.map(|demo| tokio::spawn(demo::go_on(demo, state.clock.random())));
        let verifications = tokio::spawn(verifying::on_schedule(Arc::clone(&state)));
        let watched = tokio::spawn(manager::watched(Arc::clone(&state)));
        #[cfg(feature = "archive")]
        let shipped =
            state.trails.all().map(|served| shipping::watch(Arc::clone(&state), Arc::clone(served)));
        #[cfg(feature = "archive")]
        let shipped: Vec<_> = shipped.map(tokio::spawn).collect();
        let connections = Connections::new(&state);
        // Clients can connect since the start, and from here on they are answered.
        manager::ready(&state, &listens.http);
        loop {
            tokio::select! {
                biased;
                ask = ending::next(&mut asked) => match ask {
                    Ask::End => break,
                    Ask::ReadAgain => drop(tokio::spawn(read_files_again(Arc::clone(&state)))),
                },
                accepted = listener.accept() => match accepted {
                    // One too many is closed without a word: an answer would take what there is too little of.
                    Ok(Accepted::Tcp(stream, peer)) => if let Ok(place) = state.gate.connect(peer.ip()) {
                        connections.serve(stream, peer, place);
                    },
                    #[cfg(feature = "grpc")]
                    Ok(Accepted::Grpc(stream, peer)) => if let Ok(place) = state.gate.connect(peer.ip()) {
                        connections.serve_grpc(stream, peer, place);
                    },
                    Ok(Accepted::Unix(stream, user)) => if let Ok(place) = state.gate.connect_here() {
                        connections.serve_here(stream, user, place);
                    },
                    Err(error) => {
                        tracing::warn!(error = error.to_string(), "no connection can be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        manager::ends();
        listener.end().await;
        watched.abort();
        gathering.abort();
        verifications.abort();
        demo.iter().for_each(tokio::task::JoinHandle::abort);
        #[cfg(feature = "archive")]
        shipped.iter().for_each(tokio::task::JoinHandle::abort);
        ending::end(state, connections, asked).await
    }
}

/// The link for the first look at the page. The code stands behind the `#`: browsers send that to no server, and no log has
/// it.
fn link(state: &Shared, mut address: SocketAddr) -> Option<String> {
    let token = state.tokens.first_token()?;
    let code = state.code.make(token, state.elapsed());
    let code =
        code.inspect_err(|error| tracing::warn!(error = error.to_string(), "there is no link to log in"));
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Some(format!("{}/#code={}", url(state, address), code.ok()?))
}

/// The address of the page. Over TLS it is the name by which clients call the server, if it has one: a certificate is for
/// names.
fn url(state: &State, address: SocketAddr) -> String {
    match (&state.tls, state.settings.hosts.first()) {
        (None, _) => format!("http://{address}"),
        (Some(_), Some(host)) => format!("https://{host}:{}", address.port()),
        (Some(_), None) => format!("https://{address}"),
    }
}

/// The trail that the demo fills, if there is to be one.
fn demo_of<'a>(settings: &Settings, trails: &'a Trails) -> Option<&'a LastingTrail> {
    settings.demo.then(|| trails.find(&TrailName::demo()))?.and_then(|demo| demo.writer())
}

/// Reads the files again because somebody asks for it, and says when that is done.
async fn read_files_again(state: Shared) {
    manager::reads_again();
    read_again::files(state, true).await;
    manager::has_read();
}

/// Fetches the keys for JWTs again, if that is long ago.
async fn refresh_keys(state: Shared) {
    if let Some(judge) = &state.jwt {
        judge.refresh(|| state.elapsed()).await;
    }
}

/// Records what the server gathers of itself.
async fn gather(state: Shared) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        state.own.flush(state.elapsed(), false);
        read_again::files(Arc::clone(&state), false).await;
        if state.jwt.is_some() {
            // Nothing here waits for another server.
            tokio::spawn(refresh_keys(Arc::clone(&state)));
        }
        for served in state.trails.all() {
            // Where it fails, the next entry with an id says why.
            let _ = served.catch_up().await;
        }
    }
}
