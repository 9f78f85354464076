//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::clock::{Clock, OsClock};
use tokio::sync::watch;

use crate::auth::{Caller, Login, LoginCode, Sessions, Tokens};
use crate::blocking::Blocking;
use crate::body::Room;
use crate::jwt::{self, Jwt};
use crate::limits::Gate;
use crate::metrics::Metrics;
use crate::own::Own;
use crate::settings::Settings;
use crate::tls::Tls;
use crate::trails::Trails;

/// The server, as a request sees it. Cheap to clone.
pub(crate) type Shared = Arc<State>;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    /// The certificate of the server, if it speaks TLS. Then it speaks nothing else.
    pub(crate) tls: Option<Tls>,
    /// What judges JWTs, if some log in.
    pub(crate) jwt: Option<Jwt>,
    /// Who is logged in at the page.
    pub(crate) sessions: Sessions,
    /// What logs in once, after the start.
    pub(crate) code: LoginCode,
    /// The name of the cookie of sessions.
    pub(crate) cookie: String,
    /// What each client takes, and may take.
    pub(crate) gate: Gate,
    pub(crate) trails: Trails,
    /// What the server records of itself.
    pub(crate) own: Own,
    /// The threads for work that blocks.
    pub(crate) blocking: Blocking,
    /// The memory for bodies that are read whole.
    pub(crate) room: Room,
    /// What is counted for operators.
    pub(crate) metrics: Metrics,
    pub(crate) clock: OsClock,
    /// Whether the server ends.
    pub(crate) ending: watch::Sender<bool>,
}

impl State {
    /// The time of day.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The time since the server started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Whether a caller that was let in would be let in again: for answers that go on for long.
    pub(crate) fn still_counts(&self, caller: &Caller) -> bool {
        match &caller.login {
            Login::Token => self.tokens.still_counts(caller, self.now()),
            Login::User => true,
            Login::Jwt => jwt::still_counts(caller, self.now()),
            Login::Certificate(shown) => self.tls.as_ref().is_some_and(|tls| tls.is_good(shown, self.now())),
        }
    }

    /// Waits until the server ends. Streams wait for it beside what they send, so that they end first.
    pub(crate) async fn ends(&self) {
        let mut ending = self.ending.subscribe();
        // It cannot fail: the sender is in this state.
        let _ = ending.wait_for(|ends| *ends).await;
    }
}
