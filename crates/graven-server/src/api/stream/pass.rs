//! What lets a stream go on: its token, and the session in which it was begun.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::access::SESSION_ENDED;
use crate::auth::{Caller, OpenSession};
use crate::problem::{Kind, Problem};
use crate::state::State;

/// How often it is looked whether the token or the session has expired, and whether another process has revoked the token.
const LOOK: Duration = Duration::from_secs(1);

/// What to say when the token is not good any more.
const TOKEN_ENDED: &str = "this token was revoked, or has expired, while the stream went on";

/// What lets a stream go on.
pub(super) struct Pass {
    caller: Arc<Caller>,
    /// The session of the page; none for a stream with a token.
    session: Option<OpenSession>,
    /// Hears of changes of the tokens.
    changes: watch::Receiver<()>,
    look_again: Instant,
}

impl Pass {
    pub(super) fn new(state: &State, caller: Arc<Caller>, session: Option<OpenSession>) -> Pass {
        // It was let in before it could hear of changes, so it is looked at once more.
        Pass { caller, session, changes: state.tokens.changes(), look_again: Instant::now() }
    }

    /// Waits until the stream may not go on; why. To give up waiting loses nothing.
    pub(super) async fn ended(&mut self, state: &State) -> Problem {
        loop {
            if Instant::now() >= self.look_again {
                if let Some(why) = self.refused(state) {
                    return Problem::new(Kind::Unauthorized, why);
                }
                self.look_again = Instant::now() + LOOK;
            }
            tokio::select! {
                () = logged_out(self.session.as_mut()) => {
                    return Problem::new(Kind::Unauthorized, SESSION_ENDED);
                }
                // It cannot fail: the sender is in the state.
                _ = self.changes.changed() => self.look_again = Instant::now(),
                () = sleep_until(self.look_again) => {}
            }
        }
    }

    /// Why the client would not be let in now.
    fn refused(&self, state: &State) -> Option<&'static str> {
        if !state.still_counts(&self.caller) {
            return Some(TOKEN_ENDED);
        }
        let has_ended = |session| !state.sessions.goes_on(session, state.elapsed());
        self.session.as_ref().is_some_and(has_ended).then_some(SESSION_ENDED)
    }
}

/// Waits for the end of a session, if there is one.
async fn logged_out(session: Option<&mut OpenSession>) {
    match session {
        Some(session) => session.ended().await,
        None => std::future::pending().await,
    }
}
