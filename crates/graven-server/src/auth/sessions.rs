//! Who is logged in at the page: a random id in a cookie stands for a token, which the browser then need not keep.
//!
//! Sessions are in memory only. A restart of the server ends all of them, and so does the end of their token.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::hash::Hash;
use tokio::sync::watch;

use super::secret;

/// After this time without a request a session has ended.
const IDLE_MAX: Duration = Duration::from_secs(12 * 3600);

/// After this time a session has ended, however much it is used.
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most sessions of one token. One more takes the place of the one that was not used for longest.
const OF_ONE_TOKEN_MAX: usize = 32;

/// The most sessions of all tokens.
const SESSIONS_MAX: usize = 4_096;

/// The sessions of a server. Times are those since its start.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By the hash of the id, as tokens are: who can read this memory by some fault cannot log in with what it says.
    open: Mutex<HashMap<Hash, Session>>,
}

/// One browser that is logged in.
#[derive(Debug)]
struct Session {
    /// The hash of the token that it stands for.
    token: Hash,
    begun: Duration,
    used: Duration,
    /// Dropped with the session: who follows it hears of that.
    open: watch::Sender<()>,
}

/// A session in which a request came, for an answer that goes on for long.
#[derive(Debug, Clone)]
pub(crate) struct OpenSession {
    /// The hash of the token that it stands for.
    pub(crate) token: Hash,
    key: Hash,
    open: watch::Receiver<()>,
}

impl OpenSession {
    /// Waits until the session is ended: somebody has logged out, or it was found to be over.
    pub(crate) async fn ended(&mut self) {
        // Nothing is ever sent, so this is the end of the sender.
        while self.open.changed().await.is_ok() {}
    }
}

impl Session {
    fn has_ended(&self, now: Duration) -> bool {
        now.saturating_sub(self.used) >= IDLE_MAX || now.saturating_sub(self.begun) >= LIFE_MAX
    }
}

impl Sessions {
    /// Begins a session of the token with this hash. The text is for the cookie, and kept nowhere.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub(crate) fn begin(&self, token: Hash, now: Duration) -> io::Result<String> {
        let id = secret::random()?;
        let mut open = self.open();
        open.retain(|_, session| !session.has_ended(now));
        if open.values().filter(|session| session.token == token).count() >= OF_ONE_TOKEN_MAX {
            end_oldest(&mut open, |session| session.token == token);
        }
        if open.len() >= SESSIONS_MAX {
            end_oldest(&mut open, |_| true);
        }
        let session = Session { token, begun: now, used: now, open: watch::Sender::new(()) };
        open.insert(secret::hash(&id), session);
        Ok(id)
    }

    /// The session with this id, if it goes on. Asking counts as a use of it.
    pub(crate) fn enter(&self, id: &str, now: Duration) -> Option<OpenSession> {
        let key = secret::hash(id);
        let mut open = self.open();
        let session = open.get_mut(&key)?;
        if session.has_ended(now) {
            open.remove(&key);
            return None;
        }
        session.used = session.used.max(now);
        Some(OpenSession { token: session.token, key, open: session.open.subscribe() })
    }

    /// Whether a session that was entered goes on. Asking is no use of it.
    pub(crate) fn goes_on(&self, session: &OpenSession, now: Duration) -> bool {
        self.open().get(&session.key).is_some_and(|session| !session.has_ended(now))
    }

    /// Ends a session, if there is one with this id.
    pub(crate) fn end(&self, id: &str) {
        self.open().remove(&secret::hash(id));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Hash, Session>> {
        // A thread that panicked left whole sessions.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the session of these that was not used for longest.
fn end_oldest(open: &mut HashMap<Hash, Session>, of: impl Fn(&Session) -> bool) {
    let these = open.iter().filter(|(_, session)| of(session));
    if let Some(oldest) = these.min_by_key(|(_, session)| session.used).map(|(key, _)| *key) {
        open.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const fn token(number: u8) -> Hash {
        Hash::from_bytes([number; 32])
    }

    fn token_of(sessions: &Sessions, id: &str, now: Duration) -> Option<Hash> {
        sessions.enter(id, now).map(|session| session.token)
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_session_stands_for_its_token_until_it_is_ended() {
        let sessions = Sessions::default();
        let id = sessions.begin(token(1), second(0)).unwrap();
        assert_eq!(id.len(), 43);
        assert_eq!(token_of(&sessions, &id, second(1)), Some(token(1)));
        assert_eq!(token_of(&sessions, "", second(1)), None);
        assert_eq!(token_of(&sessions, &id[1..], second(1)), None);
        sessions.end(&id);
        assert_eq!(token_of(&sessions, &id, second(1)), None);
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_at_the_latest_after_a_week() {
        let sessions = Sessions::default();
        let (idle, used) =
            (sessions.begin(token(1), second(0)).unwrap(), sessions.begin(token(1), second(0)).unwrap());
        let step = IDLE_MAX - second(1);
        let mut now = Duration::ZERO;
        while now + step < LIFE_MAX {
            now += step;
            assert_eq!(token_of(&sessions, &used, now), Some(token(1)), "{now:?}");
        }
        assert_eq!(token_of(&sessions, &idle, now), None);
        assert_eq!(token_of(&sessions, &used, LIFE_MAX), None);
    }

    #[test]
    fn who_is_in_a_session_hears_of_its_end_and_does_not_prolong_it() {
        let sessions = Sessions::default();
        let has_ended = |session: &mut OpenSession| {
            let mut ended = std::pin::pin!(session.ended());
            ended.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        let enter = |id: &str| sessions.enter(id, second(0)).unwrap();
        let ids: Vec<String> = (0..2).map(|_| sessions.begin(token(1), second(0)).unwrap()).collect();
        let (mut out, mut stays) = (enter(&ids[0]), enter(&ids[1]));
        sessions.end(&ids[0]);
        assert!(has_ended(&mut out) && !has_ended(&mut stays));
        assert!(!sessions.goes_on(&out, second(1)));
        let last = IDLE_MAX - second(1);
        assert!(sessions.goes_on(&stays, last) && !sessions.goes_on(&stays, IDLE_MAX));
        assert_eq!(token_of(&sessions, &ids[1], IDLE_MAX), None);
        assert!(has_ended(&mut stays), "it was found to be over");
    }

    #[test]
    fn there_are_never_more_than_the_bounds() {
        let sessions = Sessions::default();
        let others = sessions.begin(token(0), second(0)).unwrap();
        let of_one: Vec<String> = (0..=OF_ONE_TOKEN_MAX as u64)
            .map(|number| sessions.begin(token(1), second(1 + number)).unwrap())
            .collect();
        let now = second(100);
        assert_eq!(token_of(&sessions, &of_one[0], now), None, "one more takes the place of the oldest");
        assert_eq!(token_of(&sessions, &of_one[1], now), Some(token(1)));
        assert_eq!(token_of(&sessions, &others, now), Some(token(0)), "and never that of another token");
        for number in 0..=SESSIONS_MAX as u64 {
            let token = graven_core::hash::sha256(&number.to_be_bytes());
            sessions.begin(token, second(200)).unwrap();
        }
        assert_eq!(sessions.open().len(), SESSIONS_MAX);
        assert_eq!(token_of(&sessions, &others, second(201)), None);
    }
}
