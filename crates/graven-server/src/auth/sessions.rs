//! Who is logged in at the page: a random id in a cookie stands for a token, which the browser then need not keep.
//!
//! Sessions are in memory only. A restart of the server ends all of them, and so does the end of their token.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::hash::Hash;

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
        open.insert(secret::hash(&id), Session { token, begun: now, used: now });
        Ok(id)
    }

    /// The hash of the token for which a session stands, if it goes on. Asking counts as a use of it.
    pub(crate) fn token(&self, id: &str, now: Duration) -> Option<Hash> {
        let key = secret::hash(id);
        let mut open = self.open();
        let session = open.get_mut(&key)?;
        if session.has_ended(now) {
            open.remove(&key);
            return None;
        }
        session.used = session.used.max(now);
        Some(session.token)
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
    use super::*;

    const fn token(number: u8) -> Hash {
        Hash::from_bytes([number; 32])
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_session_stands_for_its_token_until_it_is_ended() {
        let sessions = Sessions::default();
        let id = sessions.begin(token(1), second(0)).unwrap();
        assert_eq!(id.len(), 43);
        assert_eq!(sessions.token(&id, second(1)), Some(token(1)));
        assert_eq!(sessions.token("", second(1)), None);
        assert_eq!(sessions.token(&id[1..], second(1)), None);
        sessions.end(&id);
        assert_eq!(sessions.token(&id, second(1)), None);
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
            assert_eq!(sessions.token(&used, now), Some(token(1)), "{now:?}");
        }
        assert_eq!(sessions.token(&idle, now), None);
        assert_eq!(sessions.token(&used, LIFE_MAX), None);
    }

    #[test]
    fn there_are_never_more_than_the_bounds() {
        let sessions = Sessions::default();
        let others = sessions.begin(token(0), second(0)).unwrap();
        let of_one: Vec<String> = (0..=OF_ONE_TOKEN_MAX as u64)
            .map(|number| sessions.begin(token(1), second(1 + number)).unwrap())
            .collect();
        let now = second(100);
        assert_eq!(sessions.token(&of_one[0], now), None, "one more takes the place of the oldest");
        assert_eq!(sessions.token(&of_one[1], now), Some(token(1)));
        assert_eq!(sessions.token(&others, now), Some(token(0)), "and never that of another token");
        for number in 0..=SESSIONS_MAX as u64 {
            let token = graven_core::hash::sha256(&number.to_be_bytes());
            sessions.begin(token, second(200)).unwrap();
        }
        assert_eq!(sessions.open().len(), SESSIONS_MAX);
        assert_eq!(sessions.token(&others, second(201)), None);
    }
}
