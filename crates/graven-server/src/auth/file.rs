//! The file of the tokens: its form, how it is read, and how it is replaced.

use std::path::Path;

use chrono::{DateTime, Utc};
use graven::disk::{Disk, OsDisk};
use graven::{Category, durable};
use graven_core::hash::Hash;
use serde::{Deserialize, Serialize};

use super::{AuthError, Caller, Login, Role, Scope, secret};
use crate::name::TrailName;

/// The most tokens that a server has.
pub const TOKENS_MAX: usize = 10_000;

/// The most bytes of the name of a token. It becomes the principal of entries.
pub const NAME_BYTES_MAX: usize = 128;

/// What the names of those begin with who come without a token of this server. No new token has such a name: its entries
/// would look like theirs.
const RESERVED: [&str; 3] = [CERTIFICATE, JWT, USER];

/// The names of those who come with a certificate.
pub(crate) const CERTIFICATE: &str = "cert:";
/// The names of those who come with a JWT.
pub(crate) const JWT: &str = "jwt:";
/// The names of those who come by a Unix socket.
pub(crate) const USER: &str = "uid:";

/// The version of the file's form.
const VERSION: u32 = 1;

/// The permissions that nobody but the owner may have on the file.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A token, as it is kept: all but the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What names it: the first 12 hexadecimal digits of its hash.
    pub id: String,
    /// The principal of the entries that are handed in with it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The trails that it is limited to.
    pub trails: Scope<TrailName>,
    /// The categories of entries that it is limited to.
    pub categories: Scope<Category>,
    /// Whether it may hand in entries with a principal that is not its name. An admin always may.
    pub assert_principal: bool,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// From when on it is refused.
    pub expires: Option<DateTime<Utc>>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The SHA-256 of the token.
    pub(super) sha256: Hash,
    pub(super) token: Token,
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The principal of the entries that are handed in with it. Default: the role and the id.
    pub name: Option<String>,
    /// What it is for.
    pub role: Role,
    /// The trails that it is limited to. Default: all.
    pub trails: Scope<TrailName>,
    /// The categories of entries that it is limited to. Default: all.
    pub categories: Scope<Category>,
    /// Whether it may hand in entries with a principal that is not its name. Default: only an admin may.
    pub assert_principal: bool,
    /// From when on it is refused. Default: never.
    pub expires: Option<DateTime<Utc>>,
}

impl NewToken {
    /// A token with this role and every default.
    pub fn new(role: Role) -> NewToken {
        NewToken {
            name: None,
            role,
            trails: Scope::All,
            categories: Scope::All,
            assert_principal: false,
            expires: None,
        }
    }

    /// What is kept of it.
    pub(super) fn kept(self, sha256: Hash, now: DateTime<Utc>) -> Result<Kept, AuthError> {
        let id = secret::id(&sha256);
        let token = Token {
            name: self.name.unwrap_or_else(|| format!("{}-{id}", self.role)),
            id,
            role: self.role,
            trails: self.trails,
            categories: self.categories,
            assert_principal: self.assert_principal || self.role == Role::Admin,
            created: now,
            expires: self.expires,
        };
        if token.expires.is_some_and(|expires| expires <= now) {
            return Err(AuthError::Invalid("a token that has expired already is of no use".to_owned()));
        }
        token.check().map_err(AuthError::Invalid)?;
        if let Some(prefix) = RESERVED.iter().find(|prefix| token.name.starts_with(*prefix)) {
            return Err(AuthError::Invalid(format!(
                "a name that begins with {prefix:?} belongs to somebody who has no token"
            )));
        }
        Ok(Kept { sha256, token })
    }
}

impl Token {
    /// Who sends a request with it.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            trails: self.trails.clone(),
            categories: self.categories.clone(),
            assert_principal: self.assert_principal,
            expires: self.expires,
            login: Login::Token,
        }
    }

    /// Whether it is a token that this program makes.
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let is_plain = !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control);
        if !is_plain || name.len() > NAME_BYTES_MAX {
            return Err(format!(
                "a name has 1 to {NAME_BYTES_MAX} bytes, no control characters, and no space at its ends"
            ));
        }
        let is_limited = self.trails.is_limited() || self.categories.is_limited();
        if self.role == Role::Admin && is_limited {
            return Err(
                "an admin may make tokens without limits, so its own token cannot be limited to trails or \
                        categories"
                    .to_owned(),
            );
        }
        if self.role == Role::Admin && !self.assert_principal {
            return Err(format!("the admin {} may name any principal, and the file says otherwise", self.id));
        }
        Ok(())
    }
}

/// All of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    version: u32,
    tokens: Vec<Kept>,
}

/// Reads the file. `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Kept>>, AuthError> {
    let cannot = |source| AuthError::File { doing: "read", path: path.to_owned(), source };
    if !durable::exists(&OsDisk, path).map_err(cannot)? {
        return Ok(None);
    }
    let mode = OsDisk.metadata(path).map_err(cannot)?.access.mode;
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(AuthError::Writable { path: path.to_owned(), mode });
    }
    let bytes = durable::read_file(&OsDisk, path).map_err(cannot)?;
    parse(&bytes).map(Some).map_err(|why| AuthError::Damaged { path: path.to_owned(), why })
}

fn parse(bytes: &[u8]) -> Result<Vec<Kept>, String> {
    let whole: Whole = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if whole.version != VERSION {
        return Err(format!("it has the version {}, and this program knows {VERSION}", whole.version));
    }
    let mut ids: Vec<&str> = Vec::with_capacity(whole.tokens.len());
    for Kept { sha256, token } in &whole.tokens {
        token.check()?;
        if token.id != secret::id(sha256) {
            return Err(format!("the id {} is not that of its hash", token.id));
        }
        ids.push(&token.id);
    }
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the token {} is in it twice", twice[0]));
    }
    Ok(whole.tokens)
}

/// Replaces the file, whole and durably. It can be read by its owner only.
pub(super) fn write(path: &Path, tokens: Vec<Kept>) -> Result<(), AuthError> {
    let cannot = |source| AuthError::File { doing: "write", path: path.to_owned(), source };
    let whole = Whole { version: VERSION, tokens };
    let mut bytes = serde_json::to_vec_pretty(&whole).map_err(|error| cannot(error.into()))?;
    bytes.push(b'\n');
    durable::replace(&OsDisk, path, &bytes).map_err(cannot)
}
