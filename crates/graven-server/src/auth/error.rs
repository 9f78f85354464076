//! Why a token is refused, and why the tokens cannot be read or changed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a token is refused. The answer to a client says the same of the first three, so that nobody can find out which
/// tokens there were.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// No token has this form: it was typed or cut wrongly.
    #[error("this is no token: it is not whole, or a character of it is wrong")]
    Malformed,
    /// No such token was made here, or it was revoked.
    #[error("there is no such token: it was revoked, or it is from another server")]
    Unknown,
    /// It was valid until some time ago.
    #[error("the token {name} ({id}) has expired")]
    Expired {
        /// The id of the token.
        id: String,
        /// The name of the token.
        name: String,
    },
    /// The client has a certificate of an authority that counts, and no row of the table is for it.
    #[error("no row of the setting `tls.clients` is for the certificate of {name}")]
    NoRow {
        /// Whom the certificate is for.
        name: String,
    },
    /// The JWT does not count here.
    #[error("{0}")]
    Jwt(&'static str),
    /// The keys that judge JWTs were never fetched.
    #[error("the keys for JWTs were never fetched")]
    NoKeys,
    /// The client's certificate was good when the connection began.
    #[error("the client's certificate was revoked or has expired since its connection began")]
    CertificateEnded,
    /// The file of the tokens cannot be read. Nobody gets in until it can be.
    #[error(transparent)]
    Unavailable(Arc<AuthError>),
}

/// Why the tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file in the server's folder cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was to be done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of the tokens is not as this program writes it.
    #[error(
        "the token file {} is damaged ({why}): nobody gets in until it is repaired; restore it from a copy, or move it \
         away and make new tokens with `graven token new --role admin`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Others than its owner may write to the file of the tokens.
    #[error(
        "the token file {} can be written by others (its mode is {mode:o}): run `chmod 600` on it, and look whether \
         someone has added a token",
        path.display()
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another process changes the tokens, for longer than anybody should.
    #[error("another process is changing the tokens in {}: try again when it is done", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Such a token cannot be made.
    #[error("{0}")]
    Invalid(String),
    /// No token has this id or name.
    #[error("there is no token {0:?}: `graven token list` shows them")]
    NotFound(String),
    /// Several tokens have this name.
    #[error("{name:?} is the name of several tokens: revoke one by its id: {}", ids.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
}
