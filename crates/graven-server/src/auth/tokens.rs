//! The tokens of a server: who gets in, and how tokens are made and revoked.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::disk::{Disk, Hold, Lock, OsDisk};
use graven::durable;
use graven_core::hash::Hash;
use tokio::sync::watch;

use super::file::{self, Kept};
use super::known::Known;
use super::usage::{self, LastUse};
use super::{AuthError, Caller, NewToken, Refused, Role, Secret, TOKENS_MAX, Token, secret};
use crate::data::DataFolder;

/// How long a change waits for another process that changes the tokens. It takes milliseconds, unless the disk is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tokens in a server's folder, as its requests and its commands see them.
///
/// The file is looked at for each request, and read again when it has changed. So a token that was made or revoked, by
/// this process or another, counts from the next request on. While the file cannot be read, nobody gets in.
#[derive(Debug)]
pub struct Tokens {
    data: DataFolder,
    known: RwLock<Arc<Known>>,
    /// Held while the file is read, so that one thread reads it and the others wait for that.
    reading: Mutex<()>,
    /// Told each time that the file was read again.
    changed: watch::Sender<()>,
    /// The last uses that this process has seen.
    used: Mutex<LastUse>,
}

/// A token that was made.
#[derive(Debug)]
pub struct Made {
    /// The token itself: show it now, it is kept nowhere.
    pub secret: Secret,
    /// What is kept of it.
    pub token: Token,
    /// Whether the file with the token of the first start was there, and is removed.
    pub removed_admin_token: Result<bool, AuthError>,
}

/// A token in a list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// When it was used last, as far as it is known.
    pub last_used: Option<DateTime<Utc>>,
}

impl Tokens {
    /// Reads the tokens in a server's folder. No file means: nobody gets in, until there is a token.
    ///
    /// # Errors
    ///
    /// When the file is damaged, cannot be read, or others may write to it.
    pub fn open(data: &DataFolder) -> Result<Tokens, AuthError> {
        // For its error, which the one below keeps for the answers.
        file::read(&data.tokens())?;
        Ok(Tokens {
            known: RwLock::new(Arc::new(Known::read(&data.tokens()))),
            data: data.clone(),
            reading: Mutex::default(),
            changed: watch::Sender::new(()),
            used: Mutex::default(),
        })
    }

    /// Whether there is any token.
    pub fn is_empty(&self) -> bool {
        self.now_known().rows.as_ref().is_ok_and(HashMap::is_empty)
    }

    /// Who sends a request with this token.
    ///
    /// It looks at one file's metadata, and reads the file only when it has changed.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub fn check(&self, text: &str, now: DateTime<Utc>) -> Result<Arc<Caller>, Refused> {
        self.check_hash(text, now).map(|(_, caller)| caller)
    }

    /// The same, with the hash of the token, for sessions.
    pub(crate) fn check_hash(&self, text: &str, now: DateTime<Utc>) -> Result<(Hash, Arc<Caller>), Refused> {
        let hash = secret::read(text).ok_or(Refused::Malformed)?;
        Ok((hash, self.caller(&hash, now)?))
    }

    /// Who sends a request with the token that has this hash.
    pub(crate) fn caller(&self, hash: &Hash, now: DateTime<Utc>) -> Result<Arc<Caller>, Refused> {
        let known = self.now_known();
        let rows = known.rows.as_ref().map_err(|error| Refused::Unavailable(Arc::clone(error)))?;
        let row = rows.get(hash).ok_or(Refused::Unknown)?;
        if row.token.expires.is_some_and(|expires| expires <= now) {
            let (id, name) = (row.token.id.clone(), row.token.name.clone());
            return Err(Refused::Expired { id, name });
        }
        self.used_at(&row.token.id, now);
        Ok(Arc::clone(&row.caller))
    }

    /// Whether a caller that was let in would be let in again: for answers that go on for long.
    pub fn still_counts(&self, caller: &Caller, now: DateTime<Utc>) -> bool {
        let known = self.now_known();
        let is_good = |token: &Token| token.expires.is_none_or(|expires| expires > now);
        known
            .rows
            .as_ref()
            .is_ok_and(|rows| rows.values().any(|row| row.token.id == caller.id && is_good(&row.token)))
    }

    /// Hears each time that this process has seen other tokens than before: for answers that go on for long.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Makes the token of the first start, if there is no file of tokens. It also lies in `DATA/admin-token`, until
    /// another token is made.
    ///
    /// # Errors
    ///
    /// When a file cannot be written. Then nothing has begun: the next start is the first one again.
    pub fn first_start(&self, now: DateTime<Utc>) -> Result<Option<Secret>, AuthError> {
        let _lock = self.lock()?;
        if file::read(&self.data.tokens())?.is_some() {
            return Ok(None);
        }
        let new = NewToken { name: Some("admin".to_owned()), ..NewToken::new(Role::Admin) };
        let (secret, kept) = make(new, now)?;
        // The token's own file first: after a crash between the two, the next start makes another token, and puts that one
        // here. The other way round, nobody would know the token that counts.
        let (path, line) = (self.data.admin_token(), format!("{}\n", secret.as_str()));
        durable::replace(&OsDisk, &path, line.as_bytes()).map_err(|source| AuthError::File {
            doing: "write",
            path,
            source,
        })?;
        file::write(&self.data.tokens(), vec![kept])?;
        Ok(Some(secret))
    }

    /// The hash of the token of the first start, while its file is there.
    pub(crate) fn first_token(&self) -> Option<Hash> {
        // It is not there any more, or nobody may read it: then there is no link, and a token logs in.
        let text = durable::read_file(&OsDisk, &self.data.admin_token()).ok()?;
        secret::read(std::str::from_utf8(&text).ok()?.trim())
    }

    /// Makes a token, and removes the file with that of the first start.
    ///
    /// # Errors
    ///
    /// When no such token can be made, or the file of the tokens cannot be read or written.
    pub fn create(&self, new: NewToken, now: DateTime<Utc>) -> Result<Made, AuthError> {
        let (secret, kept) = make(new, now)?;
        let token = kept.token.clone();
        let _lock = self.lock()?;
        let mut tokens = file::read(&self.data.tokens())?.unwrap_or_default();
        if tokens.len() >= TOKENS_MAX {
            return Err(AuthError::Invalid(format!("there are {TOKENS_MAX} tokens: revoke some first")));
        }
        if tokens.iter().any(|other| other.token.id == token.id) {
            return Err(AuthError::Invalid("the random numbers of this machine repeat".to_owned()));
        }
        tokens.push(kept);
        file::write(&self.data.tokens(), tokens)?;
        let path = self.data.admin_token();
        let removed_admin_token = match OsDisk.remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // The new token counts already, so this is no reason to keep it back.
            Err(source) => Err(AuthError::File { doing: "remove", path, source }),
        };
        Ok(Made { secret, token, removed_admin_token })
    }

    /// Revokes the token with this id, or with this name if only one has it.
    ///
    /// # Errors
    ///
    /// When there is none or several, or the file of the tokens cannot be read or written.
    pub fn revoke(&self, id_or_name: &str) -> Result<Token, AuthError> {
        let _lock = self.lock()?;
        let mut tokens = file::read(&self.data.tokens())?.unwrap_or_default();
        let place = match tokens.iter().position(|kept| kept.token.id == id_or_name) {
            Some(place) => place,
            None => place_of(&tokens, id_or_name)?,
        };
        let revoked = tokens.remove(place);
        file::write(&self.data.tokens(), tokens)?;
        // What goes on in its name ends now, and not when the next request has the file read.
        drop(self.now_known());
        Ok(revoked.token)
    }

    /// All tokens, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// When the file of the tokens cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, AuthError> {
        let tokens = file::read(&self.data.tokens())?.unwrap_or_default();
        let mut used = usage::read(&self.data.token_use());
        usage::merge(&mut used, &self.used());
        let listed = |token: Token| Listed { last_used: used.get(&token.id).copied(), token };
        Ok(tokens.into_iter().map(|kept| listed(kept.token)).collect())
    }

    /// Writes down when each token was used last. A server calls it now and then, and at its end; it waits for the disk.
    ///
    /// # Errors
    ///
    /// When the file cannot be written. Nothing depends on it.
    pub fn save_use(&self) -> Result<(), AuthError> {
        let path = self.data.token_use();
        let _lock = self.lock()?;
        let before = usage::read(&path);
        let mut all = before.clone();
        usage::merge(&mut all, &self.used());
        if let Some(tokens) = file::read(&self.data.tokens())? {
            all.retain(|id, _| tokens.iter().any(|kept| kept.token.id == *id));
        }
        if all == before { Ok(()) } else { usage::write(&path, &all) }
    }

    fn used(&self) -> MutexGuard<'_, LastUse> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used_at(&self, id: &str, now: DateTime<Utc>) {
        let mut used = self.used();
        match used.get_mut(id) {
            Some(last) => *last = now.max(*last),
            None => drop(used.insert(id.to_owned(), now)),
        }
    }

    /// Held by one process at a time while it changes the tokens. The folder is made if there is none.
    fn lock(&self) -> Result<Arc<dyn Lock>, AuthError> {
        let path = self.data.path().to_owned();
        let cannot = |doing| {
            let path = path.clone();
            move |source| AuthError::File { doing, path, source }
        };
        durable::create_dir_all(&OsDisk, &path).map_err(cannot("make"))?;
        let lock = OsDisk.open_lock(&path).map_err(cannot("lock"))?;
        if lock.lock_within(Hold::Exclusive, PATIENCE).map_err(cannot("lock"))? {
            return Ok(lock);
        }
        Err(AuthError::Busy { path })
    }

    /// What is known of the file as it is at this moment.
    fn now_known(&self) -> Arc<Known> {
        let path = self.data.tokens();
        let known = self.known();
        if known.is_current(&path) {
            return known;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have read it while this one waited.
        let known = self.known();
        if known.is_current(&path) {
            return known;
        }
        let known = Arc::new(Known::read(&path));
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        self.changed.send_replace(());
        known
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn make(new: NewToken, now: DateTime<Utc>) -> Result<(Secret, Kept), AuthError> {
    let secret = Secret::make()
        .map_err(|error| AuthError::Invalid(format!("the system gives no random numbers: {error}")))?;
    let kept = new.kept(secret.hash(), now)?;
    Ok((secret, kept))
}

/// Where the only token with this name is.
fn place_of(tokens: &[Kept], name: &str) -> Result<usize, AuthError> {
    let places: Vec<usize> = (0..tokens.len()).filter(|place| tokens[*place].token.name == name).collect();
    match places[..] {
        [place] => Ok(place),
        [] => Err(AuthError::NotFound(name.to_owned())),
        _ => {
            let ids = places.into_iter().map(|place| tokens[place].token.id.clone()).collect();
            Err(AuthError::Ambiguous { name: name.to_owned(), ids })
        }
    }
}
