//! The code in the link that `serve` prints: it logs in once, soon after the start.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use graven_core::hash::Hash;

use super::secret;

/// How long after the start a code is good.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// The code of a server, until it is used.
#[derive(Debug, Default)]
pub struct LoginCode(Mutex<Option<Code>>);

/// A code that was not used yet.
#[derive(Debug)]
struct Code {
    /// Its hash. The code itself is shown once, as tokens are.
    hash: Hash,
    /// The hash of the token that it logs in with.
    token: Hash,
    /// Until when it is good, from the start of the server.
    until: Duration,
}

impl LoginCode {
    /// Makes a code for the token with this hash; it takes the place of the one before.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub(crate) fn make(&self, token: Hash, now: Duration) -> io::Result<String> {
        let text = secret::random()?;
        let code = Code { hash: secret::hash(&text), token, until: now + LIFE };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        Ok(text)
    }

    /// Uses the code up: the hash of the token that it logs in with. A wrong guess leaves it as it is.
    pub(crate) fn take(&self, text: &str, now: Duration) -> Option<Hash> {
        let mut code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = secret::hash(text);
        let used = code.take_if(|code| code.hash == hash || now >= code.until)?;
        (used.hash == hash && now < used.until).then_some(used.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Hash = Hash::from_bytes([7; 32]);

    #[test]
    fn a_code_logs_in_once() {
        let link = LoginCode::default();
        let code = link.make(TOKEN, Duration::ZERO).unwrap();
        for wrong in ["", &code[1..], &code.to_ascii_uppercase(), &secret::random().unwrap()] {
            assert_eq!(link.take(wrong, Duration::ZERO), None);
        }
        assert_eq!(link.take(&code, LIFE - Duration::from_millis(1)), Some(TOKEN));
        assert_eq!(link.take(&code, Duration::ZERO), None);
    }

    #[test]
    fn a_code_is_good_for_five_minutes_and_until_there_is_another() {
        let link = LoginCode::default();
        let code = link.make(TOKEN, Duration::ZERO).unwrap();
        assert_eq!(link.take(&code, Duration::from_secs(300)), None);
        assert_eq!(link.take(&code, Duration::ZERO), None, "it was thrown away");
        let first = link.make(TOKEN, Duration::ZERO).unwrap();
        let second = link.make(TOKEN, Duration::ZERO).unwrap();
        assert_eq!(link.take(&first, Duration::ZERO), None);
        assert_eq!(link.take(&second, Duration::ZERO), Some(TOKEN));
    }
}
